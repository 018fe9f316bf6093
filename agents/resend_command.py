"""`python -m agents resend`: writes what the level topics hold into DynamoDB again, as when a table was lost, or for a second region.

It reads with a consumer of its own, beside the sinks, and commits nothing. Every write has the sinks' condition, so a newer total that is stored
stays: it may run at any time, twice, or be broken off.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from agents.ground import Ground, check_live, survey
from agents.reread import reread
from agents.store_sink import Rejecter, writer_of
from agents.stored_guard import check_tables
from agents.totals_to_dynamodb import totals
from dynamodb.client import writing_client
from dynamodb.errors import LogsMixed, Retired
from dynamodb.settings import Settings as DynamoSettings
from dynamodb.store import DynamoStore
from dynamodb.writer import Counts, Writer
from metering.live import Live
from metering.partition import partition_of
from metering.period import Calendar
from metering.total import Grain, Total
from streams.cluster import answering
from streams.exits import Exit
from streams.settings import Settings

Offer = Callable[[int, int, Sequence[Total | Live]], Awaitable[None]]
"""Takes the totals of a partition's batch, and the position behind it."""
FOR_EVER_S: Final = 365 * 86_400.0


class Asked:
    """Which totals: of which levels, and of one device or of all."""

    def __init__(self, grains: Sequence[str], device: str | None) -> None:
        self.grains = [grain for grain in Grain if not grains or grain.value in grains]
        self.device = device

    def partitions(self, number: int) -> list[int]:
        """Where they can be."""
        return list(range(number)) if self.device is None else [partition_of(self.device.encode(), number)]

    def wants(self, total: Total | Live) -> bool:
        """Is it one of them?"""
        return self.device is None or total.device == self.device


def run(settings: Settings, kept: DynamoSettings, asked: Asked, *, dry_run: bool) -> Exit:
    """The command; a summary on standard output. Raises ClusterError, SettingError, TableUnfit."""
    ground = asyncio.run(survey(settings, sinks=True, patient=False))
    check_live(ground, sinks=True)
    if not dry_run:
        check_tables(kept, ground.guard, settings.epoch, patient=False)
    try:
        with answering(settings.brokers):
            read = asyncio.run(resend(ground, kept, asked, dry_run))
    except Retired as error:
        print(f"wattfall: this is not the live generation: {error}", file=sys.stderr)
        return Exit.RETIRED
    except LogsMixed as error:
        print(f"wattfall: the topics are not those that the tables were made from: {error}", file=sys.stderr)
        return Exit.LOGS_MIXED
    if not read and asked.device is not None:
        print(f"nothing of device {asked.device} is in these topics: is the name right?", file=sys.stderr)
        return Exit.FAILED
    return Exit.STOPPED


async def resend(ground: Ground, kept: DynamoSettings, asked: Asked, dry_run: bool) -> int:
    """Level by level; how many totals were read."""
    if dry_run:
        return sum([await look(ground, grain, asked) for grain in asked.grains])
    store = DynamoStore(writing_client(kept.threads), kept)
    rejected = Rejecter(ground.settings.brokers, ground.topics.rejected)
    try:
        return sum([await write(ground, grain, asked, store, kept, rejected) for grain in asked.grains])
    finally:
        store.close()


async def look(ground: Ground, grain: Grain, asked: Asked) -> int:
    """Counts, and says, what there is of a level."""
    read = await level(ground, grain, asked, pass_over)
    print(f"{ground.topics.level(grain)}: {read:,} totals would be offered to DynamoDB, which keeps the newer", flush=True)
    return read


async def write(ground: Ground, grain: Grain, asked: Asked, store: DynamoStore, kept: DynamoSettings, rejected: Rejecter) -> int:
    """Writes a level, and says what became of it; how many totals were read."""
    writer = writer_of(store, kept, rejected, 0.0)
    read = await written(writer, lambda offer: level(ground, grain, asked, offer))
    print(f"{ground.topics.level(grain)}: {read:,} totals read: {told(writer.counts)}", flush=True)
    return read


def told(counts: Counts) -> str:
    """How the writes ended."""
    said = [(counts.stored, "written"), (counts.stale, "were there"), (counts.expired, "past their time to live"), (counts.rejected, "rejected")]
    return ", ".join(f"{count:,} {what}" for count, what in said if count) or "nothing to write"


async def pass_over(partition: int, end: int, wanted: Sequence[Total | Live]) -> None:
    """What a dry run does with totals."""


async def written(writer: Writer, feed: Callable[[Offer], Awaitable[int]]) -> int:
    """Feeds the writer and waits until it has written everything; raises what ended it."""
    work = asyncio.create_task(writer.run(), name="writer")
    try:
        read = await feed(writer.offer)
        await writer.drain(FOR_EVER_S)
    except RuntimeError:
        if not work.done():
            raise
    finally:
        work.cancel()
        await asyncio.wait([work])
    if not work.cancelled():
        work.result()
    return read


async def level(ground: Ground, grain: Grain, asked: Asked, offer: Offer) -> int:
    """Offers the totals of a topic as far as it goes now; how many there were."""
    topic = ground.topics.level(grain)
    values, count = totals(topic, grain, Calendar(ground.settings.rules.zone)), 0

    async def take(partition: int, records: Sequence[Any]) -> None:
        nonlocal count
        wanted = [total for total in values(partition, records) if asked.wants(total)]
        await offer(partition, records[-1].offset + 1, wanted)
        count += len(wanted)

    await reread(ground.settings.brokers, topic, asked.partitions(ground.partitions), take)
    return count
