"""`python -m agents redrive`: what was rejected, or late, into the readings topic again, after a bug or a setting was mended.

It reads with a consumer of its own and commits nothing. One at a time: a producer with a transactional id shuts out every older one, and whatever
that had under way is over before this one looks, in the readings topic itself, for what was sent again already. What is sent becomes visible in
transactions, each whole or not at all. So a run that is broken off, killed or repeated sends nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced
from aiokafka.structs import TopicPartition

from agents.ground import ends
from agents.redrive import Erased, Judge, Judged, Tally, erases, marks, pieces
from agents.redrive_asked import SKEW_MS, Asked, check_marks
from agents.reread import Take, bar
from streams import faults
from streams.checkpoint import CHECKPOINT_S, TRANSACTION_S, Message, batches, send, transactional_producer
from streams.cluster import Cluster, ClusterError, admin, configurations, having, hushed
from streams.exits import Exit
from streams.headers import Records
from streams.settings import Settings
from streams.topics import Topics

ROUND_RECORDS: Final = 1_000
"""Judged at a stretch."""
CLOSE_S: Final = 5.0

aiokafka_fetcher.MemoryRecords = Records  # as in streams/fetch.py: anybody may have named a header of a reading


def run(settings: Settings, asked: Asked) -> Exit:
    """The command; a summary on standard output, also of a run that was broken off. Raises ClusterError, SettingError."""
    topics, tally, ended = Topics.of(settings), Tally(), False
    try:
        with hushed():
            asyncio.run(redrive(settings, topics, asked, tally))
        ended = True
    except (ProducerFenced, InvalidProducerEpoch):
        print("wattfall: another redrive has begun and goes on where this one ended", file=sys.stderr)
        return Exit.FENCED
    except (KafkaError, TimeoutError) as error:
        raise ClusterError(f"WATTFALL_BROKERS={settings.brokers}: {str(error) or 'no answer'}; another run goes on from here") from None
    finally:
        if ended or tally.counts:
            print("\n".join(tally.lines(refused(topics, asked), dry_run=asked.dry_run)), flush=True)
    return Exit.STOPPED


def refused(topics: Topics, asked: Asked) -> str:
    """The topic that is read."""
    return topics.late if asked.late else topics.rejected


async def redrive(settings: Settings, topics: Topics, asked: Asked, tally: Tally) -> None:
    """First what was sent already, then what is to be sent."""
    cluster, kept_ms = await surveyed(settings, topics.readings, refused(topics, asked))
    check_marks(asked.since_ms, time.time_ns() // 1_000_000, kept_ms, topics.readings)
    before: set[bytes] = set()
    erased: dict[bytes, Erased] = {}
    partitions = cluster.topics[topics.readings].partitions

    async def look(partition: int, records: Sequence[Any]) -> None:
        before.update(marks(records))
        erased.update(erases(partition, partitions, records))

    async with sole_producer(settings, topics.readings, asked.dry_run) as producer:
        limits = await ends(settings, cluster, (topics.readings, refused(topics, asked)))
        await follow(settings, topics.readings, asked.since_ms - SKEW_MS, limits[topics.readings], look)
        judge = Judge(topics.readings, partitions, before, asked.reasons, asked.fix, erased)

        async def take(partition: int, records: Sequence[Any]) -> None:
            judged = [one for one in map(judge, records) if one is not None]
            for piece in pieces(judged):
                await whole(put(producer, topics.readings, piece, tally))

        faults.hit("before_start")
        await follow(settings, refused(topics, asked), asked.since_ms, limits[refused(topics, asked)], take)


async def surveyed(settings: Settings, readings: str, source: str) -> tuple[Cluster, int]:
    """The cluster, and for how many ms it keeps readings. Raises ClusterError if a topic is missing."""
    async with admin(settings.brokers) as client:
        cluster = await having(client, (readings, source))
        return cluster, int((await configurations(client, [readings]))[readings].get("retention.ms", "-1"))


@contextlib.asynccontextmanager
async def sole_producer(settings: Settings, readings: str, dry_run: bool) -> AsyncIterator[AIOKafkaProducer | None]:
    """The only producer that redrives into this topic; none for a dry run, which shuts nobody out."""
    if dry_run:
        yield None
        return
    producer = transactional_producer(settings.brokers, f"{readings}-redrive")
    try:
        async with asyncio.timeout(2 * TRANSACTION_S):  # the open transaction of one that was killed ends first
            await producer.start()
        yield producer
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), CLOSE_S)


async def follow(settings: Settings, topic: str, since_ms: int, limits: Mapping[int, int], take: Take) -> None:
    """Gives the committed records of a topic, from a broker's time on and below these ends, with a bar on a terminal.

    Below: what is sent and refused again meanwhile is for another run, or a message that stays bad would come three times in one.
    """
    consumer = AIOKafkaConsumer(**settings.brokers.client, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        begins = await positions(consumer, topic, max(0, since_ms), limits)
        consumer.assign(list(begins))
        for tp, begin in begins.items():
            consumer.seek(tp, begin)
        with bar() as progress:
            task = progress.add_task(topic, total=sum(limits[tp.partition] - begin for tp, begin in begins.items()))
            while any([await consumer.position(tp) < limits[tp.partition] for tp in begins]):
                found = await consumer.getmany(timeout_ms=200, max_records=ROUND_RECORDS)
                for tp, some in found.items():
                    await take(tp.partition, [record for record in some if record.offset < limits[tp.partition]])
                done = sum([min(await consumer.position(tp), limits[tp.partition]) - begin for tp, begin in begins.items()])
                progress.update(task, completed=done)
    finally:
        await consumer.stop()


async def positions(consumer: AIOKafkaConsumer, topic: str, since_ms: int, limits: Mapping[int, int]) -> dict[TopicPartition, int]:
    """Where each partition has its first record of this time or later; without those that have none below their end."""
    found = await consumer.offsets_for_times({TopicPartition(topic, partition): since_ms for partition in limits})
    return {tp: at.offset for tp, at in found.items() if at is not None and 0 <= at.offset < limits[tp.partition]}


async def put(producer: AIOKafkaProducer | None, topic: str, judged: Sequence[Judged], tally: Tally) -> None:
    """Sends what is to be sent as one transaction, then counts it."""
    messages: dict[int, list[Message]] = {}
    for one in judged:
        if one.message is not None:
            messages.setdefault(one.partition, []).append(one.message)
    if producer is not None and messages:
        full = {partition: batches(producer, some) for partition, some in messages.items()}
        async with asyncio.timeout(CHECKPOINT_S):
            await producer.begin_transaction()
            for partition, some in full.items():
                await send(producer, topic, partition, some)
            faults.hit("before_commit")
            await producer.commit_transaction()
            faults.hit("after_commit")
    tally.add(judged)


async def whole(work: Coroutine[Any, Any, None]) -> None:
    """Does it to its end, which is near, although somebody interrupts: an open transaction would keep the workers waiting."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
