"""`python -m tests.faults.prove`, or `make prove`: the long runs, an hour of them, each with a seed of its own that is printed.

Every scenario is an application of its own over a local stack of its own: workers under load, the nemesis, and in the end the verdict. The same
scenarios are in `make test` in a short form (tests/faults/test_prove.py).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.faults.load import Load, readings
from tests.faults.nemesis import Nemesis
from tests.faults.proxy import Proxy, proxy
from tests.faults.verdict import Verdict, judge
from tests.faults.workers import Deployment, Seat, deployment
from tests.generator import STARTS
from tests.stack import ROOT, Stack, running

REPORT: Final = ROOT / "build" / "prove.json"
PER_S: Final = 300
SESSION_S: Final = 3
ZOMBIE_S: Final = 3 * SESSION_S
READINGS_AN_HOUR: Final = 12
"""Of a device of the load (tests/faults/load.py)."""


@dataclass
class Scene:
    """What a scenario plays in. `scale` is 1 in the long form."""

    here: Deployment
    dynamodb: Proxy
    nemesis: Nemesis
    load: Load
    scale: float

    def times(self, count: int) -> int:
        """Of so many in the long form."""
        return max(1, round(count * self.scale))


@dataclass
class Result:
    """How a scenario ended. `wrong` is empty if it held."""

    name: str
    seed: int
    took_s: float = 0.0
    landed: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    totals: int = 0
    waits: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: str = ""


async def crash(scene: Scene) -> None:
    """30 SIGKILLs of a waterfall and of a sink in some ten minutes, with three of each."""
    for _ in range(scene.times(30)):
        await scene.load.flows(PER_S)
        await scene.nemesis.kill()


async def zombies(scene: Scene) -> None:
    """10 workers are stopped for three sessions and come back."""
    for _ in range(scene.times(10)):
        await scene.load.flows(PER_S)
        await scene.nemesis.zombie(ZOMBIE_S)


async def storm(scene: Scene) -> None:
    """Members come and go every 3 s for two minutes."""
    await scene.nemesis.storm(max(12.0, 120 * scene.scale))


async def broker(scene: Scene) -> None:
    """The broker is ended in order, killed, and stopped for up to a minute."""
    await scene.nemesis.broker(signal.SIGTERM)
    await scene.load.flows(PER_S)
    await scene.nemesis.broker(signal.SIGKILL)
    await scene.load.flows(PER_S)
    await scene.nemesis.broker(signal.SIGSTOP, 5)
    await scene.load.flows(PER_S)
    if scene.scale >= 1:
        await scene.nemesis.broker(signal.SIGSTOP, 60)


async def outage(scene: Scene) -> None:
    """DynamoDB is bad for five minutes, then gone for one; a worker is asked to stop meanwhile."""
    await scene.nemesis.bad_dynamodb(max(10.0, 300 * scene.scale))
    gone = asyncio.create_task(scene.nemesis.no_dynamodb(max(8.0, 60 * scene.scale)))
    await asyncio.sleep(2)
    await scene.nemesis.term()
    await gone


async def stop(scene: Scene) -> None:
    """Workers are asked to stop under load, again and again."""
    for _ in range(scene.times(10)):
        await scene.load.flows(PER_S)
        await scene.nemesis.term()


async def mix(scene: Scene) -> None:
    """All of it for twenty minutes, in an order that the seed draws."""
    until = time.monotonic() + max(40.0, 1200 * scene.scale)
    nemesis = scene.nemesis
    deeds: list[Callable[[], Awaitable[None]]] = [
        nemesis.kill,
        nemesis.kill,
        nemesis.term,
        lambda: nemesis.zombie(ZOMBIE_S),
        lambda: nemesis.bad_dynamodb(10),
        lambda: nemesis.no_dynamodb(5),
        lambda: nemesis.broker(signal.SIGKILL),
        lambda: nemesis.broker(signal.SIGSTOP, 5),
    ]
    while time.monotonic() < until:
        await scene.load.flows(PER_S)
        await nemesis.random.choice(deeds)()


SCENARIOS: Final[dict[str, Callable[[Scene], Awaitable[None]]]] = {
    "crash": crash,
    "zombies": zombies,
    "storm": storm,
    "broker": broker,
    "outage": outage,
    "stop": stop,
    "mix": mix,
}
SECONDS: Final = {"crash": 1500, "zombies": 800, "storm": 400, "broker": 600, "outage": 900, "stop": 600, "mix": 2400}
"""How long the load lasts in the long form: about twice as long as it has to, since it is cut when all is done."""


@contextlib.asynccontextmanager
async def playing(stack: Stack, name: str, folder: Path, seed: int, scale: float, seconds: float) -> AsyncIterator[Scene]:
    """Workers that work, under load."""
    zone, start = list(STARTS.values())[seed % len(STARTS)]
    async with (
        proxy(stack.dynamodb, seed) as dynamodb,
        deployment(stack, name, folder, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url) as here,
    ):
        await here.create()
        waterfalls, sinks = ([here.seat(role).keep() for _ in range(3)] for role in ("waterfall", "sinks"))
        for seat in (*waterfalls, *sinks):
            await worker_works(seat)
        devices = 16
        hours = max(48.0, seconds * PER_S / devices / READINGS_AN_HOUR)
        sent = readings(seed, devices=devices, hours=hours, start_ms=start)
        load = Load(stack.brokers, here.topics.readings, sent, per_s=PER_S, seed=seed).start()
        nemesis = Nemesis(here, waterfalls, sinks, dynamodb, seed)
        nemesis.pulse.start()
        await load.flows(PER_S)
        try:
            yield Scene(here, dynamodb, nemesis, load, scale)
        finally:
            await nemesis.pulse.stop()


async def worker_works(seat: Seat) -> None:
    """Returns when somebody sits there and takes records."""
    while seat.process is None:
        await asyncio.sleep(0.05)
    await seat.works()


async def play(name: str, stack: Stack, own: str, folder: Path, seed: int, scale: float) -> Result:
    """One scenario and its verdict; raises what went wrong."""
    result, began = Result(name, seed), time.monotonic()
    async with playing(stack, own, folder, seed, scale, max(200.0, SECONDS[name] * scale)) as scene:
        await SCENARIOS[name](scene)
        await scene.load.cut()
        await scene.here.done(180.0)
        verdict = await judge(scene.here, context=f"{name} {scene.load} {scene.nemesis.pulse}")
        assert scene.dynamodb.backward == []
        fill(result, scene, verdict)
    result.took_s = time.monotonic() - began
    return result


def fill(result: Result, scene: Scene, verdict: Verdict) -> None:
    """What there is to tell of a scenario that held."""
    result.landed = dict(scene.nemesis.journal.counts)
    result.outcomes, result.totals = dict(verdict.outcomes), verdict.totals
    result.waits = scene.nemesis.pulse.waits
    result.refused = scene.dynamodb.counts["refused"]


def prove(names: Sequence[str], seed: int, scale: float, console: Console) -> list[Result]:
    """One scenario after the other, each on a stack of its own; what fails is told, and the rest goes on."""
    results = []
    for number, name in enumerate(names):
        own_seed = seed + number
        console.print(f"[bold]{name}[/], seed {own_seed}: {SCENARIOS[name].__doc__}")
        with tempfile.TemporaryDirectory(prefix=f"prove-{name}-") as folder, running(Path(folder) / "stack", "--respawn") as stack:
            try:
                result = asyncio.run(play(name, stack, f"{name}-{own_seed}", Path(folder) / "workers", own_seed, scale))
            except (AssertionError, OSError, RuntimeError) as error:
                result = Result(name, own_seed, wrong=f"{type(error).__name__}: {error}")
                console.print(f"[bold red]{name}, seed {own_seed}[/]\n{error}", highlight=False, markup=False)
        results.append(result)
    return results


def table(results: Sequence[Result]) -> Table:
    """Everything side by side."""
    drawn = Table(
        "scenario", "seed", "s", "landed", "readings in = counted + duplicate + corrected + rejected + late", "totals", "moved on after", "refused"
    )
    for one in results:
        numbers = [one.outcomes.get(name, 0) for name in ("counted", "duplicate", "corrected", "rejected", "late")]
        landed = ", ".join(f"{what} × {count}" for what, count in one.landed.items())
        waits = sorted(one.waits)
        moved = f"{waits[len(waits) // 2]:.1f} s, at most {waits[-1]:.1f} s" if waits else ""
        outcome = f"{sum(numbers):,} = {' + '.join(f'{number:,}' for number in numbers)}"
        totals = f"{one.totals:,} equal" if not one.wrong else "[bold red]FAILED[/]"
        drawn.add_row(one.name, str(one.seed), f"{one.took_s:.0f}", landed, outcome, totals, moved, f"{one.refused:,}")
    return drawn


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m tests.faults.prove",
        description="Long runs of everything that may go wrong, with a table at the end and in build/prove.json.",
        epilog="example:\n  python -m tests.faults.prove --only crash --only mix --seed 7 --scale 0.2",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", action="append", choices=SCENARIOS, metavar="NAME", help=f"one of: {', '.join(SCENARIOS)}; may be repeated")
    made.add_argument("--seed", type=int, help="of the first scenario, the next has the next (default: drawn, and printed)")
    made.add_argument("--scale", type=float, default=1.0, metavar="X", help="of the long form (default 1: about an hour for all)")
    return made


def main(arguments: Sequence[str]) -> int:
    """0 if everything held, 1 if not."""
    asked = parser().parse_args(arguments)
    seed = Random().randrange(10**6) if asked.seed is None else asked.seed
    console = Console(width=None if Console().is_terminal else 180)
    results = prove(asked.only or list(SCENARIOS), seed, asked.scale, console)
    console.print(table(results))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps([vars(one) for one in results], indent=1))
    console.print(f"kept in {REPORT.relative_to(ROOT)}")
    return 1 if any(one.wrong for one in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
