"""`python -m agents resend`: what was lost in DynamoDB is written again from the level topics, and nothing that is newer is touched."""

from __future__ import annotations

from pathlib import Path

from tests.faults.load import readings
from tests.faults.losses import delete_items
from tests.faults.workers import Deployment, deployment
from tests.generator import STARTS, Rates, Sent
from tests.stack import Stack

SEED = 31
DEVICES = 4


async def stored(here: Deployment) -> list[str]:
    return sorted((await here.must("dynamodb", "export")).splitlines())


async def send(here: Deployment, messages: list[Sent]) -> None:
    lines = here.folder / "readings.jsonl"
    lines.write_bytes(b"".join((message.value or b"") + b"\n" for message in messages))
    await here.must("ingest", str(lines))


async def test_what_was_lost_is_written_again(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["autumn"]
    sent = readings(SEED, devices=DEVICES, hours=30, start_ms=start, rates=Rates.none())
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone) as here:
        await here.create()
        worker = await here.seat("worker").start()
        await send(here, sent)
        await here.done()
        assert await worker.term(20) == 0
        before = await stored(here)
        totals = {grain: sum(f'"{grain}"' in line for line in before) for grain in ("hour", "day", "month")}
        assert all(totals.values())

        there = await here.must("agents", "resend")
        assert f"{totals['day']} were there" in there and "written" not in there

        delete_items(here)
        dry = await here.must("agents", "resend", "--dry-run")
        assert dry.count("would be offered") == 3 and await stored(here) == []

        one = await here.must("agents", "resend", "--grain", "day", "--device", "cad-000002")
        kept = await stored(here)
        assert kept == [line for line in before if '"day"' in line and '"cad-000002"' in line]
        assert f": {len(kept)} written\n" in one

        await here.must("agents", "resend")
        assert await stored(here) == before


async def test_a_generation_that_is_over_writes_nothing(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["plain day"]
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone) as here:
        for epoch in ("1", "2"):
            here.environ["WATTFALL_EPOCH"] = epoch
            await here.create()
            worker = await here.seat("worker").start()
            await send(here, readings(SEED, devices=1, hours=3, start_ms=start, rates=Rates.none()))
            await here.done()
            assert await worker.term(20) == 0
        before = await stored(here)
        here.environ["WATTFALL_EPOCH"] = "1"
        ran = await here.run("agents", "resend")
        assert ran.code == 78 and "this is not the live generation" in ran.err
        assert await stored(here) == before


async def test_what_is_missing_is_said_in_one_line(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        ran = await here.run("agents", "resend")
        assert ran.code == 2 and ran.err.count("\n") == 1 and "topics create" in ran.err
