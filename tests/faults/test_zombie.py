"""Workers that were stopped for three sessions come back when others have gone on: nothing they held becomes durable. And an ordinary stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

from streams.exits import Exit
from tests.faults.load import Load, readings
from tests.faults.nemesis import SHUT_OUT
from tests.faults.proxy import proxy
from tests.faults.verdict import judge
from tests.faults.workers import deployment, until
from tests.generator import STARTS
from tests.stack import Stack

SEED = 3
SESSION_S = 3
STOP_S = 20.0


async def test_a_zombie_is_fenced_and_an_ordinary_stop_loses_nothing(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["spring"]
    async with (
        proxy(stack.dynamodb) as dynamodb,
        deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url) as here,
    ):
        await here.create()
        plain, inside, good = [here.seat("waterfall") for _ in range(3)]
        sinks = [here.seat("sinks") for _ in range(2)]
        await plain.start(WATTFALL_FAULT="pause:after_fold:0.1")
        await sinks[0].start(WATTFALL_FAULT="pause:sink_before_put:5:150")
        for seat in (good, sinks[1]):
            await seat.start()
        for seat in (plain, good, *sinks):
            await seat.works()
        load = Load(stack.brokers, here.topics.readings, readings(SEED, devices=16, hours=168, start_ms=start), per_s=300, seed=SEED).start()
        await load.flows(300)
        # The last to join: were the group to change while all its checkpoints are held, the last of them would take too long, and it would be gone.
        await (await inside.start(WATTFALL_FAULT="pause:before_commit:1.5:3")).works()
        await load.flows(600)

        for seat, point in ((sinks[0], "sink_before_put"), (inside, "before_commit"), (plain, "after_fold")):
            await seat.says_again(f"fault at {point}: held")
        zombies = (plain, inside, sinks[0])
        for seat in zombies:
            seat.stop()
        await asyncio.sleep(3 * SESSION_S)
        refused = dynamodb.counts["refused"]
        for seat in zombies:
            seat.go_on()
        await until(lambda: dynamodb.counts["refused"] > refused, STOP_S, lambda: f"what {sinks[0].name} held was taken: {dynamodb.counts}")
        await sinks[0].term(STOP_S)  # a sink does no harm when it comes back, so it had no reason to end by itself
        await sinks[0].start()
        assert await plain.ended() in SHUT_OUT, plain.tail
        assert await inside.ended() == Exit.FENCED, inside.tail
        await plain.start()
        await inside.start()

        await load.flows(600)
        for seat in (good, sinks[1]):
            assert await seat.term(STOP_S) == 0, seat.tail
            await seat.start()
        await load.cut()
        await here.done()
        await judge(here, load.confirmed, context=load)
        assert dynamodb.backward == []
