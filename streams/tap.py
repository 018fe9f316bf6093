"""Where a topic leaves the streams: batches go to a sink, and a position is committed only when everything below it is stored.

No fence is needed: repeats and zombies are harmless where the sink orders by version. Positions are the group's committed offsets.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from aiokafka.structs import TopicPartition

from streams import faults
from streams.batch import Batch, Record
from streams.exits import Exit, Leave
from streams.logs import safe
from streams.metrics import Sample

Commit = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]
COMMIT_S: Final = 1.0
DRAIN_S: Final = 3.0
log = logging.getLogger("wattfall.tap")


class Sink(Protocol):
    """What a tap fills."""

    async def offer(self, partition: int, end: int, records: Sequence[Record]) -> None:
        """Takes the records below position `end`; waits while there is no room."""

    def safe_position(self, partition: int) -> int | None:
        """Everything below is stored; None if nothing was offered."""

    async def drain(self, limit_s: float) -> None:
        """Stores what it can within the limit."""

    def drop(self, partition: int) -> None:
        """Forgets what is not stored of a partition that is no longer ours."""

    def samples(self) -> Iterable[Sample]:
        """What it tells of itself."""

    def waits_for(self) -> Iterable[str]:
        """Why it is not ready, if it is not."""


class Tap:
    """A `Source` of the transport. `commit` commits for the group; it may fail while the group changes. `stopping`: is it the end?"""

    def __init__(self, topic: str, sink: Sink, *, commit: Commit, leave: Leave, stopping: Callable[[], bool], go_on: bool = False) -> None:
        self.topic, self.sink, self.commit, self.leave, self.stopping, self.go_on = topic, sink, commit, leave, stopping, go_on
        self.expected: dict[int, int] = {}
        self.serials: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self.task: asyncio.Task[None] | None = None

    async def open(self, partitions: Collection[int]) -> None:
        """Begins to commit what is stored."""
        self.task = asyncio.create_task(self.run(), name=f"commits of {self.topic}")

    async def close(self) -> None:
        """Commits what is stored, and before the end of the process stores what it can; the rest is read again by the next owner."""
        task, self.task = self.task, None
        self.serials.clear()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if self.stopping():
                await self.sink.drain(DRAIN_S)
            await self.commit_safe()
        for partition in self.expected:
            self.sink.drop(partition)
        self.expected.clear()
        self.committed.clear()

    def recovered(self, partition: int, ends: Mapping[TopicPartition, int]) -> bool:
        """There is no state."""
        return True

    def position(self, partition: int) -> int | None:
        """Where it was, if it runs; else the commit decides."""
        return self.expected.get(partition)

    def trusts_commits(self, metadata: str) -> bool:
        """Always: they say what is stored."""
        return True

    def lost(self, partition: int, begin: int, end: int) -> None:
        """Stops, or goes on if a setting says so."""
        text = f"{self.topic}/{partition}: retention removed [{begin}, {end}) before it was stored"
        if not self.go_on:
            self.leave(Exit.LOST_RANGE, f"{text}; WATTFALL_LOST_RANGE=continue goes on without it")
        log.error("%s; going on without it", text)

    def start(self, partition: int, position: int, serial: int) -> None:
        """Begins to take batches of this serial."""
        self.expected[partition], self.serials[partition] = position, serial
        log.debug("sink of %s/%d starts at %d", self.topic, partition, position)

    async def take(self, batch: Batch) -> None:
        """Hands the batch on. Ends the process on any error: it is read again."""
        if self.serials.get(batch.partition) != batch.serial:
            return
        expected = self.expected[batch.partition]
        if batch.begin != expected:
            self.leave(Exit.OUT_OF_STEP, f"{self.topic}/{batch.partition}: expected a batch from {expected}, got [{batch.begin}, {batch.end})")
        try:
            await self.sink.offer(batch.partition, batch.end, batch.records)
        except Exception as error:
            log.exception("%s/%d: [%d, %d)", self.topic, batch.partition, batch.begin, batch.end)
            self.leave(Exit.AGENT_FAILED, f"{self.topic}/{batch.partition}: the sink failed at [{batch.begin}, {batch.end}): {safe(error)}")
        if batch.partition in self.expected:
            self.expected[batch.partition] = batch.end

    async def run(self) -> None:
        """Commits every second. Ends the process if anything but a commit goes wrong: it would take batches on and never commit again."""
        try:
            while self.task is asyncio.current_task():  # a cancellation may be lost in a commit that fails at the same moment
                await asyncio.sleep(COMMIT_S)
                await self.commit_safe()
        except Exception as error:
            log.exception("%s", self.topic)
            self.leave(Exit.AGENT_FAILED, f"{self.topic}: finding what may be committed failed: {safe(error)}")

    async def commit_safe(self) -> None:
        """Commits what is stored and not yet committed."""
        safe = {partition: self.sink.safe_position(partition) for partition in self.expected}
        wanted = {partition: at for partition, at in safe.items() if at is not None and at != self.committed.get(partition)}
        if not wanted:
            return
        faults.hit("sink_before_commit")
        try:
            await self.commit({TopicPartition(self.topic, partition): at for partition, at in wanted.items()})
        except Exception as error:  # the group is changing, or the broker is away: what is stored stays stored, and is read again at worst
            log.warning("%s: positions not committed: %s", self.topic, error)
        else:
            self.committed.update(wanted)

    def samples(self) -> Iterable[Sample]:
        """See `Source`."""
        return self.sink.samples()

    def waits_for(self) -> Iterable[str]:
        """See `Source`."""
        return self.sink.waits_for()
