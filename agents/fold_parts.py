"""A larger period's total from its parts' totals: hours into days, days into months.

The table holds the parts as they came; a total is computed from them when a checkpoint asks. A part that is no newer than the held one is a
duplicate, a total whose content did not change is not sent. What a device no longer can change is forgotten, by the device's own time.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from metering.erase import Erase, erase_from_json, is_tombstone, later, told_on
from metering.errors import Reason
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain, Total, fold
from metering.wire import total_from_json, total_key, total_to_json
from streams.batch import Record
from streams.fold import Changes, Load, Refusal
from tables.keys import device_key, part_key

KEPT_BEYOND_S: Final = 45 * 86_400
"""Kept beyond RESTATE. An open hour is at most RESTATE + 40 days older than its device's newest reading; the rest is margin."""
PART_BYTES: Final = 1_000
PERIOD_BYTES: Final = 800
DEVICES: Final = 50_000
OUTCOMES: Final = ("counted", "duplicate", "corrected", "rejected", "outdated")


@dataclass(slots=True)
class Period:
    """One device's period in memory. `fresh`: parts to be written, as they came. `told`: the content that was last sent on."""

    device: str
    start: int
    end: int
    parts: dict[int, Total]
    told: tuple[object, ...] | None
    offset: int = 0
    fresh: dict[int, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return PERIOD_BYTES + PART_BYTES * len(self.parts)


class PartsFold:
    """A `Fold` for `grain` DAY (parts are hours) or MONTH (parts are days). `hot_bytes` bounds what is kept in memory between checkpoints."""

    def __init__(self, grain: Grain, calendar: Calendar, rules: Rules, epoch: int, load: Load, hot_bytes: int) -> None:
        self.grain, self.epoch, self.load, self.hot_bytes = grain, epoch, load, hot_bytes
        self.period_of: Callable[[int], tuple[int, int]] = calendar.day if grain is Grain.DAY else calendar.month
        self.part_end: Callable[[int], int] = hour_end(calendar) if grain is Grain.DAY else day_end(calendar)
        self.keep_s = rules.restate_ms // 1000 + KEPT_BEYOND_S
        self.hot: OrderedDict[tuple[str, int], Period] = OrderedDict()
        self.hot_size = 0
        self.starts: dict[str, array[int]] = {}
        self.dirty: dict[tuple[str, int], Period] = {}
        self.moved: dict[str, array[int]] = {}
        self.dead: list[tuple[bytes, bytes | None]] = []
        self.rejected: list[Refusal] = []
        self.outcomes: Counter[str] = Counter()
        self.erases: dict[str, Erase] = {}
        self.gone: set[bytes] = set()
        self.fresh = self.refused = 0

    @property
    def touched(self) -> int:
        """Rows and refusals that wait to be written; a refusal is one more for every kilobyte that it keeps."""
        return self.fresh + len(self.moved) + len(self.dead) + self.refused

    def fold(self, records: Sequence[Record]) -> None:
        """Takes totals of parts, and erases; see `streams.fold.Fold`."""
        for record in records:
            try:
                part = total_from_json(record.value or b"")
            except ValueError:
                self.take_other(record)
            else:
                self.outcomes[self.apply(part, record)] += 1
        self.cool()

    def take_other(self, record: Record) -> None:
        """What is no total: an erase, a tombstone before one, or nothing of ours."""
        if is_tombstone(record.key, record.value):
            return
        erase = erase_from_json(record.key, record.value)
        if erase is not None:
            self.erase(erase._replace(epoch=self.epoch, offset=record.offset))
            return
        self.rejected.append(Refusal(record, Reason.JSON_SYNTAX, "not a total"))
        self.refused += 1 + len(record.value or b"") // 1000
        self.outcomes["rejected"] += 1

    def erase(self, erase: Erase) -> None:
        """All that there is of the device goes, written or not."""
        device = erase.device
        for key in [key for key in self.hot if key[0] == device]:
            self.hot_size -= self.hot.pop(key).size
        for key in [key for key in self.dirty if key[0] == device]:
            self.fresh -= len(self.dirty.pop(key).fresh)
        self.moved.pop(device, None)
        self.starts[device] = array("q")
        head = device_key(device)
        row = self.row(head)
        if row is not None:
            periods = [self.period_of(int(start)) for start in row.split()]
            parts = [part_key(device, start, at) for start, end in periods for at in self.part_starts(start, end)]
            found = [key for key in parts if self.row(key) is not None]
            self.dead += [(key, None) for key in (*found, head)]
            self.gone.update((*found, head))
        self.erases[device] = later(self.erases.get(device), erase)

    def row(self, key: bytes) -> bytes | None:
        """A row as it is now: one that an erase has taken is gone before the capture that says so."""
        return None if key in self.gone else self.load(key)

    def apply(self, part: Total, record: Record) -> str:
        """Takes one part; returns what became of it."""
        start, end = self.period_of(part.start)
        starts = self.starts_of(part.device)
        if starts and end <= starts[-1] - self.keep_s:
            return "outdated"
        known = start in starts
        period = self.period(part.device, start, end, known)
        held = period.parts.get(part.start)
        if held is not None and part.version <= held.version:
            return "duplicate"
        if held is None:
            self.hot_size += PART_BYTES
        period.parts[part.start] = part
        self.fresh += part.start not in period.fresh
        period.fresh[part.start] = record.value
        period.offset = record.offset
        self.dirty[part.device, start] = period
        if not known:
            self.begin(part.device, starts, start)
        return "counted" if held is None else "corrected"

    def starts_of(self, device: str) -> array[int]:
        """Where each period that is kept of a device begins, in order: the device's row."""
        starts = self.starts.get(device)
        if starts is None:
            row = self.row(device_key(device))
            starts = self.starts[device] = array("q", map(int, row.split()) if row else ())
        return starts

    def period(self, device: str, start: int, end: int, known: bool) -> Period:
        """The period in memory, loaded if it has rows."""
        found = self.hot.get((device, start))
        if found is not None:
            self.hot.move_to_end((device, start))
            return found
        parts = {}
        if known:
            rows = ((at, self.row(part_key(device, start, at))) for at in self.part_starts(start, end))
            parts = {at: total_from_json(row) for at, row in rows if row is not None}
        found = Period(device, start, end, parts, None)
        if parts:
            found.told = self.total(found).content
        self.hot[device, start] = found
        self.hot_size += found.size
        return found

    def part_starts(self, start: int, end: int) -> Iterator[int]:
        """Where each part of a period begins."""
        while start < end:
            yield start
            start = self.part_end(start)

    def begin(self, device: str, starts: array[int], start: int) -> None:
        """Keeps one more period of a device; forgets those that are too old beside it."""
        insort(starts, start)
        self.moved[device] = starts
        while (end := self.period_of(starts[0])[1]) <= starts[-1] - self.keep_s:
            self.forget(device, starts.pop(0), end)

    def forget(self, device: str, start: int, end: int) -> None:
        """Tombstones for a period's rows."""
        gone = self.hot.pop((device, start), None)
        if gone is not None:
            self.hot_size -= gone.size
        untold = self.dirty.get((device, start))
        if untold is not None:  # months may come between two checkpoints: its total is still to be sent on, its rows need not be written
            self.fresh -= len(untold.fresh)
            untold.fresh = {}
        for at in self.part_starts(start, end):
            key = part_key(device, start, at)
            if self.row(key) is not None:
                self.dead.append((key, None))

    def total(self, period: Period) -> Total:
        """The period's total as of now."""
        return fold(period.parts.values(), self.grain, period.start, period.end, self.epoch, period.offset)

    def capture(self) -> Changes:
        """See `streams.fold.Fold`."""
        rows = self.dead
        totals = [record for erase in self.erases.values() for record in told_on(erase, self.period_of)]
        for period in self.dirty.values():
            rows += [(part_key(period.device, period.start, at), value) for at, value in period.fresh.items()]
            total = self.total(period)
            if total.content != period.told:
                period.told = total.content
                totals.append((total_key(period.device, period.start), total_to_json(total)))
            period.fresh = {}
        rows += [(device_key(device), b" ".join(b"%d" % start for start in starts)) for device, starts in self.moved.items()]
        changes = Changes(rows=rows, totals=totals, rejected=self.rejected, outcomes=self.outcomes)
        self.dead, self.rejected, self.outcomes, self.fresh = [], [], Counter(), 0
        self.refused = 0
        self.dirty, self.moved = {}, {}
        self.erases, self.gone = {}, set()
        self.cool()
        return changes

    def cool(self) -> None:
        """Drops the least recently used from memory, never what waits to be written."""
        if self.hot_size > self.hot_bytes:
            for key in [key for key in self.hot if key not in self.dirty]:
                if self.hot_size <= self.hot_bytes * 3 // 4:
                    break
                self.hot_size -= self.hot.pop(key).size
        if len(self.starts) > DEVICES:
            self.starts = dict(self.moved)


def hour_end(calendar: Calendar) -> Callable[[int], int]:
    """Where the hour that begins at an instant (epoch s) ends."""
    return lambda start: calendar.hour(start * 1000)[1] // 1000


def day_end(calendar: Calendar) -> Callable[[int], int]:
    """Where the day that begins at an instant (epoch s) ends."""
    return lambda start: calendar.day(start)[1]
