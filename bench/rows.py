"""How many bytes a reading costs in Kafka, hop by hop: counted exactly, in simulated time, without a Kafka.

The folds of the three hops are driven as a worker drives them: devices send at their interval, each hop captures at its own. All that
is open (72 hours) is there before the counting begins. Counted are key and value of every record, tombstones included; the position
record of each checkpoint (some 300 bytes a partition) is not. Beside it what they are on the wire and on a broker's disk: framed, in one
record batch, compressed with lz4 as a worker sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.fold_hours import HoursFold
from agents.fold_parts import PartsFold
from bench.loads import EDGE_BATCH, Households, Message, records
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain
from streams.fold import Fold
from streams.settings import Intervals

START_S: Final = 1_767_571_200
"""A midnight: simulated time begins here."""
OPEN_HOURS: Final = 73
COUNTED_HOURS: Final = 2
DEVICES: Final = 25
HOPS: Final = ("hours", "days", "months")
HOT_BYTES: Final = 1 << 40
"""Nothing is dropped from memory here."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """`interval_s` between two readings of a device, `message_s` between two of its messages, and the checkpoints of the three hops."""

    interval_s: int = 10
    message_s: int = 10
    checkpoints: Intervals = field(default_factory=Intervals)


@dataclass(slots=True)
class Written:
    """Bytes that one hop wrote: rows of its table, totals sent on, both as lz4 record batches."""

    rows: int = 0
    totals: int = 0
    wire: int = 0


class Stage:
    """A hop without its Kafka: a fold, its rows, and the seconds between its checkpoints."""

    def __init__(self, fold: Fold, kept: dict[bytes, bytes], interval_s: float) -> None:
        self.fold, self.kept, self.interval_s = fold, kept, interval_s
        self.written = Written()
        self.due_s = START_S + interval_s
        self.offset = 0

    def take(self, messages: Iterable[Message], at_s: int) -> None:
        """Folds them, as sent at this time."""
        taken = records(messages, at_s, self.offset)
        self.offset += len(taken)
        self.fold.fold(taken)

    def checkpoint(self, now_s: float) -> list[Message]:
        """Makes one if it is time; returns the totals for the next hop."""
        if now_s < self.due_s:
            return []
        self.due_s = max(self.due_s + self.interval_s, now_s)
        changes = self.fold.capture()
        self.written.rows += plain_size(changes.rows)
        self.written.totals += plain_size(changes.totals)
        self.written.wire += wire_size(changes.rows) + wire_size(changes.totals)
        for key, value in changes.rows:
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value
        return [(key, value) for key, value in changes.totals if value is not None]


@dataclass(frozen=True, slots=True)
class PerReading:
    """Bytes a reading: see `Written`."""

    rows: float
    totals: float
    wire: float


def count(fleet: Fleet, devices: int = DEVICES) -> dict[str, PerReading]:
    """What each hop writes for a reading, counted on so many devices."""
    hops = stages(fleet.checkpoints)
    homes = Households(devices)
    opened_s = START_S + OPEN_HOURS * 3600
    for at_s in range(START_S, opened_s, EDGE_BATCH * 10):
        places = (at_s - START_S) // 10
        run(hops, [homes.edge_batch(i, places, START_S) for i in range(devices)], at_s + EDGE_BATCH * 10)
    for hop in hops:
        hop.written = Written()
    readings = 0
    for at_s in range(opened_s, opened_s + COUNTED_HOURS * 3600, fleet.message_s):
        messages = [homes.spread(i, at_s, fleet.interval_s, fleet.message_s, START_S) for i in range(devices)]
        readings += len(messages) * -(-fleet.message_s // fleet.interval_s)
        run(hops, messages, at_s + fleet.message_s)
    sums = [hop.written for hop in hops]
    return {name: PerReading(w.rows / readings, w.totals / readings, w.wire / readings) for name, w in zip(HOPS, sums, strict=True)}


def run(hops: list[Stage], messages: list[Message], now_s: int) -> None:
    """Lets messages fall down the hops, as far as checkpoints are due."""
    for hop in hops:
        hop.take(messages, now_s)
        messages = hop.checkpoint(now_s)


def stages(checkpoints: Intervals) -> list[Stage]:
    """The three hops, new."""
    rules = Rules()
    calendar = Calendar(rules.zone)
    hours: dict[bytes, bytes] = {}
    days: dict[bytes, bytes] = {}
    months: dict[bytes, bytes] = {}
    return [
        Stage(HoursFold(rules, 1, 0, 1, hours.get, HOT_BYTES), hours, checkpoints.hours),
        Stage(PartsFold(Grain.DAY, calendar, rules, 1, days.get, HOT_BYTES), days, checkpoints.days),
        Stage(PartsFold(Grain.MONTH, calendar, rules, 1, months.get, HOT_BYTES), months, checkpoints.months),
    ]


def plain_size(written: Iterable[tuple[bytes, bytes | None]]) -> int:
    """Bytes of keys and values."""
    return sum(len(key) + len(value or b"") for key, value in written)


def wire_size(written: list[tuple[bytes, bytes | None]] | list[Message]) -> int:
    """Bytes of one record batch of them."""
    if not written:
        return 0
    batch = DefaultRecordBatchBuilder(2, 3, 1, 0, 0, 0, 1 << 30)
    for offset, (key, value) in enumerate(written):
        batch.append(offset, START_S * 1000, key, value, [])
    return len(batch.build())
