"""Sinks in memory: the product's own taps, writers and store, in a process that a test plays with; only Kafka and DynamoDB are dictionaries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiokafka.structs import OffsetAndMetadata, TopicPartition

from agents.store_sink import Rejecter, StoreSink, writer_of
from agents.totals_to_dynamodb import totals
from dynamodb.errors import StoreBusy, StoreError
from dynamodb.settings import Settings
from dynamodb.store import DynamoStore
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total
from streams.batch import Batch
from streams.brokers import Brokers
from streams.tap import Tap
from tests.flow.small_worker import PARTITIONS, SOURCES, Place
from tests.memory_dynamodb import MemoryClient
from tests.memory_kafka import Broker
from tests.process import Process

SINKS: Final = "sinks"
"""The group."""
T = TypeVar("T")


@dataclass(eq=False)
class Flight:
    """A write on the wire: `write` is what DynamoDB does when it arrives."""

    write: Callable[[], Any]
    answer: asyncio.Future[Any]


class WiredStore(DynamoStore):
    """The product's store; its requests wait in `flights` until somebody says what becomes of them."""

    def __init__(self, client: MemoryClient, settings: Settings) -> None:
        super().__init__(client, settings)  # type: ignore[arg-type]
        self.flights: list[Flight] = []

    async def _on_thread(self, write: Callable[[], T]) -> T:
        flight = Flight(write, asyncio.get_running_loop().create_future())
        self.flights.append(flight)
        found: T = await flight.answer
        return found

    def answered(self, flight: Flight) -> None:
        """It arrives, and so does its answer."""
        self.flights.remove(flight)
        try:
            flight.answer.set_result(flight.write())
        except StoreError as error:
            flight.answer.set_exception(error)

    def unanswered(self, flight: Flight) -> None:
        """The sender has given it up."""
        self.flights.remove(flight)
        flight.answer.set_exception(StoreBusy("no answer"))


class SmallSink(StoreSink):
    """The product's sink, by the clock of its process."""

    def __init__(self, process: Process, level: str, store: DynamoStore, settings: Settings, now_s: float) -> None:
        rejected = NeverRejected()
        super().__init__(
            level,
            totals(level, dict(zip(SOURCES, Grain, strict=True))[level], Calendar(settings.zone)),
            store,
            settings,
            flush_s=0.0,
            rejected=rejected,
            leave=process.leave,
        )
        self.writer = writer_of(store, settings, rejected, 0.0, clock=process.loop.time, now=lambda: now_s, jitter=lambda: 1.0)


class NeverRejected(Rejecter):
    """DynamoDB takes every total that the waterfall makes."""

    def __init__(self) -> None:
        super().__init__(Brokers(), "rejected")

    async def put(self, value: Total | Live, detail: str) -> None:
        """It is a bug of ours."""
        raise AssertionError(f"{value} is rejected: {detail}")


class Sinks(Process):
    """The sinks of one process, all partitions of all levels."""

    def __init__(self, broker: Broker, client: MemoryClient, settings: Settings, now_s: float) -> None:
        super().__init__()
        self.broker = broker
        self.stopping = False
        self.serial = 0
        self.store = WiredStore(client, settings)
        self.taps = {level: self._tap(SmallSink(self, level, self.store, settings, now_s)) for level in SOURCES}
        self.next: dict[Place, int] = {}
        self.taking: dict[str, asyncio.Task[None]] = {}
        self.assign()

    def assign(self) -> None:
        """From what is committed, else from the beginning."""
        for level, tap in self.taps.items():
            self.run(tap.open(range(PARTITIONS)))
            for partition in range(PARTITIONS):
                committed = self.broker.committed.get((SINKS, TopicPartition(level, partition)))
                self.serial += 1
                self.next[level, partition] = position = committed.offset if committed else 0
                tap.start(partition, position, self.serial)

    def close(self) -> bool:
        """Revoked, or the end. False: it is still under way."""
        closing = [self.run(tap.close()) for tap in self.taps.values()]
        return all(task.done() for task in closing)

    @property
    def ready(self) -> list[Place]:
        """Where something can be fetched."""
        return [place for place, position in self.next.items() if self.broker.stable_end(TopicPartition(*place)) > position]

    @property
    def busy(self) -> bool:
        """Something was fetched that is not committed."""
        committed = {tp: offset.offset for (group, tp), offset in self.broker.committed.items() if group == SINKS}
        return any(position > committed.get(TopicPartition(*place), 0) for place, position in self.next.items())

    def poll(self, level: str, partition: int, most: int) -> None:
        """Hands a fetch to the tap, unless that waits for room."""
        busy = self.taking.get(level)
        if busy is not None and not busy.done():
            return
        begin = self.next[level, partition]
        records, end = self.broker.fetch(TopicPartition(level, partition), begin, most)
        if end > begin:
            self.next[level, partition] = end
            self.taking[level] = self.run(self.taps[level].take(Batch(partition, records, begin, end, self.taps[level].serials[partition])))

    def _tap(self, sink: SmallSink) -> Tap:
        return Tap(sink.name, sink, commit=self._commit, leave=self.leave, stopping=lambda: self.stopping)

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.broker.committed.update({(SINKS, tp): OffsetAndMetadata(offset, "sink") for tp, offset in offsets.items()})
