"""Where a log's last record is, when transaction markers may follow it, or are missing.

Faust recovers a table until it has seen the record below the changelog's end. A transaction ends in a marker, which is none: it would wait for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.brokers import Brokers

LIMIT_S = 20.0
FIRST_STEP = 2
OPEN_S = 10.0
"""So long a broker that was killed may take to write the markers of a transaction that it had promised to commit."""
POLL_S = 0.2
TP = TypeVar("TP", bound=tuple[str, int])
log = logging.getLogger("wattfall.table")


async def committed_ends(
    brokers: Brokers, ask: Callable[[], Awaitable[Mapping[TP, int]]], limit_s: float = OPEN_S
) -> tuple[Mapping[TP, int], frozenset[TP]]:
    """The committed ends that `ask` tells, once no transaction is open below a log's end; and where one stays open for longer than the limit.

    To be asked behind the fence, of logs that nobody else writes: then none is open, but for what a broker that was killed has still to mark, or has
    forgotten to. What is behind such a one is committed and not to be read. Raises Kafka's errors.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + limit_s
    ends = await ask()
    if not ends:
        return ends, frozenset()
    whole = AIOKafkaConsumer(**brokers.client, enable_auto_commit=False, isolation_level="read_uncommitted")
    await whole.start()
    try:
        while True:
            logs = await whole.end_offsets([TopicPartition(*tp) for tp in ends])
            still = frozenset(tp for tp, end in ends.items() if logs[TopicPartition(*tp)] > end)
            if not still:
                return ends, still
            if loop.time() >= limit:
                named = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(still))
                log.error("%s: a transaction is open that nobody ends: the broker has lost its marker; going on without what it holds", named)
                return ends, still
            await asyncio.sleep(POLL_S)
            ends = await ask()
    finally:
        await whole.stop()


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
