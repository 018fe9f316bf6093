"""A trace in rows: the distinct readings of one device, hour by hour, from the first open hour on.

Everything that decides which rows a device has lives here. The newest hour is kept in slots of five minutes, so that a checkpoint
rewrites only the newest slot; an older one is one row with the state of the walk at its end. Gap hours have no rows. The head row
holds where the open hours begin, what is carried across that edge, which open hours there are, and since when there are totals.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import orjson

from metering.chunks import Load, joined, keys, split
from metering.compact import to_json
from metering.period import Calendar
from metering.reading import Reading
from metering.register import RegisterState
from metering.rows import join, pack, unpack
from metering.walk import Interval, WalkState

SLOT_MS: Final = 300_000
_WHOLE_HOUR: Final = 0xFF
_SLOTS: Final = 12


class Trace:
    """The rows of one device. `load` gives a row as of the last checkpoint; what changed since is kept here until `rows` takes it.

    `starts`, `leads`: the open hours that have readings, and of each the first reading that was the newest when it came (-1: none), in ms.
    `slot`: the newest hour's last slot, to which the next reading in order is appended.
    `first`: the earliest start of all totals that were ever told, epoch s; 0 where none was.
    """

    __slots__ = (
        "_dead", "_dirty", "_edited", "_head_changed", "_hours", "_index", "_load", "_packed", "_slots", "_stored",
        "calendar", "carry", "closed", "first", "leads", "name", "slot", "starts", "states",
    )  # fmt: skip

    def __init__(self, name: str, calendar: Calendar, load: Load) -> None:
        self.name = name
        self.calendar = calendar
        self._load = load
        self.closed = self.first = 0
        self.carry = WalkState()
        self.starts = array("q")
        self.leads = array("q")
        self.states: dict[int, WalkState] = {}
        self._hours: dict[int, list[Reading]] = {}
        self._edited: set[int] = set()
        self._dead: list[bytes] = []
        self._head_changed = False
        self._slots: dict[int, list[Reading]] = {}
        self._dirty: set[int] = set()
        self._stored = 0
        self._index = 0
        self.slot: list[Reading] = []
        self._packed: dict[int, bytes] = {}
        head = joined(self._key(), load)
        if head is not None:
            self._read_head(head)

    def index(self, at: int) -> int:
        """The last open hour with readings that starts at or before; 0 if there is none."""
        return max(0, bisect_right(self.starts, at) - 1)

    def readings(self, k: int) -> list[Reading]:
        """All readings of the k-th open hour, in order; not to be changed."""
        start = self.starts[k]
        if k < len(self.starts) - 1:
            return self._hour(start)
        return [reading for i in range(self._index + 1) for reading in self._slot(start, i)]

    def state(self, k: int) -> WalkState | None:
        """The walk at the end of the k-th hour, as it was when last kept; None if it never was."""
        start = self.starts[k]
        if start in self.states:
            return self._carried(self.states[start])
        row = self._whole(start)
        if row is None:
            return None
        return self._carried(_read_state(orjson.loads(unpack(row)[1])))

    def entering(self, k: int) -> WalkState:
        """The walk before the k-th hour."""
        if k == 0:
            return self.carry
        state = self.state(k - 1)
        assert state is not None, f"{self.name}: hour {self.starts[k - 1]} has no state"
        return state

    def points(self, k: int, d: int) -> Iterator[tuple[int, int]]:
        """The points of one register from the k-th hour on."""
        for hour in range(k, len(self.starts)):
            for reading in self.readings(hour):
                value = reading[2 + d]
                if value is not None:
                    yield reading[0], value

    def around(self, at: int) -> list[Reading]:
        """The readings among which one belongs that is not newer than the newest; say `edited` when you have changed them."""
        start = self.calendar.hour(at)[0]
        if start == self.starts[-1]:
            return self._slot(start, (at - start) // SLOT_MS)
        return self._hour(start) if self._has(start) else []

    def edited(self, at: int, readings: list[Reading]) -> None:
        """`around(at)` has been changed."""
        start = self.calendar.hour(at)[0]
        if start == self.starts[-1]:
            i = (at - start) // SLOT_MS
            self._slots[i] = readings
            self._dirty.add(i)
            return
        if not self._has(start):
            place = bisect_right(self.starts, start)
            self.starts.insert(place, start)
            self.leads.insert(place, -1)
            self._head_changed = True
        self._edit(start, readings)

    def lead(self, at: int) -> int:
        """Makes room for a reading newer than all: `slot` is where it belongs. Returns the end of that slot, in ms."""
        start, end = self.calendar.hour(at)
        if not self.starts or start > self.starts[-1]:
            self._begin_hour(start, at)
        self._index = (at - start) // SLOT_MS
        self.slot = self._slots.setdefault(self._index, [])
        self._dirty.add(self._index)
        return min(end, start + (self._index + 1) * SLOT_MS)

    def keep(self, k: int, state: WalkState) -> None:
        """The walk at the end of the k-th hour has changed."""
        start = self.starts[k]
        self.states[start] = state
        if k < len(self.starts) - 1:
            self._edit(start, self._hour(start))

    def carry_on(self, carry: WalkState) -> None:
        """What is carried across the edge of the closed hours has changed."""
        self.carry = carry
        self._head_changed = True

    def told(self, start: int) -> None:
        """A total that starts here, epoch s, is told."""
        if not self.first or start < self.first:
            self.first = start
            self._head_changed = True

    def stored(self) -> list[bytes]:
        """The keys of all its rows. For a trace that was only just read."""
        if not self.starts:
            return []
        hours = [self._key(start, _WHOLE_HOUR) for start in self.starts[:-1]]
        slots = [self._key(self.starts[-1], i) for i in range(_SLOTS) if self._stored >> i & 1]
        return [key for row in (self._key(), *hours, *slots) for key in keys(row, self._load)]

    def close(self, closed: int, carry: WalkState) -> None:
        """The hours that start before `closed` are closed: their rows go."""
        self.closed = closed
        self.carry_on(carry)
        while self.starts and self.starts[0] < closed:
            start = self.starts.pop(0)
            self.leads.pop(0)
            self._dead += keys(self._key(start, _WHOLE_HOUR), self._load)
            self._hours.pop(start, None)
            self._packed.pop(start, None)
            self.states.pop(start, None)
            self._edited.discard(start)

    def rows(self) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
        """What has changed since they were last asked for: keys of rows that go, and rows."""
        dead = self._dead
        rows: list[tuple[bytes, bytes]] = []
        for start in sorted(self._edited | self._packed.keys()):
            row = self._pack(start, self._hour(start)) if start in self._edited else self._packed[start]
            rows += split(self._key(start, _WHOLE_HOUR), row)
        for i in sorted(self._dirty):
            rows += split(self._key(self.starts[-1], i), pack(self._slots[i]))
            self._stored |= 1 << i
        if self._head_changed:
            rows += split(self._key(), self._head())
        self._dead, self._hours, self._packed, self._head_changed = [], {}, {}, False
        self._edited.clear()
        self.states.clear()
        self._slots = {self._index: self.slot}
        self._dirty = set()
        return dead, rows

    def _key(self, start: int | None = None, slot: int = 0) -> bytes:
        place = b"" if start is None else (start // 1000).to_bytes(5, "big") + bytes((slot,))
        return self.name.encode() + b"\0" + place

    def _has(self, start: int) -> bool:
        place = bisect_right(self.starts, start)
        return place > 0 and self.starts[place - 1] == start

    def _whole(self, start: int) -> bytes | None:
        """The row of an hour that is not the newest."""
        row = self._packed.get(start)
        return joined(self._key(start, _WHOLE_HOUR), self._load) if row is None else row

    def _pack(self, start: int, readings: list[Reading]) -> bytes:
        state = self.state(bisect_right(self.starts, start) - 1)
        assert state is not None, f"{self.name}: hour {start} has no state"
        return pack(readings, _state_row(state))

    def _hour(self, start: int) -> list[Reading]:
        """The readings of an hour that is not the newest; to be changed only where they are `_hours`'."""
        known = self._hours.get(start)
        if known is None:
            row = self._whole(start)
            assert row is not None, f"{self.name}: hour {start} has no row"
            known = unpack(row)[0]
        return known

    def _edit(self, start: int, readings: list[Reading]) -> None:
        """An hour that is not the newest is to be written again, with these readings."""
        self._hours[start] = readings
        self._edited.add(start)

    def _slot(self, start: int, i: int) -> list[Reading]:
        known = self._slots.get(i)
        if known is None:
            row = self._stored_slot(start, i)
            known = unpack(row)[0] if row is not None else []
        return known

    def _slot_row(self, start: int, i: int) -> bytes | None:
        """A slot as a row; None where nothing is."""
        return pack(self._slots[i]) if i in self._dirty else self._stored_slot(start, i)

    def _stored_slot(self, start: int, i: int) -> bytes | None:
        return joined(self._key(start, i), self._load) if self._stored >> i & 1 else None

    def _begin_hour(self, start: int, at: int) -> None:
        if self.starts:
            old = self.starts[-1]
            if old in self.states:  # as rows at once: all devices turn the hour together, and as readings it is forty times as large
                slots = [self._slot_row(old, i) for i in range(self._index + 1)]
                self._packed[old] = join([slot for slot in slots if slot is not None], _state_row(self._carried(self.states.pop(old))))
            else:
                self._edit(old, self.readings(len(self.starts) - 1))
            for i in range(_SLOTS):
                if self._stored >> i & 1:
                    self._dead += keys(self._key(old, i), self._load)
        self.starts.append(start)
        self.leads.append(at)
        self._slots, self._dirty, self._stored = {}, set(), 0
        self._head_changed = True

    def _carried(self, state: WalkState) -> WalkState:
        """A kept state as it is after hours have closed since: what it knew of points before the edge is now what is carried."""
        return state._replace(
            imports=self._carried_register(state.imports, self.carry.imports), export=self._carried_register(state.export, self.carry.export)
        )

    def _carried_register(self, kept: RegisterState, carried: RegisterState) -> RegisterState:
        if kept.p_at is None or kept.p_at < self.closed:
            return carried
        if kept.v_at is None or kept.v_at < self.closed:
            return kept._replace(v_at=carried.v_at, v=carried.v, s_at=carried.s_at, base=carried.base, first=carried.first)
        return kept

    def _head(self) -> bytes:
        return to_json(
            [
                self.closed,
                _state_fields(self.carry),
                self.starts.tolist(),
                [lead - start for start, lead in zip(self.starts, self.leads, strict=True)],
                self.first,
            ]
        )

    def _read_head(self, head: bytes) -> None:
        self.closed, carry, starts, leads, self.first = orjson.loads(head)
        self.carry = _read_state(carry)
        self.starts = array("q", starts)
        self.leads = array("q", (start + lead for start, lead in zip(starts, leads, strict=True)))
        for i in range(_SLOTS):
            row = joined(self._key(self.starts[-1], i), self._load)
            if row is not None:
                self._stored |= 1 << i
                self._index, self.slot = i, unpack(row)[0]
        self._slots = {self._index: self.slot}


def _state_row(state: WalkState) -> bytes:
    return orjson.dumps(_state_fields(state))


def _state_fields(state: WalkState) -> list[object]:
    return [state.cursor, state.instant, [list(interval) for interval in state.intervals], list(state.imports), list(state.export)]


def _read_state(fields: list[object]) -> WalkState:
    cursor, instant, intervals, imports, export = fields
    return WalkState(cursor, instant, tuple(Interval(*one) for one in intervals), RegisterState(*imports), RegisterState(*export))  # type: ignore[arg-type, attr-defined, misc]
