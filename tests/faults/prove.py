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
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from docs.generate import PROOF, put
from metering.compare import Kind
from tests.faults.scenarios import SCENARIOS, Scene, playing
from tests.faults.verdict import Verdict, Wrong
from tests.stack import ROOT, Stack, running

PROVED: Final = ("agents", "dynamodb", "metering", "settings", "streams", "tables", "tests/faults")
BESIDES: Final = (
    *("tests/oracle*.py", "tests/generator.py", "tests/poison.py", "tests/near_misses.py", "tests/stack.py"),
    *("local/*.py", "local/jars.lock", "local/server.properties", "requirements.lock"),
)
FOLDER: Final = ROOT / "build" / "prove"
EPILOG: Final = """scenarios:
{said}

example:
  python -m tests.faults.prove --only crash --only mix --seed 7 --scale 0.2

While a scenario runs, and after it if it did not hold, build/prove/NAME-SEED has all there is: failure.txt, the deeds that landed
(workers/journal.jsonl), what each worker said (workers/ROLE-N.log), and the broker's and DynamoDB's state and words (stack/).
A seed gives the same readings, zone and order of deeds again, but not the same moments. build/prove/report.json has the last result of each
scenario with this code, and how often it held; once all have held in their long form, docs/proof.md gets their table."""
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

    @property
    def long(self) -> bool:
        """Was it the long form?"""
        return self.scale >= 1


async def play(result: Result, stack: Stack, folder: Path) -> None:
    """One scenario and its verdict, into its result. Raises what went wrong before there was a verdict; what there is to tell by then is told."""
    name, began, scenario = result.name, time.monotonic(), SCENARIOS[result.name]
    own, seconds = f"{name}-{result.seed}", max(scenario.least_s, scenario.seconds * result.scale)
    try:
        async with playing(stack, own, folder, result.seed, result.scale, seconds, scenario.setting) as scene:
            try:
                await scenario.play(scene)
                count(result, await scene.end(steady=scenario.steady))
            except Wrong as wrong:
                count(result, wrong.verdict)
                raise
            finally:
                tell(result, scene)
    finally:
        result.took_s = time.monotonic() - began


def tell(result: Result, scene: Scene) -> None:
    """What happened in a scenario, however it ended."""
    result.sent = scene.sent
    result.landed = dict(scene.nemesis.journal.counts)
    result.waits = scene.nemesis.pulse.waits
    result.refused, result.remark = scene.dynamodb.counts["refused"], scene.remark


def count(result: Result, verdict: Verdict) -> None:
    """What the verdict has counted."""
    result.readings, result.outcomes = verdict.readings, dict(verdict.outcomes)
    result.totals, result.kinds = verdict.totals, dict(verdict.kinds)


def prove(names: Sequence[str], seed: int, scale: float, console: Console) -> Iterator[Result]:
    """One scenario after the other, each on a stack of its own; what fails is told, and the rest goes on. What a scenario that held has left is
    removed."""
    for number, name in enumerate(names):
        result = Result(name, seed + number, scale)
        folder = FOLDER / f"{name}-{result.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        console.print(f"[bold]{name}[/], seed {result.seed}, in {folder.relative_to(ROOT)}: {SCENARIOS[name].play.__doc__}")
        away_s = max(1.0, SCENARIOS[name].away_s * scale)
        try:
            with running(folder / "stack", "--respawn", f"{away_s:g}") as stack:
                asyncio.run(play(result, stack, folder / "workers"))
        except Exception as error:  # whatever it is, the others are still to be played, and the table to be printed
            result.wrong = f"{type(error).__name__}: {error}"
            (folder / "failure.txt").write_text(traceback.format_exc())
        if result.wrong:
            again = f"python -m tests.faults.prove --only {name} --seed {result.seed} --scale {scale:g}"
            console.print(f"{result.wrong}\n{name} FAILED; all of it is in {folder}; again: {again}", style="red", highlight=False, markup=False)
        else:
            shutil.rmtree(folder)
        yield result


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


class Report:
    """The last result of each scenario with this product, in its long and in its short form, in `file`."""

    def __init__(self, product: str, file: Path) -> None:
        self.product, self.file = product, file
        found = [Result(**one) for one in json.loads(file.read_text()) if one["product"] == product] if file.exists() else []
        self.last = {(one.name, one.long): one for one in found}

    def keep(self, one: Result) -> Result:
        """Keeps it at once, with the count of all before it: one that holds at the third attempt does not look like one that holds."""
        before = self.last.get((one.name, one.long), one)
        one = replace(one, product=self.product, held=before.held + (not one.wrong), played=before.played + 1)
        self.last[one.name, one.long] = one
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps([vars(one) for one in self.last.values()], indent=1))
        return one

    def whole(self) -> list[Result]:
        """Of each scenario its long form, in order; nothing, if one is missing or did not hold."""
        found = [self.last.get((name, True)) for name in SCENARIOS]
        held = [one for one in found if one is not None and not one.wrong]
        return held if len(held) == len(SCENARIOS) else []


def digest() -> str:
    """Of all code that workers run, and that judges them: results of another say nothing of this."""
    found = [file for folder in PROVED for file in (ROOT / folder).rglob("*.py") if not file.name.startswith("test_")]
    files = sorted(found) + sorted(file for each in BESIDES for file in ROOT.glob(each))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    said = "\n".join(f"  {name:8} {scenario.play.__doc__}" for name, scenario in SCENARIOS.items())
    made = argparse.ArgumentParser(
        prog="python -m tests.faults.prove",
        description="Long runs of everything that may go wrong, with a table at the end. Exit code 1 if one of them did not hold.",
        epilog=EPILOG.format(said=said),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", action="append", choices=SCENARIOS, metavar="NAME", help="one of those below; may be repeated")
    made.add_argument("--seed", type=int, help="of the first scenario, the next has the next (default: drawn, and printed)")
    made.add_argument("--scale", type=scale_of, default=1.0, metavar="X", help="of the long form, 0.01 to 1 (default 1: some 100 minutes for all)")
    return made


def scale_of(text: str) -> float:
    """From 0.01 to 1."""
    scale = float(text)
    if not 0.01 <= scale <= 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted is 0.01 to 1")
    return scale


def main(arguments: Sequence[str]) -> int:
    """0 if everything held, 1 if not."""
    asked = parser().parse_args(arguments)
    seed = Random().randrange(10**6) if asked.seed is None else asked.seed
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # while a broker is away the load's producer says so hundreds of times a second
    console = Console(width=None if Console().is_terminal else 180)
    product = digest()
    report, results = Report(product, FOLDER / "report.json"), []
    for one in prove(asked.only or list(SCENARIOS), seed, asked.scale, console):
        results.append(report.keep(one) if product == digest() else replace(one, wrong=one.wrong or "the code was changed meanwhile"))
    console.print(table(results))
    if whole := report.whole():
        put("runs", page(whole))
        console.print(f"written into {PROOF.relative_to(ROOT)}")
    return 1 if any(one.wrong for one in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
