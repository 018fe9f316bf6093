"""The broker goes, in order and by force, and comes back: the workers go on, or end and are started again, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.faults.load import Load, readings
from tests.faults.nemesis import GIVEN_UP
from tests.faults.proxy import proxy
from tests.faults.verdict import judge
from tests.faults.workers import deployment
from tests.generator import STARTS
from tests.stack import Stack

SEED = 7


async def test_the_broker_is_started_again_under_load(fresh_stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["leap day"]
    async with (
        proxy(fresh_stack.dynamodb) as dynamodb,
        deployment(fresh_stack, own_name, tmp_path, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url) as here,
    ):
        await here.create()
        seats = [here.seat(role) for role in ("waterfall", "waterfall", "sinks")]
        for seat in seats:
            await (await seat.start()).keep().works()
        load = Load(fresh_stack.brokers, here.topics.readings, readings(SEED, devices=16, hours=168, start_ms=start), per_s=300, seed=SEED).start()
        for number in (signal.SIGTERM, signal.SIGKILL):
            await load.flows(900)
            pid = fresh_stack.signal_broker(number)
            await asyncio.to_thread(fresh_stack.await_other_broker, pid)
        await load.flows(900)
        await load.cut()
        await here.done()
        await judge(here, load.confirmed, context=f"{load} exits {[seat.exits for seat in seats]}")
        assert {code for seat in seats for code in seat.exits} <= GIVEN_UP, f"whoever ended has named the cause\n{here.last_words()}"
        assert dynamodb.backward == []
