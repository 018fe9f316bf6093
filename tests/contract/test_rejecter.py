"""What DynamoDB will never take goes into the topic rejected of a real broker, and only when it is there may the sink's position pass."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.store_sink import Rejecter, StoreSink
from agents.totals_to_dynamodb import totals
from dynamodb.errors import ItemRejected
from dynamodb.settings import Settings
from dynamodb.writes import Outcome
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total
from metering.wire import total_from_json, total_key, total_to_json
from streams.brokers import Brokers
from streams.cluster import admin, create
from streams.exits import Exit
from streams.topics import TopicSpec, refused
from tests.memory_store import MemoryStore
from tests.process import Left
from tests.sample_totals import hour_total
from tests.stack import Stack

BAD = [hour_total(device=f"bad-{number}") for number in range(8)]
GOOD = hour_total(device="good")


class Strict(MemoryStore):
    """Will never take what is of a bad device."""

    async def put_total(self, total: Total, partition: int) -> Outcome:
        """See `Store`."""
        if total.device.startswith("bad"):
            raise ItemRejected("too large for an item")
        return await super().put_total(total, partition)


class Scene:
    """A sink of hours whose store is strict; `left`: why it has ended the process."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self.store, self.rejecter, self.left = Strict(), Rejecter(brokers, topic), list[tuple[Exit, str]]()
        values = totals("hours", Grain.HOUR, Calendar("Europe/London"))
        self.sink = StoreSink("hours", values, self.store, Settings(), flush_s=0.0, rejected=self.rejecter, leave=self.leave)

    def leave(self, code: Exit, cause: str) -> Any:
        self.left.append((code, cause))
        raise Left

    async def offer(self, *told: Total) -> None:
        """A batch that ends at position 20, behind an empty one that ends at 10; returns when it is done or the process has ended."""
        records = [
            ConsumerRecord("hours", 0, at, 0, 1, total_key(total.device, total.start), total_to_json(total), None, 1, 1, ())
            for at, total in enumerate(told)
        ]
        await self.sink.offer(0, 10, [])
        await self.sink.offer(0, 20, records)
        await self.sink.drain(10.0)


@asynccontextmanager
async def scene(stack: Stack, spec: TopicSpec) -> AsyncIterator[Scene]:
    """With this as the topic rejected."""
    brokers = Brokers((stack.brokers,))
    async with admin(brokers) as client:
        assert await create(client, [spec], 1, 1) == [spec.name]
    made = Scene(brokers, spec.name)
    try:
        yield made
    finally:
        if made.sink.task is not None:
            made.sink.task.cancel()
            await asyncio.gather(made.sink.task, return_exceptions=True)
        if made.rejecter.producer is not None:
            await made.rejecter.producer.stop()


async def records(stack: Stack, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    tp, found = TopicPartition(topic, 0), list[Any]()
    async with AIOKafkaConsumer(bootstrap_servers=stack.brokers, fetch_max_wait_ms=20) as consumer:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        while await consumer.position(tp) < end:
            for some in (await consumer.getmany(timeout_ms=50)).values():
                found += some
    return found


async def test_all_of_what_is_never_stored_is_there_with_its_reason_when_the_position_passes(stack: Stack, own_name: str) -> None:
    async with scene(stack, refused(own_name)) as here:
        await here.offer(*BAD, GOOD)
        assert (here.left, here.sink.safe_position(0)) == ([], 20)
        assert [total for total, _ in here.store.totals.values()] == [GOOD]
        found = await records(stack, own_name)
        assert sorted(total_from_json(record.value or b"") for record in found) == BAD
        assert {dict(record.headers)["key"] for record in found} == {total.device.encode() for total in BAD}
        why = {"reason": b"sink.rejected", "detail": b"too large for an item", "source": b"dynamodb"}
        assert all({**dict(record.headers), **why} == dict(record.headers) for record in found)
        assert len({record.key for record in found}) == len(BAD), "each has a key of its own"
        await here.rejecter.put(Live("bad", power_mw=5, power_at=7, offset=9), "no number")
        assert b'"power_mw":5' in ((await records(stack, own_name))[-1].value or b"")


async def test_the_position_never_passes_what_the_broker_has_not_taken(stack: Stack, own_name: str) -> None:
    small = dataclasses.replace(refused(own_name), configs={"max.message.bytes": "100"})
    async with scene(stack, small) as here:
        await here.offer(BAD[0], GOOD)
        assert [code for code, _ in here.left] == [Exit.AGENT_FAILED] and "MessageSizeTooLargeError" in here.left[0][1]
        assert here.sink.safe_position(0) == 10
        assert await records(stack, own_name) == []
