"""Where what is committed of a changelog ends, while a transaction is open in it that nobody ends, or not yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.brokers import Brokers
from streams.checkpoint import transactional_producer
from streams.cluster import admin, create
from streams.highwater import committed_ends
from streams.topics import changelog
from tests.stack import Stack


class Log:
    """One changelog of one partition, with a record that is committed and one whose transaction is open."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.brokers, self.tp = Brokers((stack.brokers,)), TopicPartition(name, 0)
        self.producer = transactional_producer(self.brokers, name)
        self.reader = AIOKafkaConsumer(**self.brokers.client, isolation_level="read_committed")
        self.asked = 0

    async def begin(self) -> None:
        async with admin(self.brokers) as client:
            await create(client, [changelog(self.tp.topic)], 1, 1)
        await self.producer.start()
        await self.reader.start()
        async with self.producer.transaction():
            await self.send(b"committed")
        await self.producer.begin_transaction()
        await self.send(b"open")

    async def send(self, value: bytes) -> None:
        await self.producer.send_and_wait(self.tp.topic, value, key=b"k", partition=0)

    async def ends(self) -> Mapping[TopicPartition, int]:
        """Committed ones; whoever asks a second time finds the transaction at its end."""
        self.asked += 1
        if self.asked == 2:
            await self.producer.commit_transaction()
        ends: dict[TopicPartition, int] = await self.reader.end_offsets([self.tp])
        return ends


@pytest_asyncio.fixture
async def log(stack: Stack, own_name: str) -> AsyncIterator[Log]:
    log = Log(stack, own_name)
    await log.begin()
    yield log
    await log.reader.stop()
    await log.producer.stop()


async def test_a_transaction_that_is_about_to_end_is_waited_for(log: Log) -> None:
    ends, still_open = await committed_ends(log.brokers, log.ends, limit_s=20)
    assert (dict(ends), still_open) == ({log.tp: 4}, frozenset()), "two records, and a marker behind each"
    assert log.asked >= 2


async def test_one_that_stays_open_is_named_and_what_is_before_it_counts(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    ends, still_open = await committed_ends(log.brokers, log.ends, limit_s=0)
    assert (dict(ends), still_open) == ({log.tp: 2}, frozenset({log.tp}))
    [said] = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert f"{log.tp.topic}/0: a transaction is open that nobody ends" in said


async def test_where_none_is_open_nothing_is_waited_for(log: Log) -> None:
    await log.producer.commit_transaction()
    log.asked = 2
    ends, still_open = await committed_ends(log.brokers, log.ends, limit_s=20)
    assert (dict(ends), still_open, log.asked) == ({log.tp: 4}, frozenset(), 3)


async def test_who_was_dealt_nothing_has_nothing_to_wait_for(stack: Stack) -> None:
    async def none() -> Mapping[TopicPartition, int]:
        return {}

    assert await asyncio.wait_for(committed_ends(Brokers((stack.brokers,)), none), 20) == ({}, frozenset())
