"""A topic from its beginning to where it ends now, for commands that look back: with a consumer of their own, beside whoever works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.batch import Record

POLL_MS: Final = 200
Show = Callable[[int, int], None]
"""Takes how many positions are behind it, and where the topic ends, both summed over the partitions."""


def nobody(done: int, end: int) -> None:
    """Shows it to nobody."""


async def records(
    brokers: Sequence[str], topic: str, partitions: Collection[int], show: Show = nobody
) -> AsyncIterator[tuple[TopicPartition, list[Record]]]:
    """The committed records, in order within a partition, as far as the topic goes at the start. Raises KafkaError."""
    consumer = AIOKafkaConsumer(bootstrap_servers=list(brokers), isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        ends = await consumer.end_offsets(tps)
        consumer.assign(tps)
        await consumer.seek_to_beginning()
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, some in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                if wanted := [record for record in some if record.offset < ends[tp]]:
                    yield tp, wanted
            show(sum([min(await consumer.position(tp), end) for tp, end in ends.items()]), sum(ends.values()))
    finally:
        await consumer.stop()
