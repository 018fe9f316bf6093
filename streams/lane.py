"""One partition of one hop: its fenced producer, its fold, and the checkpoints between them.

A lane lives from one assignment to the next revocation and is never opened a second time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from streams import faults
from streams.batch import Batch
from streams.checkpoint import CHECKPOINT_S, Destinations, Plan, write
from streams.exits import Exit, Leave
from streams.fold import Fold, FoldFactory
from streams.guard import GUARD_KEY, Guard
from streams.logs import safe
from streams.metrics import Tally
from streams.position import Position, position_key

TOUCHED: Final = 20_000
"""Rows in one checkpoint, about: a return after an outage must not become one giant transaction."""
LAST_S: Final = 3.0
IDLE_S: Final = 86_400.0
CLOSE_S: Final = 2.0
FENCING: Final = (ProducerFenced, InvalidProducerEpoch)
Row = tuple[bytes, "bytes | None"]
log = logging.getLogger("wattfall.lane")


class Rows(Protocol):
    """A table's local rows (tables/windowed.py)."""

    def load(self, partition: int, key: bytes) -> bytes | None:
        """One row, or None."""

    def reached(self, partition: int) -> int:
        """The changelog's position up to which the rows are there; 0 where there are none."""

    def store(self, partition: int, rows: Sequence[Row], offset: int) -> None:
        """Takes what a committed checkpoint wrote, and the changelog's offset of its last row, at once."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """What all lanes of one hop share. `outcomes`: everything that may become of a record, as the fold calls it."""

    hop: str
    interval_s: float
    to: Destinations
    guard: Guard
    folds: FoldFactory
    outcomes: tuple[str, ...]
    rows: Rows
    leave: Leave
    tally: Tally = field(default_factory=Tally)


class Lane:
    """Takes batches in order, and makes a checkpoint of them every interval."""

    def __init__(self, shared: LaneSettings, partition: int, producer: AIOKafkaProducer, share: float = 1.0) -> None:
        self.shared, self.partition, self.producer = shared, partition, producer
        self.position = self.saved = -1
        self.serial = 0
        self.trips = 0
        self.outcomes: Counter[str] = Counter()
        self.flying: dict[bytes, bytes | None] = {}
        self.guarded = False
        self.closing = False
        self.wake, self.landed = asyncio.Event(), asyncio.Event()
        self.landed.set()
        self.fold: Fold = shared.folds(partition, self.load, share)
        self.task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.shared.hop}/{self.partition}"

    def load(self, key: bytes) -> bytes | None:
        """A row: as captured by the checkpoint under way, else as stored."""
        if key in self.flying:
            return self.flying[key]
        return self.shared.rows.load(self.partition, key)

    def start(self, position: int, serial: int, outcomes: Counter[str], saved: int | None) -> None:
        """Begins, or begins again after a step back, at this position. `saved`: the table's own position, None if it has none."""
        self.serial = serial
        if self.task is None:
            self.position, self.outcomes = position, outcomes
            self.guarded = saved is not None
            self.saved = -1 if saved is None else saved
            self.task = asyncio.create_task(self.run(), name=f"checkpoints of {self.name}")

    async def take(self, batch: Batch) -> bool:
        """Folds a batch that begins where the last one ended. Returns False, and takes nothing, if it begins elsewhere.

        Slice by slice, and between any two of them whoever waits has a turn: a checkpoint under way must not wait for a whole batch. The lane
        may close meanwhile; what is not folded by then is read again by the next owner.
        """
        if batch.begin != self.position:
            return False
        for records, position in batch.slices():
            if self.closing:
                break
            faults.hit("before_fold")
            self.fold.fold(records)
            self.position = position
            faults.hit("after_fold")
            if self.fold.touched >= TOUCHED:
                await self.landed.wait()
                self.wake.set()
            await asyncio.sleep(0)
        return True

    async def run(self) -> None:
        """Checkpoint after checkpoint until closing; ends the process if one goes wrong."""
        loop = asyncio.get_running_loop()
        pause = self.shared.interval_s * random.uniform(0.3, 1.0)
        written = loop.time()
        try:
            while True:
                await self.sleep(pause)
                pause, last = self.shared.interval_s, self.closing
                if self.position != self.saved or self.fold.touched or loop.time() - written > IDLE_S:
                    await self.checkpoint()
                    written = loop.time()
                if last:
                    return
        except Exception as error:
            self.shared.leave(Exit.AGENT_FAILED, f"{self.name}: making a checkpoint failed: {safe(error)}")

    async def sleep(self, pause: float) -> None:
        """Until the interval is over, or the fold is full, or the lane closes."""
        if not self.closing:
            try:
                async with asyncio.timeout(pause):
                    await self.wake.wait()
            except TimeoutError:
                pass
        self.wake.clear()

    async def checkpoint(self) -> None:
        """Makes everything up to the position durable."""
        plan = self.plan()
        loop, tally = asyncio.get_running_loop(), self.shared.tally
        began = loop.time()
        self.landed.clear()
        try:
            async with asyncio.timeout(CHECKPOINT_S):
                offset = await write(self.producer, self.shared.to, plan)
        except FENCING as error:
            self.shared.leave(Exit.FENCED, f"{self.name}: a newer worker owns this partition ({type(error).__name__})")
        except Exception as error:
            self.shared.leave(Exit.CHECKPOINT_FAILED, f"{self.name}: checkpoint at {plan.position} failed: {safe(error)}")
        faults.hit("before_store")
        try:
            self.shared.rows.store(self.partition, plan.rows, offset)
        except Exception as error:
            self.shared.leave(Exit.CHECKPOINT_FAILED, f"{self.name}: the local store refused a checkpoint: {safe(error)}")
        faults.hit("after_store")
        self.saved, self.flying = plan.position, {}
        self.landed.set()
        tally.checkpoints += 1
        tally.checkpoint_s += loop.time() - began
        tally.rows += len(plan.rows)

    def plan(self) -> Plan:
        """Captures what is to be written. Synchronous: the fold may go on the moment after."""
        changes = self.fold.capture()
        self.outcomes.update(changes.outcomes)
        if changes.outcomes["outdated"]:
            log.error("%s: %d totals came for periods that were long closed; they are not counted", self.name, changes.outcomes["outdated"])
        rows = list(changes.rows)
        if not self.guarded:
            rows.append((GUARD_KEY, self.shared.guard.encode()))
            self.guarded = True
        rows.append((position_key(self.partition), Position(self.position, self.outcomes, self.shared.guard.digest).encode()))
        self.flying = dict(rows)
        return Plan(self.partition, self.position, rows, changes)

    async def close(self) -> None:
        """The last checkpoint, while the partition is still ours; then the producer goes."""
        self.closing = True
        self.serial = 0
        self.wake.set()
        try:
            async with asyncio.timeout(LAST_S):
                if self.task is not None:
                    await self.task
        except TimeoutError:
            self.shared.leave(Exit.CHECKPOINT_FAILED, f"{self.name}: the last checkpoint took longer than {LAST_S:g} s")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.producer.stop()
        except TimeoutError:
            pass  # nothing of ours waits for it any more; the next fence ends it for good
