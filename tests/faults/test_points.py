"""A worker dies at every point where it could leave something half done, again and again on the same state, under load."""

from __future__ import annotations

import asyncio
import shutil
import signal
from dataclasses import replace
from pathlib import Path

from streams.faults import POINTS
from tests.faults.load import LATE, Load, readings
from tests.faults.proxy import proxy
from tests.faults.scenarios import both
from tests.faults.verdict import judge
from tests.faults.workers import Seat, deployment
from tests.generator import STARTS
from tests.stack import Stack

SEED = 5
AT_ONCE = frozenset({"during_recovery", "before_fence", "after_fence", "before_start"})
CHANGES = {"WATTFALL_SESSION_TIMEOUT_S": "1.5", "WATTFALL_RESTATE_HOURS": "12"}
"""Hours close soon, so that some readings are late."""
RATES = replace(LATE, silences_an_hour=0.002)
SELDOM = frozenset({"sink_before_commit"})
SINKS = tuple(point for point in POINTS if point.startswith("sink_"))
WATERFALL = tuple(point for point in POINTS if not point.startswith(("sink_", "erase_")))
BEHIND = ("after_commit", "before_store")
"""Here the local store is left behind its changelog; both parts begin with both of them."""


async def test_a_worker_dies_at_every_point(stack: Stack, own_name: str, tmp_path: Path) -> None:
    await both(*[through(stack, f"{own_name}-{part}", tmp_path / str(part), part) for part in (0, 1)])


async def through(stack: Stack, name: str, folder: Path, part: int) -> None:
    """Every other point, with an application of its own."""
    zone, start = STARTS["autumn, New York"]
    async with (
        proxy(stack.dynamodb) as dynamodb,
        deployment(stack, name, folder, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url, **CHANGES) as here,
    ):
        await here.create()
        sent = readings(SEED, devices=16, hours=336, start_ms=start, rates=RATES)
        load = Load(stack.brokers, here.topics.readings, sent, per_s=200, seed=SEED).start()
        seats = [here.seat("waterfall"), here.seat("sinks")]
        await asyncio.gather(die(seats[0], (*BEHIND, *WATERFALL[part::2])), die(seats[1], SINKS[part::2]))
        await load.cut()
        await here.done()
        verdict = await judge(here, load.confirmed, context=load)
        assert verdict.outcomes["late"] > 0
        assert dynamodb.backward == []


async def die(seat: Seat, points: tuple[str, ...]) -> None:
    """One worker after another, each killed at its point; then one that goes on."""
    for point in points:
        if point == "during_recovery":
            lose_local_state(seat)
        await seat.start(WATTFALL_FAULT=f"{point}:{1 if point in AT_ONCE else 4 if point in SELDOM else 12}")
        assert await seat.ended(60.0) == -signal.SIGKILL, seat.tail
        assert f"fault at {point}: killed" in seat.words
    lose_local_state(seat)
    await (await seat.start()).works()


def lose_local_state(seat: Seat) -> None:
    """All of it: what the worker needs has to come from the changelogs."""
    folder = Path(seat.changes["WATTFALL_STATE_DIR"])
    if seat.role == "waterfall":
        assert any(folder.rglob("*.log")), f"{folder} holds no local store to be lost"
        shutil.rmtree(folder)
