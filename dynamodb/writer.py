"""The engine between a sink and DynamoDB: keeps the newest of each key, writes them at intervals, never gives up, and says how far is safe.

It runs in one asyncio loop. Whatever happens, a position is safe only when everything below it is stored, found stale, or was handed to
`rejected`, which has returned.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from dynamodb.errors import ItemRejected, StoreBusy
from dynamodb.pace import Pace
from dynamodb.pending import Pending, Slot
from dynamodb.trouble import Expiry, Trouble
from dynamodb.writes import Outcome, Store, value_of, write_of
from metering.live import Live
from metering.total import Grain, Total

Rejected = Callable[[Total | Live, str], Awaitable[None]]
"""Keeps a value that can never be stored, with the reason; returns only when that is durable."""


@dataclass(slots=True)
class Counts:
    """How writes ended since the start. `busy` counts refused attempts, the others values; a value that a newer one replaced is in none."""

    stored: int = 0
    stale: int = 0
    rejected: int = 0
    expired: int = 0
    busy: int = 0


class Writer:
    """Values of one level, on their way into a store.

    `capacity_keys`: so many items wait at most; `concurrency`: so many writes in flight at most; `flush_s`: seconds between two writes of an
    item. `clock` is monotonic, `now` the time of day in epoch s; an hour that ended `keep_hours_s` ago is counted and told, not written.
    """

    def __init__(
        self,
        store: Store,
        *,
        rejected: Rejected,
        capacity_keys: int,
        concurrency: int,
        flush_s: float,
        keep_hours_s: int,
        clock: Callable[[], float],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.counts = Counts()
        self._store, self._rejected = store, rejected
        self._flush_s, self._keep_hours_s = flush_s, keep_hours_s
        self._clock, self._now, self._sleep, self._jitter = clock, now, sleep, jitter
        self._pending = Pending(capacity_keys)
        self._pace = Pace(concurrency)
        self._room = asyncio.Event()  # set whenever there may be some
        self._arrived = asyncio.Event()  # something waits
        self._hurry = asyncio.Event()  # full, or draining: do not wait for the interval
        self._idle = asyncio.Event()  # nothing waits, nothing flies
        self._idle.set()
        self._draining = False
        self._failure: BaseException | None = None
        self._trouble, self._expiry = Trouble(), Expiry()

    def __len__(self) -> int:
        """Items that are not stored yet."""
        return len(self._pending)

    @property
    def in_trouble(self) -> bool:
        """Something waits, and DynamoDB refused something lately."""
        return self._trouble.lasts and len(self._pending) > 0

    async def offer(self, partition: int, offset_end: int, values: Iterable[Total | Live]) -> None:
        """Takes all of a batch of source records that ends before position `offset_end`; waits while there is no room.

        Batches of a partition are offered one after the other, in order, empty ones too. Raises what ended `run`, if it has ended.
        """
        lane = self._pending.lane(partition)
        for value in values:
            if isinstance(value, Total) and self._expired(value):
                if not value.absent:
                    self.counts.expired += 1
                    self._expiry.met(self._clock(), value.end)
                continue
            write = write_of(value, partition)
            while not self._pending.put(lane, write):
                await self._wait_for_room()
        self._raise_failure()
        self._note()
        lane.positions.reach(offset_end)

    def safe_position(self, partition: int) -> int | None:
        """Everything of this partition below it is done, so it may be committed; None if nothing is known to be."""
        return self._pending.safe_position(partition)

    def drop_partition(self, partition: int) -> None:
        """Forgets a partition that was revoked. What is in flight may still be stored, which does no harm."""
        self._pending.drop(partition)
        self._note()

    async def drain(self, limit_s: float) -> None:
        """Writes all that waits without waiting for the interval; returns when it is done, or after `limit_s`, or when `run` has ended."""
        if self._failure is None:
            self._draining = True
            self._note()
            await self._either(self._idle, limit_s)

    async def run(self) -> None:
        """Writes, for ever. Raises Retired, LogsMixed, whatever `rejected` raises, and bugs; then the process should stop with that cause."""
        try:
            due = self._clock()
            while True:
                await self._arrived.wait()
                await self._either(self._hurry, due - self._clock())
                due = self._clock() + self._flush_s
                await self._flush()
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._room.set()
            self._idle.set()

    async def _flush(self) -> None:
        """Writes each item that waits now, again and again until it is done."""
        queue = deque(self._pending.waiting())
        flights: set[asyncio.Task[Slot | None]] = set()
        try:
            while queue or flights:
                while queue and (pause := self._pace.wait(self._clock())) > 0:
                    await self._sleep(pause)
                while queue and len(flights) < self._pace.limit:
                    flights.add(asyncio.create_task(self._write(queue.popleft())))
                ended, _ = await asyncio.wait(flights, return_when=asyncio.FIRST_COMPLETED)
                queue.extend(slot for task in ended if (slot := task.result()) is not None)
                flights -= ended
        finally:
            for task in flights:
                task.cancel()
            await asyncio.gather(*flights, return_exceptions=True)

    async def _write(self, slot: Slot) -> Slot | None:
        """One attempt at what waits in a slot; returns the slot if there has to be another."""
        write = self._pending.take(slot)
        if write is None:
            return None
        asked = self._clock()
        try:
            outcome = await write.into(self._store)
        except StoreBusy as busy:
            self._pending.back(slot)
            self._slow_down(asked, busy)
            return slot
        except ItemRejected as error:
            await self._rejected(value_of(write), error.detail)
            self.counts.rejected += 1
        else:
            self.counts.stored += outcome is Outcome.STORED
            self.counts.stale += outcome is Outcome.STALE
        self._pace.answered()
        self._trouble.served(self._clock())
        self._pending.done(slot)
        self._note()
        return None

    def _slow_down(self, asked: float, busy: StoreBusy) -> None:
        self.counts.busy += 1
        self._pace.busy(asked, self._clock(), self._jitter(), busy.retry_after)
        self._trouble.met(self._clock(), busy, len(self._pending))

    def _expired(self, total: Total) -> bool:
        return total.grain is Grain.HOUR and total.end + self._keep_hours_s <= self._now()

    def _note(self) -> None:
        """Sets the events to what is true."""
        for event, holds in (
            (self._arrived, len(self._pending) > 0),
            (self._hurry, self._draining or self._pending.full),
            (self._room, not self._pending.full),
            (self._idle, len(self._pending) == 0),
        ):
            event.set() if holds else event.clear()

    async def _wait_for_room(self) -> None:
        self._raise_failure()
        self._note()
        await self._room.wait()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise RuntimeError("the writer has ended") from self._failure

    async def _either(self, event: asyncio.Event, limit_s: float) -> None:
        """Waits for the event, at most so long."""
        if limit_s <= 0 or event.is_set():
            return
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._sleep(limit_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
