"""The local stack as a test's surroundings: `python -m local up` in a folder of its own, stopped when the block ends."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
START_LIMIT_S: Final = 300.0
"""Generous: the first start ever fetches Kafka."""
STOP_LIMIT_S: Final = 30.0


class NotStarted(AssertionError):
    """`python -m local up` said no, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. `variables` are the five that it printed; `state` is its folder."""

    state: Path
    variables: dict[str, str]

    @property
    def brokers(self) -> str:
        return self.variables["WATTFALL_BROKERS"]

    @property
    def dynamodb(self) -> str:
        return self.variables["AWS_ENDPOINT_URL_DYNAMODB"]

    @property
    def environ(self) -> dict[str, str]:
        """For a process of its own: this one's environment with the stack's variables, and no other AWS_… or WATTFALL_…."""
        return {**clean_environ(), **self.variables}

    def pid(self, name: str) -> int:
        """Of "kafka" or "dynamodb", as it is now."""
        return int(json.loads((self.state / "pids.json").read_text())[name])

    def signal_broker(self, number: signal.Signals) -> int:
        """Sends it, and returns the broker's pid."""
        pid = self.pid("kafka")
        os.kill(pid, number)
        return pid

    def await_other_broker(self, than: int, limit_s: float = 30.0) -> int:
        """Waits until another broker than the one with this pid answers (needs `respawn`); returns its pid."""
        limit = time.monotonic() + limit_s
        while (pid := self.pid("kafka")) == than:
            assert time.monotonic() < limit, f"no new broker within {limit_s} s"
            time.sleep(0.05)
        return pid


@dataclass(frozen=True, slots=True)
class OwnStack(Stack):
    """One that this process has started. `process` runs it."""

    process: subprocess.Popen[str]


def clean_environ() -> dict[str, str]:
    """This process's environment without a word about AWS or Wattfall (but for the cache folder)."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WATTFALL_")) or name == "WATTFALL_CACHE"}


@contextmanager
def running(state: Path, *options: str) -> Iterator[OwnStack]:
    """A stack on the folder `state`, with more options of `python -m local up` if wanted (`"--respawn"`, seconds).

    Every endpoint is on this machine: nothing that a test writes can reach another. Raises NotStarted with what the command said.
    """
    state.parent.mkdir(parents=True, exist_ok=True)
    said = state.with_name(state.name + ".stderr")
    with said.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--state", str(state), *options],
            cwd=ROOT,
            env=clean_environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield OwnStack(state, _variables(process, said), process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_LIMIT_S)
        finally:
            process.kill()


def _variables(process: subprocess.Popen[str], said: Path) -> dict[str, str]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_LIMIT_S)
    line = process.stdout.readline() if ready else ""
    if not line:
        how = f"exit code {process.wait(STOP_LIMIT_S)}" if ready else f"no answer in {START_LIMIT_S:g} s"
        raise NotStarted(f"{how}: {said.read_text()}")
    variables: dict[str, str] = json.loads(line)
    assert variables["WATTFALL_BROKERS"].startswith("127.0.0.1:"), variables
    assert variables["AWS_ENDPOINT_URL_DYNAMODB"].startswith("http://127.0.0.1:"), variables
    return variables
