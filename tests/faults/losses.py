"""What may be lost for good, and is made again: the workers' local stores, the tables' changelogs, the items in DynamoDB.

Each is a deed of the nemesis: everybody of a role dies, something is gone, and they come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from agents.replay_start import commit
from streams.cluster import admin, delete
from tests.faults.nemesis import AGAIN_S, Nemesis
from tests.faults.workers import Deployment, Seat, client_of, until


@contextlib.asynccontextmanager
async def away(seats: Sequence[Seat]) -> AsyncIterator[None]:
    """Nobody sits there while the block lasts: all were killed."""
    await asyncio.gather(*[seat.leave() for seat in seats])
    try:
        yield
    finally:
        for seat in seats:
            seat.keep()


async def lose_stores(nemesis: Nemesis) -> None:
    """The folders of all waterfalls; every table is recovered from its changelog."""
    began = time.monotonic()
    async with away(nemesis.waterfalls):
        kept = sum(len(list(state(seat).rglob("CURRENT"))) for seat in nemesis.waterfalls)
        assert kept > 0, "no local store was kept"
        remove_stores(nemesis.waterfalls)
    await nemesis.pulse.all_moved(time.monotonic(), AGAIN_S)
    nemesis.note("stores lost", "all waterfalls", began, f"{kept} stores")


async def lose_changelogs(nemesis: Nemesis) -> None:
    """The topics of all tables, made again with nothing in them: the folders are worth nothing without them, and all readings are counted again."""
    began, here = time.monotonic(), nemesis.here
    tables = [here.topics.hours_table, here.topics.days_table, here.topics.months_table]
    async with away(nemesis.waterfalls):
        async with admin(here.settings.brokers) as client:
            await delete(client, tables)
        await here.must("agents", "topics", "create")
    await nemesis.pulse.all_moved(time.monotonic(), AGAIN_S)
    told = sum(seat.words.count("table is gone; reading") for seat in nemesis.waterfalls)
    assert told > 0, f"nobody missed a table\n{here.last_words()}"
    nemesis.note("changelogs lost", "all waterfalls", began, f"{told} tables missed")


async def lose_items(nemesis: Nemesis) -> None:
    """Everything in DynamoDB: totals are sent again beside the sinks, and for the live values these begin anew with the readings."""
    began, here = time.monotonic(), nemesis.here
    async with away(nemesis.sinks):
        count = await asyncio.to_thread(delete_items, here)
        assert count > 0, "nothing was stored"
        nemesis.dynamodb.versions.clear()
        await rewind(here, f"{here.settings.scope}-sinks", here.topics.readings)
    await here.must("agents", "resend", limit_s=3 * AGAIN_S)
    nemesis.note("items lost", "DynamoDB", began, f"{count} items")


def state(seat: Seat) -> Path:
    """The folder of a seat's stores."""
    return Path(seat.changes["WATTFALL_STATE_DIR"])


def remove_stores(seats: Sequence[Seat]) -> None:
    """Whatever is in the folders."""
    for seat in seats:
        shutil.rmtree(state(seat), ignore_errors=True)


async def rewind(here: Deployment, group: str, topic: str) -> None:
    """The group begins with the topic's first record again. Waits until killed members are missed: nobody commits beside members."""
    begins = {TopicPartition(topic, partition): OffsetAndMetadata(0, "") for partition in range(here.settings.partitions)}
    async with asyncio.timeout(AGAIN_S):
        while True:
            try:
                await commit(here.settings, group, begins)
                return
            except KafkaError:
                await asyncio.sleep(0.5)


async def lose_table(nemesis: Nemesis) -> None:
    """The table of days, under load: the sinks wait for it; once it is made again, the topic fills it."""
    began, here = time.monotonic(), nemesis.here
    client, name, before = client_of(here), here.environ["WATTFALL_TABLE_DAYS"], nemesis.dynamodb.counts["denied"]
    await asyncio.to_thread(client.delete_table, TableName=name)
    await until(lambda: nemesis.dynamodb.counts["denied"] > before, AGAIN_S, lambda: "nobody missed the table")
    await here.must("dynamodb", "create")
    nemesis.dynamodb.versions.clear()
    await here.must("agents", "resend", "--grain", "day", limit_s=3 * AGAIN_S)
    nemesis.note("table lost", name, began, f"{nemesis.dynamodb.counts['denied'] - before} writes denied")


def delete_items(here: Deployment) -> int:
    """All items of all four tables; how many there were."""
    client, count = client_of(here), 0
    for level in ("LIVE", "HOURS", "DAYS", "MONTHS"):
        name = here.environ[f"WATTFALL_TABLE_{level}"]
        for page in client.get_paginator("scan").paginate(TableName=name, ProjectionExpression="pk, sk"):
            for key in page["Items"]:
                client.delete_item(TableName=name, Key=key)
                count += 1
    return count
