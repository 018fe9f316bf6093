"""What the transport asks of whoever takes a topic's record batches: a hop (streams/hop.py) or a sink (streams/tap.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from streams.batch import Batch
from streams.metrics import Sample

if TYPE_CHECKING:  # commands that only write messages are there sooner without Faust
    from faust.types import TP

CHECKPOINTED = "checkpoint"
"""The metadata of an offset that a checkpoint committed: the state it belongs to must be there, too. A replay's has another."""


class Source(Protocol):
    """One topic's taker. All calls come from the worker's own event loop."""

    topic: str

    async def open(self, partitions: Collection[int]) -> None:
        """Assigned, before anything else happens: the place of the fence. Ends the process where it cannot."""

    async def close(self) -> None:
        """Revoked, or the worker stops: a last checkpoint while the partitions are still ours. Ends the process where it cannot."""

    def recovered(self, partition: int, ends: Mapping[TP, int]) -> bool:
        """Is the state all there? `ends`: of each changelog the position behind its last record, as it was after the fence; absent: not known yet."""

    def position(self, partition: int) -> int | None:
        """Where to go on, from the state as it is now, after recovery; None if the state knows of none."""

    def trusts_commits(self, metadata: str) -> bool:
        """Without a state: may the group's committed offset be the position? (Else it is the log's beginning.)"""

    def lost(self, partition: int, begin: int, end: int) -> None:
        """Retention removed `[begin, end)` before it was taken. Ends the process, or returns to go on at `end`."""

    def start(self, partition: int, position: int, serial: int) -> None:
        """From here on batches of this serial follow, beginning at this position."""

    async def take(self, batch: Batch) -> None:
        """The next batch. Waits while there is no room; must never raise."""

    def samples(self) -> Iterable[Sample]:
        """What it tells of itself."""

    def waits_for(self) -> Iterable[str]:
        """Why it is not ready, if it is not."""
