"""One value on its way into DynamoDB: what it is about, and what becomes of two of them about the same."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from metering.live import Live, newest
from metering.total import Total


class Outcome(StrEnum):
    """What became of a write: done, in either case."""

    STORED = "stored"
    STALE = "stale"
    """Something at least as new is there; perhaps this very write, whose answer was lost."""


class Store(Protocol):
    """Where writes go. What is there never becomes older, however often and in whatever order these are called, by however many processes.

    Both raise StoreBusy (try again) and ItemRejected (never try again); `put_total` also Retired and LogsMixed. After StoreBusy the value may
    be stored or not, or be stored later.
    """

    async def put_total(self, total: Total, partition: int) -> Outcome:
        """Stores a total that came from this partition of its level topic."""

    async def put_live(self, live: Live) -> Outcome:
        """Stores those values of a live reading that are newer than the stored ones; STALE if none is."""


@dataclass(frozen=True, slots=True)
class TotalWrite:
    """A total and the partition that it came from."""

    total: Total
    partition: int

    @property
    def key(self) -> Hashable:
        """The item it is about."""
        return self.total.device, self.total.grain, self.total.start

    def then(self, later: TotalWrite) -> TotalWrite:
        """What is to be written of two, `later` having been offered later."""
        return later if later.total.version >= self.total.version else self

    async def into(self, store: Store) -> Outcome:
        """Writes it."""
        return await store.put_total(self.total, self.partition)


@dataclass(frozen=True, slots=True)
class LiveWrite:
    """A device's live reading."""

    live: Live

    @property
    def key(self) -> Hashable:
        """The item it is about."""
        return self.live.device

    def then(self, later: LiveWrite) -> LiveWrite:
        """Both merged, value by value."""
        return LiveWrite(newest(self.live, later.live))

    async def into(self, store: Store) -> Outcome:
        """Writes it."""
        return await store.put_live(self.live)


Write: TypeAlias = TotalWrite | LiveWrite


def write_of(value: Total | Live, partition: int) -> Write:
    """The write of a value that came from this partition."""
    return TotalWrite(value, partition) if isinstance(value, Total) else LiveWrite(value)


def value_of(write: Write) -> Total | Live:
    """The inverse of `write_of`."""
    return write.total if isinstance(write, TotalWrite) else write.live


def both(earlier: Write, later: Write) -> Write:
    """What is to be written of two about the same item."""
    if isinstance(earlier, TotalWrite) and isinstance(later, TotalWrite):
        return earlier.then(later)
    if isinstance(earlier, LiveWrite) and isinstance(later, LiveWrite):
        return earlier.then(later)
    raise TypeError(f"{earlier} and {later} are not about the same item")
