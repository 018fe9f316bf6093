"""Where a log's last record is, when transaction markers may follow it.

Faust recovers a table until it has seen the record below the changelog's end. A transaction ends in a marker, which is none: it would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.brokers import Brokers

LIMIT_S = 20.0
FIRST_STEP = 2


async def last_records(brokers: Brokers, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """For each partition the offset behind its last committed record, at most its end; its beginning where there is no record.

    Steps back from the end, eight times further each time. Raises TimeoutError after 20 s, and Kafka's errors.
    """
    found = {TopicPartition(*tp): end for tp, end in ends.items()}
    wanted = {tp: end for tp, end in found.items() if end}
    if wanted:
        async with asyncio.timeout(LIMIT_S):
            found |= await step_back(brokers, wanted)
    return found


async def step_back(brokers: Brokers, ends: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The search itself, with a consumer of its own."""
    probe = AIOKafkaConsumer(**brokers.client, enable_auto_commit=False, fetch_max_wait_ms=20, isolation_level="read_committed")
    await probe.start()
    try:
        begins = await probe.beginning_offsets(list(ends))
        found: dict[TopicPartition, int] = {tp: begins[tp] for tp, end in ends.items() if end <= begins[tp]}
        steps = {tp: FIRST_STEP for tp in ends if tp not in found}
        while steps:
            froms = {tp: max(begins[tp], ends[tp] - step) for tp, step in steps.items()}
            lasts = await read_to_end(probe, froms, ends)
            found |= {tp: last + 1 for tp, last in lasts.items()}
            found |= {tp: begins[tp] for tp, start in froms.items() if tp not in lasts and start == begins[tp]}
            steps = {tp: step * 8 for tp, step in steps.items() if tp not in found}
        return found
    finally:
        await probe.stop()


async def read_to_end(probe: AIOKafkaConsumer, froms: dict[TopicPartition, int], ends: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The offset of the last record at or after each start; a partition without one is absent."""
    probe.assign(list(froms))
    for tp, start in froms.items():
        probe.seek(tp, start)
    lasts: dict[TopicPartition, int] = {}
    waiting = set(froms)
    while waiting:
        for tp, records in (await probe.getmany(timeout_ms=50)).items():
            if records:
                lasts[tp] = records[-1].offset
        waiting = {tp for tp in waiting if await probe.position(tp) < ends[tp]}
    return lasts
