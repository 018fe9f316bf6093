"""What is on its way into DynamoDB, and how far a source may be committed; pure.

Everything that decides when a position is safe must live here. For each key at most one write waits, the newest, and at most one is in
flight. A key remembers the start of the *oldest* batch that something unstored of it came in: a newer total takes an older one's place, but
the older one's batch is only done when the newer one is stored.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from dynamodb.writes import Write, both

_UNKNOWN: Final = -1
"""The start of a partition's first batch: somewhere below its end."""


class Positions:
    """One partition: the end of what was offered, and from which batches something is owed."""

    def __init__(self) -> None:
        self._end = _UNKNOWN
        self._owed: dict[int, int] = {}  # start of a batch → keys; in order, since a batch starts where the last one ended

    def owe(self) -> int:
        """One more key is owed from the batch that is being offered; returns its start, to be settled."""
        self._owed[self._end] = self._owed.get(self._end, 0) + 1
        return self._end

    def settle(self, start: int) -> None:
        """One key less is owed from the batch that starts here."""
        self._owed[start] -= 1
        if not self._owed[start]:
            del self._owed[start]

    def reach(self, end: int) -> None:
        """The batch that is being offered is complete and ends here. A batch from further back (fetched again) changes nothing."""
        self._end = max(self._end, end)

    @property
    def safe(self) -> int | None:
        """Everything below is stored; None if nothing is known to be."""
        start = next(iter(self._owed), self._end)
        return None if start == _UNKNOWN else start


@dataclass(slots=True, eq=False)
class Slot:
    """One key of one partition: `waiting` since a batch, `flying` since an earlier one."""

    key: Hashable
    lane: Lane
    waiting: Write | None = None
    waiting_since: int = _UNKNOWN
    flying: Write | None = None
    flying_since: int = _UNKNOWN


@dataclass(slots=True, eq=False)
class Lane:
    """One partition, from its assignment to its revocation."""

    positions: Positions = field(default_factory=Positions)
    slots: dict[Hashable, Slot] = field(default_factory=dict)
    dropped: bool = False


class Pending:
    """The slots of all partitions, not more than `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lanes: dict[int, Lane] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def full(self) -> bool:
        """No room for another key."""
        return self._size >= self._capacity

    def lane(self, partition: int) -> Lane:
        """The partition's lane, a new one after it was dropped."""
        return self._lanes.setdefault(partition, Lane())

    def put(self, lane: Lane, write: Write) -> bool:
        """Takes a write of the batch that is being offered; False if there is no room. What comes for a dropped lane is forgotten."""
        if lane.dropped:
            return True
        slot = lane.slots.get(write.key)
        if slot is None:
            if self.full:
                return False
            slot = lane.slots[write.key] = Slot(write.key, lane)
            self._size += 1
        if slot.waiting is None:
            slot.waiting, slot.waiting_since = write, lane.positions.owe()
        else:
            slot.waiting = both(slot.waiting, write)
        return True

    def waiting(self) -> list[Slot]:
        """What could be written now, longest known first."""
        return [slot for lane in self._lanes.values() for slot in lane.slots.values() if slot.waiting is not None and slot.flying is None]

    def take(self, slot: Slot) -> Write | None:
        """Puts what waits into flight, to be ended by `done` or `back`; None if nothing waits any more."""
        assert slot.flying is None, "one write in flight a key"
        slot.flying, slot.flying_since = slot.waiting, slot.waiting_since
        slot.waiting = None
        return slot.flying

    def done(self, slot: Slot) -> None:
        """What flew needs no more care."""
        slot.flying = None
        if slot.lane.dropped:
            return
        slot.lane.positions.settle(slot.flying_since)
        if slot.waiting is None:
            del slot.lane.slots[slot.key]
            self._size -= 1

    def back(self, slot: Slot) -> None:
        """What flew may not be stored: it waits again, or what came meanwhile does in its place."""
        flown, slot.flying = slot.flying, None
        assert flown is not None
        if slot.lane.dropped:
            return
        if slot.waiting is None:
            slot.waiting = flown
        else:
            slot.waiting = both(flown, slot.waiting)
            slot.lane.positions.settle(slot.waiting_since)  # the older of the two batches is the one that stays owed
        slot.waiting_since = slot.flying_since

    def safe_position(self, partition: int) -> int | None:
        """Everything of this partition below it is stored; None if nothing is known to be."""
        lane = self._lanes.get(partition)
        return None if lane is None else lane.positions.safe

    def drop(self, partition: int) -> None:
        """Forgets a partition. What is in flight may still be stored, which does no harm."""
        lane = self._lanes.pop(partition, None)
        if lane is None:
            return
        lane.dropped = True
        self._size -= len(lane.slots)
        for slot in lane.slots.values():
            slot.waiting = None
