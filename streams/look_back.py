"""A topic from its beginning to where it ends now, for commands that look back: with a consumer of their own, beside whoever works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.batch import Record
from streams.brokers import Brokers
from streams.cluster import ClusterError

POLL_MS: Final = 200
STALL_S: Final = 60.0
"""A broker that gives nothing for so long, though there is something, is given up."""
Show = Callable[[int, int], None]
"""Takes how many positions are done, and how many there are."""


def nothing(done: int, size: int) -> None:
    """Shows nobody anything."""


async def records(
    brokers: Brokers,
    topic: str,
    partitions: Collection[int],
    show: Show = nothing,
    upto: Mapping[int, int] | None = None,
    since: Mapping[int, int] | None = None,
) -> AsyncGenerator[tuple[TopicPartition, list[Record]], None]:
    """The committed records, in order within a partition, as far as the topic goes at the start, or up to these positions; `since` these, if given.

    Raises KafkaError, and ClusterError where the broker gives nothing any more.
    """
    consumer = AIOKafkaConsumer(**brokers.client, isolation_level="read_committed", auto_offset_reset="earliest")
    try:
        await consumer.start()
        tps = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        if upto is not None:
            ends = {tp: min(end, upto[tp.partition]) for tp, end in ends.items()}
        begins = {tp: max(begin, since[tp.partition] if since else 0) for tp, begin in begins.items()}
        consumer.assign(tps)
        for tp, begin in begins.items():
            consumer.seek(tp, begin)
        left = size = sum(max(0, end - begins[tp]) for tp, end in ends.items())
        loop = asyncio.get_running_loop()
        moved = loop.time()
        while left > 0:
            for tp, some in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                wanted = [record for record in some if record.offset < ends[tp]]
                if wanted:
                    yield tp, wanted
            now = sum([max(0, end - await consumer.position(tp)) for tp, end in ends.items()])
            if now < left:
                left, moved = now, loop.time()
            elif loop.time() - moved > STALL_S:
                raise ClusterError(f"WATTFALL_BROKERS={brokers}: nothing more of {topic} came for {STALL_S:g} s")
            show(size - left, size)
    finally:
        await consumer.stop()
