"""Sending: record batches per partition, by an idempotent producer, so that a retry neither doubles nor reorders a device's readings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from ingest.messages import Message
from streams.brokers import Brokers

CONNECT_S: Final = 10
GIVE_UP_S: Final = 60
"""A broker that confirms nothing for so long is given up; a restart takes less."""
BATCH_BYTES: Final = 256 * 1024
CLOSE_S: Final = 5


class Unreachable(Exception):
    """Kafka cannot be sent to: one line for a person."""


class Sending:
    """Messages under way. At most one batch of a partition is on the wire and one waits behind it: `send` waits for room.

    `sent` counts readings that the broker has confirmed, `submitted` those handed to the producer.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: list[int]) -> None:
        self.sent = 0
        self.submitted = 0
        self._producer = producer
        self._topic = topic
        self._open: dict[int, tuple[Any, int]] = {}
        self._unconfirmed: set[asyncio.Future[Any]] = set()
        self._error: BaseException | None = None
        place = DefaultPartitioner()
        self._partition = lru_cache(100_000)(lambda key: place(key, partitions, partitions))

    async def add(self, message: Message) -> None:
        """Puts a message into its partition's batch. Raises Unreachable."""
        partition = self._partition(message.key)
        batch, readings = self._open.get(partition) or (self._producer.create_batch(), 0)
        if batch.append(timestamp=None, key=message.key, value=message.value) is None:  # full
            await self._submit(partition)
            batch, readings = self._producer.create_batch(), 0
            batch.append(timestamp=None, key=message.key, value=message.value)
        self._open[partition] = batch, readings + message.readings

    async def flush(self) -> None:
        """Hands every batch over, full or not. Raises Unreachable."""
        for partition in list(self._open):
            await self._submit(partition)

    async def confirmed(self, seconds: float = GIVE_UP_S) -> None:
        """Waits until the broker has everything. Raises Unreachable."""
        if self._unconfirmed:
            await asyncio.wait(self._unconfirmed, timeout=seconds)
        if self._error is not None:
            raise Unreachable(f"sending failed: {self._error!r}") from self._error
        if self._unconfirmed:
            raise Unreachable(f"nothing was confirmed for {seconds:g} s")

    async def _submit(self, partition: int) -> None:
        batch, readings = self._open.pop(partition)
        batch.close()
        if self._error is not None:
            raise Unreachable(f"sending failed: {self._error!r}") from self._error
        try:
            future = await self._producer.send_batch(batch, self._topic, partition=partition)
        except (KafkaError, TimeoutError) as error:
            raise Unreachable(f"sending failed: {error!r}") from error
        self.submitted += readings
        self._unconfirmed.add(future)
        future.add_done_callback(lambda done: self._done(done, readings))

    def _done(self, future: asyncio.Future[Any], readings: int) -> None:
        self._unconfirmed.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is None:
            self.sent += readings
        else:
            self._error = self._error or error


@contextlib.asynccontextmanager
async def sending(brokers: Brokers, topic: str) -> AsyncIterator[Sending]:
    """A connection to send by. Raises Unreachable within some ten seconds if there is no broker or no such topic."""
    producer = AIOKafkaProducer(
        **brokers.client,
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=GIVE_UP_S * 1000,
    )
    try:
        yield Sending(producer, topic, await _partitions(producer, topic))
    finally:
        with contextlib.suppress(TimeoutError):  # what is unconfirmed was reported; the process ends
            await asyncio.wait_for(producer.stop(), CLOSE_S)


async def _partitions(producer: AIOKafkaProducer, topic: str) -> list[int]:
    """Connects and asks for all topics: asking for one by its name might make it."""
    try:
        async with asyncio.timeout(CONNECT_S):
            await producer.start()
            partitions = (await producer.client.fetch_all_metadata()).partitions_for_topic(topic)
    except TimeoutError:
        raise Unreachable(f"no answer within {CONNECT_S} s") from None
    except (KafkaError, OSError) as error:
        raise Unreachable(str(error)) from error
    if not partitions:
        raise Unreachable(f"there is no topic {topic!r} (python -m agents topics create makes it)")
    return sorted(partitions)
