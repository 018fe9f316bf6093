"""Between a tap and a writer: turns records into values, and what ends a writer into an exit with its cause."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer

from dynamodb.errors import LogsMixed, Retired
from dynamodb.settings import Settings
from dynamodb.writer import Writer
from dynamodb.writes import Outcome, Store
from metering.errors import Reason
from metering.live import Live
from metering.total import Total
from metering.wire import total_to_json
from streams import faults
from streams.batch import Record
from streams.brokers import Brokers
from streams.exits import Exit, Leave
from streams.logs import safe
from streams.metrics import FLUSH, FRESHNESS, OLDEST, PENDING, WRITES, Sample, Spread

Values = Callable[[int, Sequence[Record]], Iterable[Total | Live]]
"""What records of a partition bring."""
log = logging.getLogger("wattfall.sink")


class StoreSink:
    """A `streams.tap.Sink`. The writer runs from the first batch on, until the process ends."""

    def __init__(self, name: str, values: Values, store: Store, settings: Settings, *, flush_s: float, rejected: Rejecter, leave: Leave) -> None:
        self.name, self.values, self.flush_s, self.leave = name, values, flush_s, leave
        self.writer = writer_of(store, settings, rejected, flush_s)
        self.task: asyncio.Task[None] | None = None
        self.offered: dict[int, deque[tuple[int, int]]] = {}
        self.stored_after = Spread()

    async def offer(self, partition: int, end: int, records: Sequence[Record]) -> None:
        """See `Sink`."""
        if self.task is None:
            self.task = asyncio.create_task(self.run(), name=f"writer of {self.name}")
        if records:
            self.offered.setdefault(partition, deque()).append((end, records[0].timestamp))
        await self.writer.offer(partition, end, self.values(partition, records))

    async def run(self) -> None:
        """The writer, and what its end means."""
        try:
            await self.writer.run()
        except Retired as error:
            self.leave(Exit.RETIRED, f"{self.name}: {error}")
        except LogsMixed as error:
            self.leave(Exit.LOGS_MIXED, f"{self.name}: {error}")
        except Exception as error:
            log.exception("%s", self.name)
            self.leave(Exit.AGENT_FAILED, f"{self.name}: the writer failed: {safe(error)}")

    def safe_position(self, partition: int) -> int | None:
        """See `Sink`."""
        safe = self.writer.safe_position(partition)
        offered = self.offered.get(partition)
        while offered and safe is not None and offered[0][0] <= safe:
            _, at = offered.popleft()
            self.stored_after.see(time.time() - at / 1000)
        return safe

    async def drain(self, limit_s: float) -> None:
        """See `Sink`."""
        if self.task is not None:
            await self.writer.drain(limit_s)

    def drop(self, partition: int) -> None:
        """See `Sink`."""
        self.writer.drop_partition(partition)
        self.offered.pop(partition, None)

    def samples(self) -> Iterator[Sample]:
        """See `Sink`."""
        for result, count in asdict(self.writer.counts).items():
            yield Sample(WRITES, (self.name, result), count)
        yield Sample(PENDING, (self.name,), len(self.writer))
        oldest = min((offered[0][1] for offered in self.offered.values() if offered), default=None)
        yield Sample(OLDEST, (self.name,), 0.0 if oldest is None else time.time() - oldest / 1000)
        yield Sample(FLUSH, (self.name,), self.flush_s)
        yield Sample(FRESHNESS, (self.name,), self.stored_after)

    def waits_for(self) -> Iterator[str]:
        """See `Sink`."""
        if self.writer.in_trouble:
            yield f"DynamoDB does not take all of {self.name}"


def writer_of(
    store: Store,
    settings: Settings,
    rejected: Rejecter,
    flush_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    jitter: Callable[[], float] = random.random,
) -> Writer:
    """A writer as the settings want it."""
    return Writer(
        store,
        rejected=rejected.put,
        capacity_keys=settings.capacity_keys,
        concurrency=settings.threads,
        flush_s=flush_s,
        keep_hours_s=settings.keep_hours_s,
        clock=clock,
        now=now,
        jitter=jitter,
    )


class Rejecter:
    """Puts what DynamoDB will never take into the topic rejected, durably."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self.brokers, self.topic = brokers, topic
        self.producer: AIOKafkaProducer | None = None

    async def put(self, value: Total | Live, detail: str) -> None:
        """Returns when the brokers have it; raises their errors."""
        if self.producer is None:
            self.producer = AIOKafkaProducer(**self.brokers.client, enable_idempotence=True)
            await self.producer.start()
        what = total_to_json(value) if isinstance(value, Total) else orjson.dumps(value._asdict())
        why = [("reason", Reason.SINK_REJECTED.value.encode()), ("detail", detail[:256].encode()), ("source", b"dynamodb")]
        why.append(("key", value.device.encode()))
        await self.producer.send_and_wait(self.topic, what, key=f"dynamodb {uuid4()}".encode(), headers=why)


class FaultyStore:
    """A store with the fault points around it; only where one of them is armed."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def put_total(self, total: Total, partition: int) -> Outcome:
        """See `Store`."""
        return await self._struck(self.store.put_total(total, partition))

    async def put_live(self, live: Live) -> Outcome:
        """See `Store`."""
        return await self._struck(self.store.put_live(live))

    async def _struck(self, put: Any) -> Outcome:
        faults.hit("sink_before_put")
        outcome: Outcome = await put
        faults.hit("sink_after_put")
        return outcome
