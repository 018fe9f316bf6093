"""The three folds behind each other, without Kafka: readings in, the newest total of every hour, day and month out.

What a capture hands over is stored at once, and is all that a fold finds after `crash`. The broker gives the level topics their offsets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from aiokafka.structs import ConsumerRecord

from agents.fold_hours import DEVICE_BYTES, HoursFold
from agents.fold_parts import PartsFold
from metering.erase import Erase, erase_from_json, graves, period_of
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain, Total
from metering.wire import total_from_json, total_key
from streams.fold import Changes, Fold
from tests.oracle_reading import Message

EPOCH = 3
HOT_BYTES = 1 << 26
GRAINS = (Grain.HOUR, Grain.DAY, Grain.MONTH)


class Folding:
    """`outcomes`, `rejected` and `late` as the oracle has them. Every total that is sent on is held against the one before it."""

    def __init__(self, rules: Rules, hot_devices: int = 1_000) -> None:
        self.rules, self.hot_devices = rules, hot_devices
        self.calendar = Calendar(rules.zone)
        self.rows: dict[Grain, dict[bytes, bytes]] = {grain: {} for grain in GRAINS}
        self.sent: dict[tuple[str, Grain, int], Total] = {}
        self.offsets = dict.fromkeys(GRAINS, 0)
        self.outcomes: Counter[str] = Counter()
        self.rejected: list[tuple[int, str, list[int] | None]] = []
        self.late: list[tuple[int, list[int] | None]] = []
        self.crash()

    def crash(self) -> None:
        """What is not stored is gone."""
        self.hours = HoursFold(self.rules, EPOCH, 0, 1, self.rows[Grain.HOUR].get, self.hot_devices * DEVICE_BYTES)
        larger = (PartsFold(grain, self.calendar, self.rules, EPOCH, self.rows[grain].get, HOT_BYTES) for grain in (Grain.DAY, Grain.MONTH))
        self.folds: dict[Grain, Fold] = dict(zip(GRAINS, (self.hours, *larger), strict=True))

    def take(self, messages: Iterable[Message]) -> None:
        """Messages in order of their offsets, as one batch."""
        self.folds[Grain.HOUR].fold([record(m.key, m.value, m.timestamp, m.offset, m.headers) for m in messages])

    def checkpoint(self) -> Changes:
        """Every hop's, one after the other; the hours' is given back."""
        hours = changes = self._capture(Grain.HOUR)
        self.outcomes += hours.outcomes
        self.rejected += [(refusal.record.offset, str(refusal.reason), indexes(refusal.index)) for refusal in hours.rejected]
        self.late += [(refusal.record.offset, indexes(refusal.index)) for refusal in hours.late]
        for grain in (Grain.DAY, Grain.MONTH):
            self.folds[grain].fold([record(key, value, 0, self._next(grain)) for key, value in changes.totals])
            changes = self._capture(grain)
            assert not changes.rejected and not changes.outcomes.keys() & {"outdated", "duplicate"}
        return hours

    def totals(self) -> dict[tuple[str, Grain, int], tuple[object, ...]]:
        """The content of every total that there is, by device, grain and start in epoch seconds."""
        return {key: total.content for key, total in self.sent.items() if not total.absent}

    def _capture(self, grain: Grain) -> Changes:
        changes = self.folds[grain].capture()
        for key, value in changes.rows:
            if value is None:
                self.rows[grain].pop(key, None)
            else:
                self.rows[grain][key] = value
        for key, value in changes.totals:
            erase = erase_from_json(key, value)
            if erase is not None:
                self._bury(erase, grain)
            elif value is not None:
                self._send(key, total_from_json(value))
        return changes

    def _bury(self, erase: Erase, grain: Grain) -> None:
        """As a sink does: whatever was sent of the device has a grave, and nothing is left that has none."""
        for grave in graves(erase, grain, period_of(grain, self.calendar)):
            self.sent[grave.device, grain, grave.start] = grave
        left = [total for total in self.sent.values() if (total.device, total.grain) == (erase.device, grain) and not total.absent]
        assert not left, f"{left[0]} has no grave"

    def _send(self, key: bytes, total: Total) -> None:
        assert key == total_key(total.device, total.start)
        before = self.sent.get((total.device, total.grain, total.start))
        if before is None:
            assert total.epoch == EPOCH and total.offset >= 0
        else:
            assert total.version > before.version and total.content != before.content
        self.sent[total.device, total.grain, total.start] = total

    def _next(self, grain: Grain) -> int:
        self.offsets[grain] += 2  # a transaction's marker between any two
        return self.offsets[grain]


def record(key: bytes | None, value: bytes | None, timestamp: int, offset: int, headers: tuple[str, ...] = ()) -> ConsumerRecord[bytes, bytes]:
    """As aiokafka gives it."""
    return ConsumerRecord("topic", 0, offset, timestamp, 1, key, value, None, 1, 1, tuple((name, b"1") for name in headers))


def indexes(ranges: str | None) -> list[int] | None:
    """`0-3,7` as a list."""
    if ranges is None:
        return None
    ends = [[int(end) for end in part.split("-")] for part in ranges.split(",")]
    return [index for end in ends for index in range(end[0], end[-1] + 1)]


def folded(rules: Rules, messages: Sequence[Message]) -> Folding:
    """All of it in one go."""
    folding = Folding(rules)
    folding.take(messages)
    folding.checkpoint()
    return folding
