"""`python -m tests.mutants`: breaks a copy of the tree in one way after the other, and shows which test caught it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from tests.mutants import page
from tests.mutants.listed import MUTANTS
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.trial import Fate, Trial, tried

ABOUT: Final = """Breaks a copy of the tree in one way after the other, and runs the tests that have to notice; before that the same tests, unbroken.
Exit code 1 if a mutant survives, a test with real processes fails for another reason than the mutant's, a patch no longer applies, or a
test fails without a mutant. After a run of all, in which all were caught, the table in docs/proof.md is written again."""
WIDTH: Final = 100
EXAMPLE: Final = """example:
  python -m tests.mutants                       all of them, in half an hour
  python -m tests.mutants --only "no fence"     this one (--only may be given again)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=ABOUT, epilog=EXAMPLE, formatter_class=plain)
    parser.add_argument("--list", action="store_true", help="only say which there are")
    parser.add_argument("--only", action="append", choices=[mutant.name for mutant in MUTANTS], metavar="NAME", help="try this one only")
    asked = parser.parse_args(arguments)
    chosen = [mutant for mutant in MUTANTS if not asked.only or mutant.name in asked.only]
    if asked.list:
        print("\n".join(f"{mutant.name}: makes untrue that {mutant.claim} ({', '.join(mutant.files)})" for mutant in chosen))
        return 0
    if not sound(chosen):
        return 1
    trials = [attempt(mutant, f"[{count:2}/{len(chosen)}]") for count, mutant in enumerate(chosen, 1)]
    all_caught = tell(chosen, trials)
    if all_caught and not asked.only:
        page.write(MUTANTS)
    return 0 if all_caught else 1


def sound(mutants: Sequence[Mutant]) -> bool:
    """Do the tests pass without a mutant? Says which do not."""
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    print(f"unbroken: {len(tests)} tests … ", end="", flush=True)
    trial = tried((), tests)
    passed = trial.are(Fate.PASSED)
    print(f"{'passed' if passed else 'FAILED'} ({trial.seconds:.0f} s)")
    if not passed:
        print(trial.said, *(f"{test} {fate}" for test, fate in trial.fates.items() if fate is not Fate.PASSED), sep="\n")
    return passed


def attempt(mutant: Mutant, count: str) -> Trial | None:
    """Tries one mutant and says what became of it; None where its patch no longer applies."""
    print(f"{count} {mutant.name} … ", end="", flush=True)
    try:
        trial = tried(mutant.edits, mutant.tests)
    except Stale as error:
        print(f"NOT TRIED: {error}")
        return None
    if trial.caught(mutant):
        print(f"caught ({trial.seconds:.0f} s): {next(iter(trial.whys.values()))[:WIDTH]}")
    elif trial.are(Fate.FAILED):
        print(f"NOT CAUGHT ({trial.seconds:.0f} s): the tests fail, but for other reasons than {mutant.why!r}: {trial.whys}")
    else:
        print(f"NOT CAUGHT ({trial.seconds:.0f} s)\n{trial.said}")
    return trial


def tell(mutants: Sequence[Mutant], trials: Sequence[Trial | None]) -> bool:
    """The table; were all of them caught?"""
    width = max(len(mutant.name) for mutant in mutants)
    next_line = "\n" + " " * (width + 8)
    caught = 0
    print()
    for mutant, trial in zip(mutants, trials, strict=True):
        caught += trial is not None and trial.caught(mutant)
        seconds = f"{trial.seconds:3.0f} s" if trial else "     "
        fates = [f"{test} {fate}" for test, fate in trial.fates.items()] if trial else ["its patch no longer applies"]
        print(f"{mutant.name:{width}} {seconds}  {next_line.join(fates)}")
    print(f"\n{caught} of {len(mutants)} mutants were caught")
    return caught == len(mutants)


if __name__ == "__main__":
    sys.exit(main())
