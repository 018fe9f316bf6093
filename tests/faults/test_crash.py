"""Workers are killed under load, again and again: every total is there, once, and right."""

from __future__ import annotations

from pathlib import Path

from tests.faults.load import LATE, Load, readings
from tests.faults.proxy import proxy
from tests.faults.verdict import judge
from tests.faults.workers import deployment, until
from tests.generator import STARTS
from tests.stack import Stack

SEED = 2
KILLS = 4
DEVICES = 480
CLOSES_SOON = {"WATTFALL_RESTATE_HOURS": "2"}
"""So that some readings are late."""
CROWDED = {"WATTFALL_HOT_MB": "16"} | {f"WATTFALL_FLUSH_{level}_S": "10" for level in ("LIVE", "HOURS", "DAYS", "MONTHS")}
"""The least memory there is: a hundred devices a partition, so each is read back from the local store again and again."""


async def test_one_of_two_workers_is_killed_again_and_again(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["month end"]
    async with (
        proxy(stack.dynamodb) as dynamodb,
        deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url, **CLOSES_SOON, **CROWDED) as here,
    ):
        await here.create()
        waterfalls = [await here.seat("waterfall").start() for _ in range(2)]
        sinks = [await here.seat("sinks").start() for _ in range(2)]
        for seat in waterfalls + sinks:
            await seat.works()
        sent = readings(SEED, devices=DEVICES, hours=24, start_ms=start, interval_s=1800, rates=LATE)
        load = Load(stack.brokers, here.topics.readings, sent, per_s=300, seed=SEED).start()
        for kill in range(KILLS):
            await load.flows(1000)
            for seats in (waterfalls, sinks):
                seat = seats[kill % 2]
                await until(lambda seat=seat: seat.is_settled, 60.0, lambda seat=seat: f"{seat.name} has nothing to lose\n{seat.tail}")  # type: ignore[misc]
                await seat.kill()
                await seat.start()
        await load.flows(600)
        await load.cut()
        await here.done()
        verdict = await judge(here, load.confirmed, context=load)
        assert verdict.outcomes["late"] > 0
        assert dynamodb.backward == []
