"""`python -m agents erase` and `export`: under load, with workers and the command itself killed between its steps, and then a replay of all of it."""

from __future__ import annotations

import csv
import json
import signal
from io import StringIO
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from metering.erase import erase_from_json
from streams.erasure import message
from streams.exits import Exit
from tests.e2e.test_replay import caught_up, generation
from tests.faults.load import PLAIN, Load, readings
from tests.faults.proxy import proxy
from tests.faults.verdict import judge, records, untaken
from tests.faults.workers import Deployment, Seat, client_of, deployment
from tests.generator import STARTS, device_name
from tests.oracle_reading import partition_of
from tests.stack import Stack

SEED = 71
GONE, BAD = device_name(0), device_name(1)
POINTS = ("after_rows", "before_store")
"""Where a waterfall dies with an erase in its hands."""


async def erase(here: Deployment, device: str, *arguments: str) -> str:
    return await here.must("agents", "erase", device, "--wait", "60", *arguments, limit_s=100)


async def killed(here: Deployment, device: str, point: str, *arguments: str) -> None:
    """A run that is killed at a point."""
    ran = await here.run("agents", "erase", device, "--wait", "60", *arguments, changes={"WATTFALL_FAULT": point}, limit_s=100)
    assert ran.code == -signal.SIGKILL and f"fault at {point}: killed" in ran.err, ran


async def send(here: Deployment, key: str, value: bytes | None, headers: Any = ()) -> None:
    async with AIOKafkaProducer(bootstrap_servers=here.stack.brokers) as producer:
        partition = partition_of(key.encode(), here.settings.partitions)
        await producer.send_and_wait(here.topics.readings, value, key=key.encode(), headers=list(headers), partition=partition)


async def exported(here: Deployment, device: str) -> list[dict[str, Any]]:
    ran = await here.run("agents", "export", device)
    assert ran.code in (Exit.STOPPED, Exit.FAILED), ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


async def test_an_erase_under_load_and_a_replay_after_it(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["autumn"]
    sent = readings(SEED, devices=10, hours=400, start_ms=start, rates=PLAIN)
    async with (
        proxy(stack.dynamodb) as dynamodb,
        deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url) as here,
    ):
        await here.create()
        waterfall, sinks = [await here.seat(role).start() for role in ("waterfall", "sinks")]
        load = Load(stack.brokers, here.topics.readings, sent, per_s=400, seed=SEED).start()
        await load.flows(1_500)
        for device in (GONE, BAD):
            await send(here, device, b'{"device": "%s"}' % device.encode())
            await send(here, device, None)
        await load.flows(400)
        load.per_s = 100  # it is to last
        await erased_by_a_waterfall_that_is_killed(here, waterfall)
        await erased_by_runs_that_are_killed(here, load)
        assert {"total", "live", "reading"} <= {line["kind"] for line in await exported(here, GONE)}
        await load.cut()
        await here.done()
        await judge(here, context=load)
        assert dynamodb.backward == []
        lines = await exported(here, GONE)
        erased = [line for line in lines if line.get("erased")]
        assert erased and len([line for line in lines if line["kind"] == "reading"]) > len(erased)
        table = list(csv.DictReader(StringIO(await here.must("agents", "export", GONE, "--format", "csv"))))
        assert [row["kind"] for row in table] == [line["kind"] for line in lines]

        # What nobody sends any more is erased to the last.
        await erase(here, GONE, "--again")
        assert {line["kind"] for line in await exported(here, GONE)} == {"reading"}
        await judge(here, context=load)

        other = await replayed(here, dynamodb.url)
        assert [await seat.ended() for seat in (waterfall, sinks)] == [Exit.RETIRED, Exit.RETIRED]
        await judge(other, live=False, context=load)
        assert {line["kind"] for line in await exported(other, GONE)} == {"reading"}
        await nothing_left(here, other)
        await other.close()


async def erased_by_a_waterfall_that_is_killed(here: Deployment, waterfall: Seat) -> None:
    """Again and again, while it has the erase in its hands."""
    await waterfall.kill()
    await send(here, BAD, None, message(BAD)[2])
    for number, point in enumerate(POINTS):
        await waterfall.start(WATTFALL_FAULT=f"{point}:{1 + number}")
        assert await waterfall.ended(60.0) == -signal.SIGKILL, waterfall.tail
    await waterfall.start()
    said = await erase(here, BAD)
    assert f"{BAD} was erased at" in said and f"{BAD}: nothing of before" in said


async def erased_by_runs_that_are_killed(here: Deployment, load: Load) -> None:
    """After each of their steps; the next goes on with the erase that is there, and one more changes nothing."""
    for point in ("erase_sent", "erase_settled", "erase_buried"):
        await killed(here, GONE, point)
    await load.flows(200)
    said = await erase(here, GONE)
    assert f"{GONE} was erased at" in said and f"{GONE}: nothing of before" in said
    assert "0 totals, 0 refused records, 0 records of older epochs" in await erase(here, GONE)


async def replayed(here: Deployment, url: str) -> Deployment:
    """The next generation, which has counted all of it again and is live."""
    other = generation(here, 2)
    other.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    await (await other.seat("replay start").start()).says(f"taking from {other.topics.days},")
    await caught_up(other)
    await other.must("agents", "replay", "promote")
    await (await other.seat("sinks").start()).says(f"taking from {other.topics.months},")
    await other.done()
    for device in (GONE, BAD):
        said = await erase(other, device)
        assert "was erased at" in said, "a replay meets it in its place, and a run takes the replay's refusals away"
    return other


async def nothing_left(old: Deployment, new: Deployment) -> None:
    """Of a device that is erased: no row, no total, no refusal is the newest of its key in any epoch; what DynamoDB has is to go by itself."""
    name = GONE.encode()
    for topics in (old.topics, new.topics):
        tables = (topics.hours_table, topics.days_table, topics.months_table)
        for topic in (*tables, *topics.levels):
            newest = {record.key: record for some in (await records(old, topic)).values() for record in some}
            left = [one for one in newest.values() if one.key.startswith((name + b"\0", name + b"|")) and one.value is not None]
            assert [one.key for one in left if erase_from_json(one.key, one.value) is None] == [], topic
        for topic in (topics.rejected, topics.late):
            kept = [one for some in (await records(old, topic)).values() for one in untaken(some)]
            assert [one for one in kept if dict(one.headers).get("key") == name] == [], topic
    client = client_of(old)
    for level in ("LIVE", "HOURS", "DAYS", "MONTHS"):
        found = client.query(
            TableName=old.environ[f"WATTFALL_TABLE_{level}"], KeyConditionExpression="pk = :d", ExpressionAttributeValues={":d": {"S": GONE}}
        )
        assert found["Items"] and all(item.keys() <= {"pk", "sk", "e", "o", "p", "r", "s", "d", "ttl", "b", "be"} for item in found["Items"])
        assert all("ttl" in item for item in found["Items"]), level


async def test_what_cannot_be_is_said_in_a_line(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.create()
        ran = await here.run("agents", "erase", "no device")
        assert ran.code == 2 and "DEVICE='no device'" in ran.err and "Traceback" not in ran.err
        ran = await here.run("agents", "export", "no|device")
        assert ran.code == 2 and "Traceback" not in ran.err
        ran = await here.run("agents", "export", "nobody")
        assert ran.code == 1 and ran.out == "" and "0 lines about nobody" in ran.err
        await send(here, GONE, b"{}")
        ran = await here.run("agents", "erase", GONE, "--wait", "1")
        assert ran.code == 2 and "do its workers run" in ran.err and "Traceback" not in ran.err
        said = await here.must("agents", "erase", GONE, "--dry-run")
        assert f"{here.topics.readings}: 1 records" in said and "DynamoDB: 0 hours" in said
