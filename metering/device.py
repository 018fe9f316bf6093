"""One device's open hours: readings in, in any order; changed totals and changed rows out.

Everything that depends on the order in which readings come lives here: what is a duplicate, which hours are open, what is late.
A reading newer than all others is only noted, and walked on with when somebody asks for the totals, or a slot of five minutes is full: many at
once cost less than one by one. Any other is put in its place; the hours it may have changed are walked again when somebody asks, and only until
the walk is what it was before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from operator import itemgetter
from typing import Final, NamedTuple

from metering.chunks import Load
from metering.period import Calendar
from metering.reading import Reading
from metering.register import close, settle_doubt
from metering.rules import MS_PER_HOUR, SILENCE_MS, Rules
from metering.sums import Sums
from metering.total import Total
from metering.trace import Trace
from metering.walk import Walk, WalkState

_AT: Final = itemgetter(0)
_KEPT_MS: Final = 2 * MS_PER_HOUR


class Outcome(StrEnum):
    """What became of a reading that was not rejected."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    CORRECTED = "corrected"
    LATE = "late"


class DeviceChanges(NamedTuple):
    """Totals that differ from those last given (without a version), keys of rows that go, rows that are new.

    Totals are in order of their start: whoever adds them up forgets old periods by the newest seen, and a capture may span months.
    """

    totals: list[Total]
    dead: list[bytes]
    rows: list[tuple[bytes, bytes]]


class Device:
    """What is remembered of one device. `load` reads its rows as of the last `changes`."""

    __slots__ = (
        "_close_at", "_doubt", "_easy", "_load", "_newest", "_note", "_out", "_sent", "_slot_end", "_stale_from", "_stale_to", "_told",
        "_walk", "_walked",
        "calendar", "name", "offset", "rules", "trace",
    )  # fmt: skip

    def __init__(self, name: str, rules: Rules, calendar: Calendar, load: Load) -> None:
        self.name = name
        self.rules = rules
        self.calendar = calendar
        self._load = load
        self.offset = -1
        self.trace = Trace(name, calendar, load)
        self._out: dict[int, Total] = {}
        self._told: dict[int, Total | None] = {}
        self._sent: dict[int, Total] = {}
        self._stale_from: int | None = None
        self._stale_to = 0
        self._newest = self._slot_end = self._close_at = -1
        self._doubt = False
        self._walk: Walk | None = Walk(rules, calendar, 0, 0, WalkState())
        if self.trace.starts:
            self._newest = self.trace.slot[-1][0]
            self._walk = self._walk_newest()
            self._sent = self._totals(self._walk.finish())
            self._plan()
        self._walked = len(self.trace.slot)
        self._note = self.trace.slot.append
        self._easy = -1

    def apply(self, reading: Reading) -> Outcome:
        """Puts a reading into the set. Readings of one message are to be given in order of `at`."""
        at = reading[0]
        if self._newest < at < self._easy:
            self._note(reading)
            self._newest = at
            return Outcome.COUNTED
        if at < self.trace.closed:
            return Outcome.LATE
        self._walk_on()
        if self._doubt:
            self._settle_doubts(reading)
        outcome = self._merge(reading) if at <= self._newest else self._lead(reading)
        self._walked = len(self.trace.slot)
        self._note = self.trace.slot.append
        self._easy = -1 if self._doubt else min(self._close_at, self._slot_end)
        return outcome

    def changes(self) -> DeviceChanges:
        """What has changed since this was last asked."""
        self._walk_on()
        self._settle()
        out, told = self._out, self._told
        self._out, self._told = {}, {}
        totals = [total for start, total in sorted(out.items()) if total != told[start] and not (total.absent and told[start] is None)]
        if totals:
            self.trace.told(totals[0].start)
        dead, rows = self.trace.rows()
        self._slot_end = self._easy = -1  # the next reading says anew which slot changes
        return DeviceChanges(totals, dead, rows)

    # The set

    def _walk_on(self) -> None:
        """The readings that were only noted. Where there is no walk to go on with, they are among those to be walked again."""
        slot = self.trace.slot
        if self._walk is not None:
            self._walk.feed_all(slot[self._walked :])
        self._walked = len(slot)

    def _lead(self, reading: Reading) -> Outcome:
        """A reading newer than all others."""
        at = reading[0]
        if at >= self._slot_end:
            self._turn(at)
        self.trace.slot.append(reading)
        if self._walk is not None:
            self._walk.feed(reading)
        self._newest = at
        if at >= self._close_at:
            self._close()
        return Outcome.COUNTED

    def _turn(self, at: int) -> None:
        trace = self.trace
        if trace.starts and self._walk is not None and at >= self.calendar.hour(self._newest)[1]:
            trace.keep(len(trace.starts) - 1, self._walk.state())
        self._slot_end = trace.lead(at)

    def _merge(self, reading: Reading) -> Outcome:
        at = reading[0]
        readings = self.trace.around(at)
        place = bisect_left(readings, at, key=_AT)
        if place == len(readings) or readings[place][0] != at:
            readings.insert(place, reading)
            self.trace.edited(at, readings)
            self._spoil(at, at)
            return Outcome.COUNTED
        old = readings[place]
        merged = _merged(old, reading)
        if merged == old:
            return Outcome.DUPLICATE
        readings[place] = merged
        self.trace.edited(at, readings)
        more = _more(old, reading)
        if at == self._newest and self._walk is not None and more is not None:
            self._walk.feed_more(more)
        else:
            self._spoil(at, at)
        return Outcome.CORRECTED

    def _spoil(self, first: int, last: int) -> None:
        """The hours from `first` to `last` are to be walked again, and with them those that only the present walk knows to have changed."""
        walk = self._walk
        if walk is not None and walk.reach is not None:
            first, last = min(first, walk.reach), self._newest
        first, last = self.calendar.hour(first)[0], self.calendar.hour(last)[0]
        if walk is not None and last >= walk.start:
            first, self._walk = min(first, walk.start), None
        self._stale_from = first if self._stale_from is None else min(first, self._stale_from)
        self._stale_to = max(last, self._stale_to)

    # Totals

    def _settle(self) -> None:
        """Brings `_out` up to date."""
        walk = self._walk
        if walk is not None and walk.reach is not None:
            self._spoil(self._newest, self._newest)
        if self._stale_from is not None:
            self._restate(self._stale_from)
            self._stale_from, self._stale_to = None, 0
        assert self._walk is not None
        self._sent |= self._compare(self._totals(self._walk.finish()), self._sent)
        self._forget(self._walk)

    def _restate(self, stale: int) -> None:
        """Walks the stale hours again, from the hour before; further back if a register's line changed there."""
        trace = self.trace
        edited = trace.index(stale)
        first = max(0, edited - 1)
        again = self._rewalk(trace, first, trace.starts[edited])
        if again.walk.reach is not None and first:
            again = self._rewalk(trace, trace.index(again.walk.reach), None)
        for k, state in again.states:
            trace.keep(k, state)
        low, high = again.walk.start, again.high
        before = self._before(low, high)
        after = {start: total for start, total in self._totals(again.walk.finish()).items() if low <= start < high}
        changed = self._compare(after, before)
        if again.newest:
            again.walk.reach = None
            self._sent |= after | changed
            self._go_on(again.walk)

    def _rewalk(self, trace: Trace, first: int, reach_from: int | None) -> _Rewalk:
        """Walks from the first hour until nothing differs any more, or to the newest where there is no other walk to go on with."""
        walk = self._walk_from(trace, first)
        states: list[tuple[int, WalkState]] = []
        high: int | None = None
        last = len(trace.starts) - 1
        for k in range(first, last + 1):
            if trace.starts[k] == reach_from:
                walk.reach, walk.wary = None, True
            walk.feed_all(trace.readings(k))
            if k == last:
                break
            if high is None:
                state = walk.state()
                if self._walk is not None and trace.starts[k] >= self._stale_to and state == trace.state(k):
                    high = self.calendar.hour(trace.starts[k])[1]
                else:
                    states.append((k, state))
            # The walk to go on with must not hold an hour from before the edit: it would tell that hour again, as it was.
            if high is not None and _settled(walk, high) and self._walk is not None and high <= self._walk.start:
                return _Rewalk(walk, high, states, newest=False)
        return _Rewalk(walk, _NEVER, states, newest=True)

    def _before(self, low: int, high: int) -> dict[int, Total]:
        """The totals last given of the hours in `[low, high)`."""
        trace = Trace(self.name, self.calendar, self._load)
        totals: dict[int, Total] = {}
        if trace.starts:
            first = trace.index(low)
            walk = self._walk_from(trace, first)
            for k in range(first, len(trace.starts)):
                walk.feed_all(trace.readings(k))
                if _settled(walk, high):
                    break
            totals = self._totals(walk.finish())
        totals |= self._out
        totals |= self._sent
        return {start: total for start, total in totals.items() if low <= start < high}

    def _compare(self, after: dict[int, Total], before: dict[int, Total]) -> dict[int, Total]:
        """Adds the totals that have changed to `_out`, and returns them; `_told` keeps what was last given of each."""
        changed: dict[int, Total] = {}
        for start in before.keys() | after.keys():
            total = after.get(start)
            if total is None:  # it was sent, and then has nothing left
                total = Sums(start, self.calendar.hour(start)[1]).total(self.name)
            if total != before.get(start):
                changed[start] = total
                self._told.setdefault(start, before.get(start))
        self._out |= changed
        return changed

    def _totals(self, hours: dict[int, Sums]) -> dict[int, Total]:
        return {start: sums.total(self.name) for start, sums in hours.items() if sums.exists}

    def _forget(self, walk: Walk) -> None:
        """Keeps in memory only the hours that the next reading may still change."""
        edges = [walk.cursor, self._newest]
        edges += [register.v_at for register in walk.registers if register.v_at is not None]
        keep = max(min(edges), walk.hour.start - _KEPT_MS)
        walk.forget(min(self.calendar.hour(keep)[0], walk.hour.start))
        self._go_on(walk)

    def _go_on(self, walk: Walk) -> None:
        """From here on this is the walk that the next reading is fed to; `_sent` has the totals of its hours, no others."""
        self._walk = walk
        for start in [start for start in self._sent if start < walk.start]:
            del self._sent[start]

    def _walk_from(self, trace: Trace, first: int) -> Walk:
        start = trace.starts[first] if first else trace.closed
        return Walk(self.rules, self.calendar, trace.closed, start, trace.entering(first))

    def _walk_newest(self) -> Walk:
        last = len(self.trace.starts) - 1
        walk = self._walk_from(self.trace, last)
        walk.feed_all(self.trace.readings(last))
        walk.reach = None
        return walk

    # Open and closed

    def _close(self) -> None:
        """Closes the hours that the newest reading leaves behind; their totals are final from here on."""
        self._settle()
        trace = self.trace
        limit = self._newest - self.rules.restate_ms
        closed = max(trace.closed, self.calendar.hour(limit - SILENCE_MS)[0])
        for start, lead in zip(trace.starts, trace.leads, strict=True):
            if 0 <= lead <= limit:
                closed = max(closed, start)
        if closed > trace.closed:
            trace.close(closed, self._carry(closed))
            walk = self._walk
            assert walk is not None
            walk.closed = closed
            walk.forget(closed)
            if any(r.p_at is not None and (r.p_at < closed or (r.v_at is not None and r.v_at < closed)) for r in walk.registers):
                walk = self._walk_newest()
                self._sent = self._totals(walk.finish())  # all is settled: these were given
            self._go_on(walk)
        self._plan()

    def _carry(self, closed: int) -> WalkState:
        """What is kept across the edge; everything is settled."""
        trace = self.trace
        assert self._walk is not None
        k = bisect_left(trace.starts, closed)
        state = trace.entering(k)
        registers = []
        for d, kept in enumerate((state.imports, state.export)):
            newest = self._walk.registers[d].p_at
            later: Iterator[tuple[int, int]] = iter(()) if newest is None or newest < closed else trace.points(k, d)
            registers.append(close(self.rules, kept, trace.closed, closed, later))
        instant = state.instant if state.cursor + self.rules.hold_ms > closed else None
        intervals = tuple(interval for interval in state.intervals if interval.end > closed)
        return WalkState(state.cursor, instant, intervals, *registers)

    def _plan(self) -> None:
        """Works out which `at` closes hours next."""
        trace = self.trace
        edge = self.calendar.hour(trace.closed)[1] + self.rules.restate_ms + SILENCE_MS
        leads = [lead for start, lead in zip(trace.starts, trace.leads, strict=True) if start > trace.closed and lead >= 0]
        self._close_at = min(edge, leads[0] + self.rules.restate_ms) if leads else edge
        self._doubt = trace.carry.imports.p_at is not None or trace.carry.export.p_at is not None

    def _settle_doubts(self, reading: Reading) -> None:
        """The first point after a closing decides one that was left in doubt."""
        carry = self.trace.carry
        decided = carry
        if carry.imports.p_at is not None and reading[2] is not None:
            decided = decided._replace(imports=settle_doubt(self.rules, carry.imports, (reading[0], reading[2])))
        if carry.export.p_at is not None and reading[3] is not None:
            decided = decided._replace(export=settle_doubt(self.rules, carry.export, (reading[0], reading[3])))
        if decided is not carry:
            self.trace.carry_on(decided)
            self._spoil(self.trace.closed, self._newest)
            self._plan()


class _Rewalk(NamedTuple):
    """A walk done again: totals of the hours in `[walk.start, high)` follow from it; `states` at the ends of hours that differ."""

    walk: Walk
    high: int
    states: list[tuple[int, WalkState]]
    newest: bool


_NEVER: Final = 1 << 62


def _settled(walk: Walk, high: int) -> bool:
    """Whether no later reading can change an hour before `high`."""
    if walk.cursor < high and (walk.instant is not None or walk.intervals):
        return False
    return all(r.p_at is None and r.v_at is None or r.v_at is not None and r.v_at >= high for r in walk.registers)


def _merged(old: Reading, new: Reading) -> Reading:
    at, power, imports, export, for_ms, energy = old
    if new[1] is not None or new[5] is not None:
        power, for_ms, energy = new[1], new[4], new[5]
    return at, power, new[2] if new[2] is not None else imports, new[3] if new[3] is not None else export, for_ms, energy


def _more(old: Reading, new: Reading) -> Reading | None:
    """The values of kinds that the old reading did not have; None if another value is changed."""
    at, power, imports, export, for_ms, energy = new
    if power is not None or energy is not None:
        if (old[1], old[4], old[5]) == (power, for_ms, energy):
            power = for_ms = energy = None
        elif old[1] is not None or old[5] is not None:
            return None
    if imports is not None and old[2] is not None:
        if imports != old[2]:
            return None
        imports = None
    if export is not None and old[3] is not None:
        if export != old[3]:
            return None
        export = None
    return at, power, imports, export, for_ms, energy
