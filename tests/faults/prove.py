"""`python -m tests.faults.prove`, or `make prove`: the long runs, some 100 minutes of them, each with a seed of its own that is printed.

Every scenario is an application of its own over a local stack of its own: workers under load, the nemesis, and in the end the verdict. What goes
wrong in them does so in `make test`, too, in a short form (tests/faults/test_*.py).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from docs.generate import PROOF, put
from metering.compare import Kind
from tests.faults.scenarios import SCENARIOS, Scene, playing
from tests.faults.verdict import Verdict, Wrong, judge
from tests.stack import ROOT, Stack, running

DONE_S: Final = 60.0
"""So long after the last harm nothing is behind any more."""
PROVED: Final = ("agents", "dynamodb", "metering", "settings", "streams", "tables", "tests/faults")
BESIDES: Final = ("tests/oracle*.py", "tests/generator.py", "tests/poison.py", "requirements.lock")
REPORT: Final = ROOT / "build" / "prove.json"
COLUMNS: Final = (
    "scenario",
    "held",
    "seed",
    "s",
    "landed",
    "messages",
    "readings in = counted + duplicate + corrected + rejected + late",
    "totals expected; missing, extra, different",
    "all moved on after",
    "stale writes refused",
)


@dataclass
class Result:
    """How a scenario ended. `wrong` is empty if it held; `product` is of what code (`digest`), and `held` how often it did with that, of `played`."""

    name: str
    seed: int
    scale: float
    took_s: float = 0.0
    landed: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    product: str = ""
    held: int = 0
    played: int = 0
    readings: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    totals: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    refused: int = 0
    remark: str = ""
    wrong: str = ""


async def play(name: str, stack: Stack, own: str, folder: Path, seed: int, scale: float) -> Result:
    """One scenario and its verdict; raises what went wrong before there was one."""
    result, began, scenario = Result(name, seed, scale), time.monotonic(), SCENARIOS[name]
    async with playing(stack, own, folder, seed, scale, max(scenario.least_s, scenario.seconds * scale), scenario.setting) as scene:
        await scenario.play(scene)
        await scene.load.cut()
        await scene.here.done(DONE_S)
        assert not scenario.steady or not scene.nemesis.unasked, f"{scene.nemesis.unasked}\n{scene.here.last_words()}"
        assert scene.counted_again or not scene.nemesis.pulse.back, scene.nemesis.pulse.back
        assert not scene.nemesis.unnamed, f"{scene.nemesis.unnamed}\n{scene.here.last_words()}"
        context = f"{name} {scene.load} {scene.nemesis.pulse}"
        try:
            fill(result, scene, await judge(scene.here, scene.sent, counted_again=scene.counted_again, context=context))
        except Wrong as wrong:
            fill(result, scene, wrong.verdict)
            result.wrong = str(wrong)
        assert scene.dynamodb.backward == []
    result.took_s = time.monotonic() - began
    return result


def fill(result: Result, scene: Scene, verdict: Verdict) -> None:
    """What there is to tell of a scenario that came to its verdict."""
    result.sent = scene.sent
    result.landed = dict(scene.nemesis.journal.counts)
    result.readings, result.outcomes = verdict.readings, dict(verdict.outcomes)
    result.totals, result.kinds = verdict.totals, dict(verdict.kinds)
    result.waits = scene.nemesis.pulse.waits
    result.refused, result.remark = scene.dynamodb.counts["refused"], scene.remark


def prove(names: Sequence[str], seed: int, scale: float, console: Console) -> list[Result]:
    """One scenario after the other, each on a stack of its own; what fails is told, its journal and logs stay, and the rest goes on."""
    results = []
    for number, name in enumerate(names):
        own_seed = seed + number
        console.print(f"[bold]{name}[/], seed {own_seed}: {SCENARIOS[name].play.__doc__}")
        away_s = max(1.0, SCENARIOS[name].away_s * scale)
        folder = Path(tempfile.mkdtemp(prefix=f"prove-{name}-"))
        with running(folder / "stack", "--respawn", f"{away_s:g}") as stack:
            try:
                result = asyncio.run(play(name, stack, f"{name}-{own_seed}", folder / "workers", own_seed, scale))
            except Exception as error:  # whatever it is, the others are still to be played, and the table to be printed
                result = Result(name, own_seed, scale, wrong=f"{type(error).__name__}: {error}")
        if result.wrong:
            console.print(f"{name}, seed {own_seed}: see {folder}\n{result.wrong}", style="red", highlight=False, markup=False)
        else:
            shutil.rmtree(folder)
        results.append(result)
    return results


def row(one: Result) -> list[str]:
    """What there is to say of a scenario, a text for each of `COLUMNS`."""
    numbers = [one.outcomes.get(name, 0) for name in ("counted", "duplicate", "corrected", "rejected", "late")]
    landed = [f"{what} × {count}" for what, count in one.landed.items()]
    waits = sorted(one.waits)
    return [
        one.name,
        f"{one.held} of {one.played}",
        str(one.seed),
        f"{one.took_s:.0f}",
        ", ".join([*landed, one.remark] if one.remark else landed),
        f"{one.sent:,}" if one.sent else "",
        f"{one.readings:,} = {' + '.join(f'{number:,}' for number in numbers)}" if one.readings else "",
        " ".join([*["FAILED"] * bool(one.wrong), *[f"{one.totals:,}; {', '.join(str(one.kinds.get(kind, 0)) for kind in Kind)}"] * bool(one.totals)]),
        f"{waits[len(waits) // 2]:.1f} s, at most {waits[-1]:.1f} s" if waits else "",
        f"{one.refused:,}",
    ]


def table(results: Sequence[Result]) -> Table:
    """Everything side by side."""
    drawn = Table(*COLUMNS)
    for one in results:
        drawn.add_row(*row(one), style="bold red" if one.wrong else None)
    return drawn


def page(results: Sequence[Result]) -> str:
    """The same for docs/proof.md, with what each scenario does."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *(f"| {' | '.join(row(one))} |" for one in results)]
    said = [f"- **{one.name}**: {SCENARIOS[one.name].play.__doc__}" for one in results]
    return "\n".join([*said, "", *lines, ""])


def kept(product: str, report: Path = REPORT) -> dict[str, Result]:
    """The last result of each scenario that was played on this machine with this product."""
    found = [Result(**one) for one in json.loads(report.read_text())] if report.exists() else []
    return {one.name: one for one in found if one.product == product}


def after(last: Mapping[str, Result], one: Result, product: str) -> Result:
    """The result with the count of all before it: one that holds at the third attempt does not look like one that holds."""
    before = last.get(one.name, Result(one.name, one.seed, one.scale))
    return replace(one, product=product, held=before.held + (not one.wrong), played=before.played + 1)


def digest() -> str:
    """Of all code that workers run, and that judges them: results of another say nothing of this."""
    found = [file for folder in PROVED for file in (ROOT / folder).rglob("*.py") if not file.name.startswith("test_")]
    files = sorted(found) + sorted(file for each in BESIDES for file in ROOT.glob(each))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m tests.faults.prove",
        description="Long runs of everything that may go wrong, with a table at the end; what held last is kept in build/ and in docs/proof.md.",
        epilog="example:\n  python -m tests.faults.prove --only crash --only mix --seed 7 --scale 0.2",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", action="append", choices=SCENARIOS, metavar="NAME", help=f"one of: {', '.join(SCENARIOS)}; may be repeated")
    made.add_argument("--seed", type=int, help="of the first scenario, the next has the next (default: drawn, and printed)")
    made.add_argument("--scale", type=float, default=1.0, metavar="X", help="of the long form (default 1: some 100 minutes for all)")
    return made


def main(arguments: Sequence[str]) -> int:
    """0 if everything held, 1 if not."""
    asked = parser().parse_args(arguments)
    seed = Random().randrange(10**6) if asked.seed is None else asked.seed
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # while a broker is away the load's producer says so hundreds of times a second
    console = Console(width=None if Console().is_terminal else 180)
    results = prove(asked.only or list(SCENARIOS), seed, asked.scale, console)
    product = digest()
    last = kept(product)
    last |= {one.name: after(last, one, product) for one in results}
    console.print(table([last[one.name] for one in results]))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps([vars(one) for one in last.values()], indent=1))
    console.print(f"kept in {REPORT.relative_to(ROOT)}")
    if last.keys() == SCENARIOS.keys() and all(one.scale >= 1 and not one.wrong for one in last.values()):
        put("runs", page([last[name] for name in SCENARIOS]))
        console.print(f"written into {PROOF.relative_to(ROOT)}")
    return 1 if any(one.wrong for one in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
