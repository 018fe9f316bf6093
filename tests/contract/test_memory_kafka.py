"""What a checkpoint relies on in Kafka: the same suite for the one in memory, which the state machine plays with, and for a real broker."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.brokers import Brokers
from streams.checkpoint import NO_HEADERS, batches, send, transactional_producer
from streams.lane import FENCING
from tests.memory_kafka import Broker, Producer
from tests.stack import Stack

Seen = list[tuple[int, bytes | None]]


class Backend(Protocol):
    """Topics `a` and `b` of one partition, and a group."""

    name: str

    async def producer(self) -> Any:
        """A new owner's, all of the same transactional id."""

    async def append(self, value: bytes) -> None:
        """A record of somebody without transactions, in `a`."""

    async def read(self, topic: str) -> tuple[Seen, int]:
        """Offsets and values of the committed records, and where a reader of them stops."""

    async def committed(self) -> int | None:
        """Of the group, in `a`."""


class InMemory:
    name = ""

    def __init__(self) -> None:
        self.broker = Broker()

    async def producer(self) -> Producer:
        producer = Producer(self.broker, "owner")
        await producer.start()
        return producer

    async def append(self, value: bytes) -> None:
        self.broker.append(TopicPartition("a", 0), None, value)

    async def read(self, topic: str) -> tuple[Seen, int]:
        tp = TopicPartition(topic, 0)
        return [(record.offset, record.value) for record in self.broker.records(tp)], self.broker.stable_end(tp)

    async def committed(self) -> int | None:
        found = self.broker.committed.get(("group", TopicPartition("a", 0)))
        return found.offset if found else None


class InKafka:
    def __init__(self, brokers: str, name: str) -> None:
        self.brokers, self.name = brokers, name
        self.started: list[AIOKafkaProducer] = []

    async def producer(self) -> AIOKafkaProducer:
        producer = transactional_producer(Brokers((self.brokers,)), f"{self.name}owner")
        self.started.append(producer)
        await producer.start()
        return producer

    async def append(self, value: bytes) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.brokers) as producer:
            await producer.send_and_wait(f"{self.name}a", value)

    async def read(self, topic: str) -> tuple[Seen, int]:
        tp, found = TopicPartition(f"{self.name}{topic}", 0), list[Any]()
        async with AIOKafkaConsumer(bootstrap_servers=self.brokers, isolation_level="read_committed", fetch_max_wait_ms=20) as consumer:
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            end = (await consumer.end_offsets([tp]))[tp]
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(timeout_ms=50)).values():
                    found += records
        return [(record.offset, record.value) for record in found], end

    async def committed(self) -> int | None:
        tp = TopicPartition(f"{self.name}a", 0)
        async with AIOKafkaConsumer(bootstrap_servers=self.brokers, group_id=f"{self.name}group") as consumer:
            consumer.assign([tp])
            found: int | None = await consumer.committed(tp)
            return found


@pytest.fixture(params=["memory", "kafka"])
async def backend(request: pytest.FixtureRequest, own_name: str) -> AsyncIterator[Backend]:
    if request.param == "memory":
        yield InMemory()
        return
    stack: Stack = request.getfixturevalue("stack")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.brokers)
    await admin.start()
    await admin.create_topics([NewTopic(f"{own_name}{topic}", 1, 1) for topic in "ab"])
    await admin.close()
    there = InKafka(stack.brokers, own_name)
    yield there
    await asyncio.gather(*[producer.stop() for producer in there.started])
    there.started.clear()
    gc.collect()  # aiokafka leaves futures behind that say why a producer was fenced: they say so now, not in the middle of another test


async def sends(backend: Backend, producer: Any, topic: str, *values: bytes) -> int:
    """As a checkpoint does; returns the last one's offset."""
    return await send(producer, f"{backend.name}{topic}", 0, batches(producer, [(None, value, NO_HEADERS) for value in values]))


async def goes_to(backend: Backend, producer: Any, position: int) -> None:
    offsets = {TopicPartition(f"{backend.name}a", 0): OffsetAndMetadata(position, "")}
    await producer.send_offsets_to_transaction(offsets, f"{backend.name}group")


async def test_a_transaction_becomes_visible_at_once_with_its_offsets_and_leaves_a_marker(backend: Backend) -> None:
    #  a   0   1   marker   3
    owner = await backend.producer()
    await owner.begin_transaction()
    assert await sends(backend, owner, "a", b"1", b"2") == 1
    await sends(backend, owner, "b", b"3")
    await goes_to(backend, owner, 7)
    assert [await backend.read(topic) for topic in "ab"] == [([], 0), ([], 0)]
    assert await backend.committed() is None
    await owner.commit_transaction()
    assert [await backend.read(topic) for topic in "ab"] == [([(0, b"1"), (1, b"2")], 3), ([(0, b"3")], 2)]
    assert await backend.committed() == 7
    await owner.begin_transaction()
    assert await sends(backend, owner, "a", b"4") == 3
    await owner.commit_transaction()
    assert await backend.read("a") == ([(0, b"1"), (1, b"2"), (3, b"4")], 5)


async def test_nobody_reads_past_a_transaction_that_is_under_way(backend: Backend) -> None:
    owner = await backend.producer()
    await backend.append(b"before")
    await owner.begin_transaction()
    await sends(backend, owner, "a", b"1")
    await backend.append(b"after")
    assert await backend.read("a") == ([(0, b"before")], 1)
    await owner.commit_transaction()
    assert await backend.read("a") == ([(0, b"before"), (1, b"1"), (2, b"after")], 4)


async def test_a_new_owner_ends_what_the_old_one_had_under_way(backend: Backend) -> None:
    #  a   0 aborted   marker   2
    old = await backend.producer()
    await old.begin_transaction()
    await sends(backend, old, "a", b"lost")
    await goes_to(backend, old, 7)
    new = await backend.producer()
    assert await backend.read("a") == ([], 2)
    await new.begin_transaction()
    assert await sends(backend, new, "a", b"1") == 2
    await new.commit_transaction()
    assert await backend.read("a") == ([(2, b"1")], 4)
    assert await backend.committed() is None


@pytest.mark.parametrize("step", ["send", "offsets", "commit"])
async def test_an_old_owner_is_refused_at_whatever_it_does_next(backend: Backend, step: str) -> None:
    old = await backend.producer()
    await old.begin_transaction()
    await sends(backend, old, "a", b"lost")
    await backend.producer()
    with pytest.raises(FENCING):
        if step == "send":
            await sends(backend, old, "a", b"lost, too")
        elif step == "offsets":
            await goes_to(backend, old, 7)
        else:
            await old.commit_transaction()
    assert await backend.read("a") == ([], 2)
    assert await backend.committed() is None


async def test_an_old_owner_is_refused_when_it_begins(backend: Backend) -> None:
    old = await backend.producer()
    await backend.producer()
    await old.begin_transaction()
    with pytest.raises(FENCING):
        await sends(backend, old, "a", b"lost")
    assert await backend.read("a") == ([], 0)
