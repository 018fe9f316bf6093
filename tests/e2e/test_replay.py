"""`python -m agents replay`: the past counted again under load, beside the live generation, which goes on, and then makes room."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from metering.compare import read
from streams.cluster import admin, describe
from streams.exits import Exit
from tests.faults.load import PLAIN, Load, poisoned, readings
from tests.faults.nemesis import Pulse
from tests.faults.verdict import judge
from tests.faults.workers import Deployment, deployment
from tests.generator import STARTS, Sent, device_name
from tests.stack import Stack

SEED = 61
FRESH_S = 10.0
STRONG = "strong"
"""A device whose power is more than the changed rules allow, so that nothing is left of it."""


def power(at: int, watts: int) -> Sent:
    return Sent(STRONG.encode(), json.dumps({"device": STRONG, "at": at, "power_w": watts}).encode(), at, ("strong",))


def generation(here: Deployment, epoch: int, name: str = "", **rules: str) -> Deployment:
    """The same application as its next epoch sees it."""
    changes = {"WATTFALL_ZONE": here.environ["WATTFALL_ZONE"], "WATTFALL_EPOCH": str(epoch), **rules}
    folder = here.folder / f"e{epoch}{name}"
    folder.mkdir(exist_ok=True)
    return Deployment(here.stack, here.name, folder, here.guard, changes)


async def test_the_past_is_counted_again_beside_the_present(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["autumn"]
    good = readings(SEED, devices=12, hours=500, start_ms=start, rates=PLAIN)
    strong = [power(start + at * 30_000, 9_000) for at in range(90)]
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone) as here:
        await here.create()
        waterfall, sinks = [await here.seat(role).start() for role in ("waterfall", "sinks")]
        load = Load(stack.brokers, here.topics.readings, [*strong, *poisoned(SEED, good, share=0.02)], per_s=2_000, seed=SEED).start()
        await load.flows(4_000)
        load.per_s = 300
        pulse = Pulse(here)
        pulse.start()

        same = await replayed(generation(here, 2), load, pulse)
        said = await same.must("agents", "replay", "diff")
        assert "nothing would change" in said and int(said.partition(" periods")[0].replace(",", "")) > 100
        other = await replayed(generation(here, 3, WATTFALL_HOLD_S="150", WATTFALL_MAX_POWER_W="8000"), load, pulse)
        await pulse.stop()
        await load.cut()
        await here.done()
        before = read((await here.must("dynamodb", "export")).encode().splitlines())
        await caught_up(other)
        ran = await other.run("agents", "replay", "diff", "--json")
        told = {one["device"]: one for one in map(json.loads, ran.out.splitlines())}
        assert ran.code == 1 and told[STRONG]["import_mwh"]["after"] == 0 < told[STRONG]["import_mwh"]["before"]
        assert len(told) > 2 and all(one["hours"] for one in told.values())

        await dropped(here, same)
        await refused(here, other)
        said = await other.must("agents", "replay", "promote", "--dry-run")
        gone = int(said.partition("take ")[2].partition(" totals back")[0])
        assert gone >= 3, "an hour, a day and a month of the strong one, and what else other rules leave empty"
        said = await other.must("agents", "replay", "promote")
        assert f"{gone} totals taken back: {gone} written\n" in said and "epoch 3 is live" in said
        assert f"{gone} totals taken back: {gone} were there" in await other.must("agents", "replay", "promote"), "again changes nothing"
        assert [await seat.ended() for seat in (waterfall, sinks)] == [Exit.RETIRED, Exit.RETIRED]
        for role in ("waterfall", "sinks"):
            ran = await here.run("agents", role)
            assert ran.code == Exit.RETIRED and "epoch 1 is over: epoch 3 is live" in ran.err
        await (await other.seat("sinks").start()).says(f"taking from {other.topics.months},")
        await other.done()
        verdict = await judge(other, live=False, context=load)  # a live value that other rules would refuse stays until the next
        after = read((await other.must("dynamodb", "export")).encode().splitlines())
        assert {total.epoch for total in after.values()} == {3} and verdict.totals == len(after)
        assert len(before.keys() - after.keys()) == gone and STRONG not in {device for device, *_ in after}
        ran = await other.run("agents", "replay", "drop")
        assert ran.code == 2 and "is live" in ran.err
        assert "epoch 1 is gone" in await here.must("agents", "replay", "drop")
        assert "caught up" in await other.must("agents", "replay", "status")
        await other.close()


async def replayed(new: Deployment, load: Load, pulse: Pulse) -> Deployment:
    """A generation that two workers have brought up to the present, while the live one stays fresh."""
    worker = await new.seat("replay start").start()
    await worker.says("from the first reading on", f"taking from {new.topics.days},")
    second = await new.seat("replay start").start()
    await second.says(f"taking from {new.topics.readings},")
    ran = await new.run("agents", "sinks")
    assert ran.code == 2 and "is a replay that is not live" in ran.err
    since = time.monotonic()
    await load.flows(600)
    assert await pulse.all_moved(since) < FRESH_S
    await caught_up(new)
    return new


async def caught_up(new: Deployment) -> None:
    """Says so itself."""
    async with asyncio.timeout(60):
        while (ran := await new.run("agents", "replay", "status", "--json")).code:
            assert ran.code == 1 and not json.loads(ran.out)["caught_up"], ran
            await asyncio.sleep(2)  # a process that only asks is a burden to those it waits for
    found = json.loads(ran.out)
    assert found["caught_up"] and not found["live"] and [hop["topic"] for hop in found["hops"]] == [new.topics.readings, *new.topics.levels[:2]]


async def dropped(here: Deployment, same: Deployment) -> None:
    """Only when nobody works on it any more, and then nothing is left of it."""
    ran = await same.run("agents", "replay", "drop")
    assert ran.code == 1 and "stop the workers of epoch 2 first" in ran.err
    for seat in same.seats:
        assert await seat.term(20) == 0
    assert "would remove" in await same.must("agents", "replay", "drop", "--dry-run")
    assert "epoch 2 is gone" in await same.must("agents", "replay", "drop")
    async with admin(here.settings.brokers) as client:
        there = (await describe(client)).topics
    assert not set(same.topics.own) & set(there) and set(here.topics.own) <= set(there)
    ran = await same.run("agents", "replay", "status")
    assert ran.code == 2 and "is no replay" in ran.err


async def refused(here: Deployment, other: Deployment) -> None:
    """What makes no sense is said in a line."""
    mistakes = (
        (here, ["start"], "a replay needs an epoch of its own"),
        (other, ["start", "--device", device_name(0)], "otherwise than asked"),
        (generation(here, 3, "wrong"), ["promote"], "WATTFALL_HOLD_S (rule hold_ms) was 150000, now "),
        (generation(here, 3, "wrong"), ["status"], "Put that back"),
        (other, ["promote", "--wait", "0"], "from 1 to 86400"),
        (other, ["start", "--from", "never"], "wanted is a local date"),
        (here, ["promote"], "is no replay (there are: 3)"),
    )
    told = await asyncio.gather(*[where.run("agents", "replay", *arguments) for where, arguments, _ in mistakes], other.run("agents", "resend"))
    for ran, text in zip(told, [*[text for *_, text in mistakes], "is a replay that is not live"], strict=True):
        assert ran.code == 2 and text in ran.err and "Traceback" not in ran.err, ran
    trial = generation(here, 4)
    said = await trial.must("agents", "replay", "start", "--device", device_name(0), "--from", "2026-08", "--dry-run")
    assert "a trial of" in said and "from 2026-08 on" in said
