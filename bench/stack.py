"""The surroundings of a measurement: a local Kafka and DynamoDB of its own in a folder that goes afterwards."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
START_S: Final = 300.0
"""Generous: the first start ever fetches Kafka."""
STOP_S: Final = 30.0
COMMAND_S: Final = 60.0


class BenchError(RuntimeError):
    """A measurement could not be made: one line for a person."""


@dataclass(frozen=True, slots=True)
class Stack:
    """`variables` tell any command where the two servers are; `folder` is for whatever a measurement keeps."""

    variables: Mapping[str, str]
    folder: Path

    @property
    def brokers(self) -> str:
        """host:port."""
        return self.variables["WATTFALL_BROKERS"]

    def environ(self, **settings: str) -> dict[str, str]:
        """For a process of its own: the stack's variables and these settings, and nothing else about AWS or Wattfall."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WATTFALL_"))}
        return inherited | dict(self.variables) | settings

    def command(self, *arguments: str, environ: Mapping[str, str]) -> None:
        """Runs `python -m …` to its end. Raises BenchError with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments], check=False, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=COMMAND_S
        )
        if done.returncode:
            raise BenchError(f"python -m {' '.join(arguments)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")


@contextmanager
def running() -> Iterator[Stack]:
    """A stack, stopped when the block ends. Raises BenchError with what the command said."""
    folder = Path(tempfile.mkdtemp(prefix="wattfall-bench-"))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WATTFALL_")) or name == "WATTFALL_CACHE"}
    with (folder / "stack.stderr").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--state", str(folder / "stack")],
            cwd=ROOT,
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield Stack(_variables(process, folder), folder)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_S)
        finally:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _variables(process: subprocess.Popen[str], folder: Path) -> dict[str, str]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise BenchError(f"python -m local up did not start: {(folder / 'stack.stderr').read_text().strip()[-500:]}")
    variables: dict[str, str] = json.loads(line)
    places = variables["WATTFALL_BROKERS"], variables["AWS_ENDPOINT_URL_DYNAMODB"].removeprefix("http://")
    if not all(place.startswith("127.0.0.1:") for place in places):
        raise BenchError(f"a benchmark writes to this machine only, not to {' or '.join(places)}")
    return variables
