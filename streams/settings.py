"""What can be set from the environment, read once, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from metering.rules import MS_PER_HOUR, Rules
from settings.environ import Reader, one_of, seconds, thousandths, whole, zone
from streams.brokers import Brokers

MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between two checkpoints of a partition, per hop: how fresh a total is, and what it costs."""

    hours: float = 10.0
    days: float = 60.0
    months: float = 300.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the stream roles need to know. Times in seconds; `rules` decide what a number is, the rest only how fast and where."""

    brokers: Brokers = field(default_factory=Brokers)
    app: str = "wattfall"
    epoch: int = 1
    topic_prefix: str = ""
    partitions: int = 12
    replication: int = 1
    rules: Rules = field(default_factory=Rules)
    checkpoint: Intervals = field(default_factory=Intervals)
    state_dir: Path = Path(".state")
    store: str = "rocksdb"
    session_timeout_s: float = 20.0
    start_limit_s: float = 300.0
    member: str | None = None
    hot_bytes: int = 1024 * MEBIBYTE
    lost_range: str = "stop"
    metrics_port: int = 0
    audit_every_s: float = 3600.0
    audit_days: int = 3

    @property
    def scope(self) -> str:
        """What every group and transactional id begins with: two epochs never share one."""
        return self.app if self.epoch == 1 else f"{self.app}-e{self.epoch}"

    @property
    def folder(self) -> Path:
        """Where this worker keeps its local stores; one worker a folder."""
        return self.state_dir / f"{self.app}-e{self.epoch}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Reads `WATTFALL_*`; what is absent or empty has its default. Raises SettingError."""
        default, read = cls(), Reader(environ)
        return cls(
            brokers=Brokers.read(read),
            app=read("WATTFALL_APP", default.app, name),
            epoch=read("WATTFALL_EPOCH", default.epoch, whole(1)),
            topic_prefix=read("WATTFALL_TOPIC_PREFIX", default.topic_prefix, name),
            partitions=read("WATTFALL_PARTITIONS", default.partitions, whole(1)),
            replication=read("WATTFALL_REPLICATION", default.replication, whole(1)),
            rules=rules(read),
            checkpoint=Intervals(
                hours=read("WATTFALL_CHECKPOINT_HOURS_S", default.checkpoint.hours, seconds(0.05, 3600)),
                days=read("WATTFALL_CHECKPOINT_DAYS_S", default.checkpoint.days, seconds(0.05, 3600)),
                months=read("WATTFALL_CHECKPOINT_MONTHS_S", default.checkpoint.months, seconds(0.05, 3600)),
            ),
            state_dir=read("WATTFALL_STATE_DIR", default.state_dir, Path),
            store=read("WATTFALL_STORE", default.store, one_of("rocksdb", "memory")),
            session_timeout_s=read("WATTFALL_SESSION_TIMEOUT_S", default.session_timeout_s, seconds(1, 300)),
            start_limit_s=read("WATTFALL_START_LIMIT_S", default.start_limit_s, seconds(5, 86_400)),
            member=read("WATTFALL_MEMBER", default.member, name),
            hot_bytes=read("WATTFALL_HOT_MB", default.hot_bytes, lambda text: whole(16, 1 << 20)(text) * MEBIBYTE),
            lost_range=read("WATTFALL_LOST_RANGE", default.lost_range, one_of("stop", "continue")),
            metrics_port=read("WATTFALL_METRICS_PORT", default.metrics_port, whole(0, 65_534)),
            audit_every_s=read("WATTFALL_AUDIT_EVERY_S", default.audit_every_s, seconds(0.1, 86_400)),
            audit_days=read("WATTFALL_AUDIT_DAYS", default.audit_days, whole(2, 400)),
        )


def rules(read: Reader) -> Rules:
    """The settings that can change a total; part of the hash that guards an epoch."""
    default = Rules()
    return Rules(
        zone=read("WATTFALL_ZONE", default.zone, zone),
        hold_ms=read("WATTFALL_HOLD_S", default.hold_ms, thousandths(1, 86_400)),
        max_power_mw=read("WATTFALL_MAX_POWER_W", default.max_power_mw, thousandths(1, 10**9)),
        register_step_mwh=read("WATTFALL_REGISTER_STEP_WH", default.register_step_mwh, thousandths(0, 10**6)),
        restate_ms=read("WATTFALL_RESTATE_HOURS", default.restate_ms, lambda text: whole(1, 24 * 365)(text) * MS_PER_HOUR),
        estimate_after_ms=read("WATTFALL_ESTIMATE_AFTER_S", default.estimate_after_ms, thousandths(1, 86_400 * 40)),
    )


def name(text: str) -> str:
    """What may be part of a topic's or a group's name."""
    if len(text) > 80 or not all(c.isascii() and (c.isalnum() or c in "._-") for c in text):
        raise ValueError("must be at most 80 of A-Z a-z 0-9 . _ -")
    return text
