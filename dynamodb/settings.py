"""What can be set about DynamoDB: names, intervals, how long hours are kept. Where it is, and who we are there, is read by boto3 itself (AWS_…)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from metering.total import Grain
from settings.environ import Reader, seconds, whole, zone

_TABLE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
MONTH_S: Final = 31 * 86_400
"""Of keeping: a month at its longest."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the four tables; they may all be the same."""

    live: str = "wattfall-live"
    hours: str = "wattfall-hours"
    days: str = "wattfall-days"
    months: str = "wattfall-months"

    def of(self, grain: Grain) -> str:
        """The table that keeps totals of this grain."""
        return {Grain.HOUR: self.hours, Grain.DAY: self.days, Grain.MONTH: self.months}[grain]

    @property
    def names(self) -> tuple[str, ...]:
        """Each table once."""
        return tuple(dict.fromkeys((self.live, self.hours, self.days, self.months)))


@dataclass(frozen=True, slots=True)
class Flushes:
    """Seconds between two writes of the same item, per level: how fresh it is, and what it costs."""

    live: float = 10.0
    hours: float = 60.0
    days: float = 300.0
    months: float = 900.0


@dataclass(frozen=True, slots=True)
class Settings:
    """`keep_hours_s`: how long an hour's total is kept after its end. `threads`: requests in flight at most.
    `capacity_keys`: totals that may wait at a level before the sink stops fetching."""

    zone: str = "Europe/London"
    tables: Tables = field(default_factory=Tables)
    flush: Flushes = field(default_factory=Flushes)
    keep_hours_s: int = 25 * MONTH_S
    threads: int = 16
    capacity_keys: int = 50_000

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Reads `WATTFALL_*`; what is absent or empty has its default. Raises SettingError."""
        default, read, interval = cls(), Reader(environ), seconds(0, 86_400)
        return cls(
            zone=read("WATTFALL_ZONE", default.zone, zone),
            tables=Tables(
                live=read("WATTFALL_TABLE_LIVE", default.tables.live, _table),
                hours=read("WATTFALL_TABLE_HOURS", default.tables.hours, _table),
                days=read("WATTFALL_TABLE_DAYS", default.tables.days, _table),
                months=read("WATTFALL_TABLE_MONTHS", default.tables.months, _table),
            ),
            flush=Flushes(
                live=read("WATTFALL_FLUSH_LIVE_S", default.flush.live, interval),
                hours=read("WATTFALL_FLUSH_HOURS_S", default.flush.hours, interval),
                days=read("WATTFALL_FLUSH_DAYS_S", default.flush.days, interval),
                months=read("WATTFALL_FLUSH_MONTHS_S", default.flush.months, interval),
            ),
            keep_hours_s=read("WATTFALL_KEEP_HOURS_MONTHS", default.keep_hours_s, lambda text: whole(1, 1200)(text) * MONTH_S),
            threads=read("WATTFALL_SINK_THREADS", default.threads, whole(1, 256)),
            capacity_keys=read("WATTFALL_SINK_KEYS", default.capacity_keys, whole(1, 10_000_000)),
        )


def _table(text: str) -> str:
    if not _TABLE_NAME.fullmatch(text):
        raise ValueError("is no table name; wanted are 3 to 255 of A-Z a-z 0-9 _ . -")
    return text
