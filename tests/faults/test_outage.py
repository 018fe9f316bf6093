"""DynamoDB answers badly, late, twice, never: what is stored in the end is right, and never went back on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.load import Load, readings
from tests.faults.proxy import QUIET, Rates, proxy
from tests.faults.verdict import judge
from tests.faults.workers import deployment
from tests.generator import STARTS
from tests.stack import Stack
from tests.unit.test_deploy import allowed

SEED = 6
RATES = Rates(throttled=0.3, broken=0.05, reset=0.05, hung=0.01, lost=0.1, late=0.05)
OUTAGE_S = 6.0
STOP_S = 20.0


async def test_an_outage_with_lost_answers(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["spring, Lord Howe"]
    async with (
        proxy(stack.dynamodb, SEED) as dynamodb,
        deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url) as here,
    ):
        await here.create()
        dynamodb.asked.clear()
        waterfall = await here.seat("waterfall").start()
        sinks = [await here.seat("sinks").start() for _ in range(2)]
        for seat in (waterfall, *sinks):
            await seat.works()
        load = Load(stack.brokers, here.topics.readings, readings(SEED, devices=16, hours=168, start_ms=start), per_s=300, seed=SEED).start()
        await load.flows(300)
        dynamodb.rates = RATES
        await load.flows(3000)
        dynamodb.down = True
        await asyncio.sleep(OUTAGE_S)
        assert dynamodb.counts["down"] > 0
        await sinks[0].kill()
        assert await sinks[1].term(STOP_S) == 0, sinks[1].tail
        for seat in sinks:
            await seat.start()
        await load.flows(300)
        dynamodb.down = False
        for seat in sinks:
            await seat.works()
        await load.flows(900)
        await load.cut()
        dynamodb.rates = QUIET
        await here.done()
        assert dynamodb.asked == {(action, here.environ[f"WATTFALL_TABLE_{table.upper()}"]) for action, table in allowed("SinkPolicy")}
        await judge(here, load.confirmed, context=f"{dict(dynamodb.counts)} {load}")
        assert all(dynamodb.counts[fault] > 0 for fault in ("throttled", "broken", "reset", "hung", "lost", "late", "refused")), dynamodb.counts
        assert dynamodb.backward == []
        assert waterfall.pid
