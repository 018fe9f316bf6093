"""One trial: a copy of the tree, a patch in it or none, and what became of the tests that were asked for."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.conftest import UNSHRUNK
from tests.mutants.mutant import PROCESSES, Edit, Mutant, apply
from tests.stack import ROOT

LIMIT_S: Final = 150.0
"""For each test, of which most take a second."""
SLIPS: Final = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "UnboundLocalError")
"""A patch that does not even run is noticed by everybody, and proves nothing."""
STOP_S: Final = 60.0
SEED: Final = "1"
"""Of hypothesis: what is caught today is caught tomorrow."""
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "build")


class Fate(StrEnum):
    """What became of a test; of several cases of one (parameters), the first of these that any had."""

    BROKEN = "broke off"
    FAILED = "failed"
    PASSED = "passed"
    MISSING = "is not there"


@dataclass(frozen=True, slots=True)
class Trial:
    """`fates` by the ids asked for; `whys` in one line, of those that did not pass; `said` the end of pytest's words."""

    fates: dict[str, Fate]
    seconds: float
    whys: dict[str, str]
    said: str

    def are(self, fate: Fate) -> bool:
        """All tests met this fate."""
        return set(self.fates.values()) == {fate}

    def caught(self, mutant: Mutant) -> bool:
        """All tests failed, and for its reason."""
        meant = all(re.search(mutant.why, why) if test.startswith(PROCESSES) else not why.startswith(SLIPS) for test, why in self.whys.items())
        return self.are(Fate.FAILED) and meant


def tried(edits: Sequence[Edit], tests: Sequence[str]) -> Trial:
    """Runs these tests in a patched copy of the tree. Raises Stale."""
    with copied() as root:
        apply(edits, root)
        began = time.monotonic()
        said = run(root, tests)
        cases = outcomes(root / "junit.xml")
        met = {test: fate_of(test, cases) for test in tests}
        whys = {test: why for test, (fate, why) in met.items() if fate is not Fate.PASSED}
        return Trial({test: fate for test, (fate, _) in met.items()}, time.monotonic() - began, whys, said)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the tree, without what is made on the way: nothing that Python compiled of the unbroken one is in it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        yield Path(shutil.copytree(ROOT, Path(folder) / "tree", ignore=_LEFT_OUT))


def run(root: Path, tests: Sequence[str]) -> str:
    """pytest in a process of its own; returns the end of what it said. One that takes too long is asked to stop, as by Ctrl-C."""
    options = ("-q", "-p", "no:cacheprovider", f"--hypothesis-seed={SEED}", f"--hypothesis-profile={UNSHRUNK}", "--junitxml=junit.xml")
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    command = [sys.executable, "-m", "pytest", *options, *tests]
    with subprocess.Popen(command, cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        try:
            said, _ = child.communicate(timeout=LIMIT_S * len(tests))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
            try:
                said, _ = child.communicate(timeout=STOP_S)
            finally:
                child.kill()
            said += f"\nstopped after {LIMIT_S * len(tests):.0f} s"
    return said[-4_000:]


def outcomes(report: Path) -> dict[tuple[str, str], tuple[Fate, str]]:
    """By class name and name, as JUnit has them: the fate of each case, and in one line why. Nothing, if pytest did not come so far."""
    found: dict[tuple[str, str], tuple[Fate, str]] = {}
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        key = case.get("classname", ""), case.get("name", "")
        fates = ((Fate.BROKEN, "error"), (Fate.FAILED, "failure"), (Fate.MISSING, "skipped"))
        fate, words = next(((fate, one.get("message", "")) for fate, tag in fates if (one := case.find(tag)) is not None), (Fate.PASSED, ""))
        if found.get(key, (Fate.PASSED, ""))[0] is Fate.PASSED:
            found[key] = fate, words.split("\n")[0]
    return found


def fate_of(test: str, cases: dict[tuple[str, str], tuple[Fate, str]]) -> tuple[Fate, str]:
    """Of a test by its id, with parameters or, without them, in all its cases; and why."""
    file, *classes, name = test.split("::")
    place = ".".join([file.removesuffix(".py").replace("/", "."), *classes])
    met = [met for (where, what), met in cases.items() if where == place and (what == name or what.startswith(f"{name}["))]
    return next(((fate, why) for wanted in Fate for fate, why in met if fate is wanted), (Fate.MISSING, ""))
