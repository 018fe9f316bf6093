"""The topics: what they are called and how each must be made.

Everything that decides a topic's name, partitions, cleanup or retention lives here; streams/cluster.py makes and checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from metering.rules import MS_PER_HOUR
from metering.total import Grain
from streams.settings import Settings

DAY_MS: Final = 24 * MS_PER_HOUR
READINGS_DAYS: Final = 68
"""A month can be rebuilt from readings for so long: 31 + 31 + 4 days, and a little."""
LEVEL_DAYS: Final = 396
REFUSED_DAYS: Final = 90
MESSAGE_BYTES: Final = 2 * 1024 * 1024
"""More than the largest message a reading may be in (1 MiB), so that a larger one is refused with a reason and not by the broker."""
STAMP: Final = {"message.timestamp.type": "LogAppendTime"}
"""The broker's clock everywhere: neither a gateway with a wrong clock decides what is in the future, nor a worker with one what is refused."""
ANY_SIZE: Final = {"retention.bytes": "-1"}
"""Time alone decides what goes: a limit in bytes would undercut it."""
REFUSED_BYTES: Final = MESSAGE_BYTES + 64 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: `configs` is what is made; `at_least` and `exactly` are what a check insists on."""

    name: str
    configs: Mapping[str, str]
    exactly: Mapping[str, str]
    at_least: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Topics:
    """The names, for one application and epoch. Readings and the list of generations are shared by all epochs."""

    readings: str
    hours: str
    days: str
    months: str
    rejected: str
    late: str
    hours_table: str
    days_table: str
    months_table: str
    generations: str

    @classmethod
    def of(cls, settings: Settings) -> Topics:
        """A later epoch has its own levels and refusals, so that two generations can run side by side."""
        prefix, suffix = settings.topic_prefix, "" if settings.epoch == 1 else f"-e{settings.epoch}"
        tables = f"{prefix}{settings.app}-e{settings.epoch}"
        return cls(
            readings=f"{prefix}readings",
            hours=f"{prefix}hours{suffix}",
            days=f"{prefix}days{suffix}",
            months=f"{prefix}months{suffix}",
            rejected=f"{prefix}rejected{suffix}",
            late=f"{prefix}late{suffix}",
            hours_table=f"{tables}-hours-table",
            days_table=f"{tables}-days-table",
            months_table=f"{tables}-months-table",
            generations=f"{prefix}{settings.app}-generations",
        )

    @property
    def levels(self) -> tuple[str, str, str]:
        """What the hops make."""
        return self.hours, self.days, self.months

    def level(self, grain: Grain) -> str:
        """Where the totals of this grain are."""
        return dict(zip(Grain, self.levels, strict=True))[grain]

    @property
    def own(self) -> tuple[str, ...]:
        """What belongs to this epoch alone."""
        return tuple(name for name in self.waterfall if name != self.readings)

    @property
    def waterfall(self) -> tuple[str, ...]:
        """What the role waterfall cannot do without."""
        return tuple(spec.name for spec in specs(self))

    @property
    def sinks(self) -> tuple[str, ...]:
        """What the role sinks cannot do without."""
        return self.readings, self.hours, self.days, self.months, self.rejected


def specs(topics: Topics) -> list[TopicSpec]:
    """Every topic with its configuration, in the order of the flow."""
    found = [readings(topics.readings)]
    found += [level(name) for name in topics.levels]
    found += [refused(name) for name in (topics.rejected, topics.late)]
    return found + [changelog(name) for name in (topics.hours_table, topics.days_table, topics.months_table)]


def readings(name: str) -> TopicSpec:
    """What meters and gateways send."""
    clean = {"cleanup.policy": "delete"} | STAMP | ANY_SIZE
    kept = {"retention.ms": str(READINGS_DAYS * DAY_MS), "max.message.bytes": str(MESSAGE_BYTES)}
    return TopicSpec(name, clean | kept, clean, {"retention.ms": 66 * DAY_MS, "max.message.bytes": MESSAGE_BYTES})


def level(name: str) -> TopicSpec:
    """Whole totals: the newest of each period is kept for 13 months."""
    clean = {"cleanup.policy": "compact,delete"} | STAMP | ANY_SIZE
    kept = {"retention.ms": str(LEVEL_DAYS * DAY_MS), "max.message.bytes": str(MESSAGE_BYTES), "segment.ms": str(DAY_MS)}
    return TopicSpec(name, clean | kept, clean, {"retention.ms": LEVEL_DAYS * DAY_MS, "max.message.bytes": MESSAGE_BYTES})


def refused(name: str) -> TopicSpec:
    """The originals of what could not be counted, with room for the headers that say why.

    Each has a key of its own, so compaction takes only those away that a tombstone names (erase). A message without a value is refused with none,
    and looks like a tombstone: so none goes before its time.
    """
    clean = {"cleanup.policy": "compact,delete"} | STAMP | ANY_SIZE
    kept = {"retention.ms": str(REFUSED_DAYS * DAY_MS), "max.message.bytes": str(REFUSED_BYTES), "segment.ms": str(DAY_MS)}
    kept |= {"delete.retention.ms": str(REFUSED_DAYS * DAY_MS)}
    return TopicSpec(name, clean | kept, clean, {"retention.ms": 7 * DAY_MS, "max.message.bytes": REFUSED_BYTES, "delete.retention.ms": 7 * DAY_MS})


def generations(name: str) -> TopicSpec:
    """A record an epoch that was replayed (streams/generations.py). It has one partition, and is made by the first replay."""
    clean = {"cleanup.policy": "compact"} | STAMP
    return TopicSpec(name, clean, clean, {})


def changelog(name: str) -> TopicSpec:
    """A table's rows. Small segments, since only closed ones are compacted; tombstones outlive any worker's absence (see tables/stores.py)."""
    clean = {"cleanup.policy": "compact"} | STAMP
    kept = {
        "segment.bytes": str(64 * 1024 * 1024),
        "segment.ms": str(6 * MS_PER_HOUR),
        "min.cleanable.dirty.ratio": "0.3",
        "delete.retention.ms": str(7 * DAY_MS),
        "max.message.bytes": str(MESSAGE_BYTES),
    }
    return TopicSpec(name, clean | kept, clean, {"delete.retention.ms": 2 * DAY_MS, "max.message.bytes": MESSAGE_BYTES})
