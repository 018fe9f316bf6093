"""The commands that the demo runs, as a user would type them, and that none of them outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Final

from local.guard import Guard

ROOT: Final = Path(__file__).resolve().parent.parent
TAIL_LINES: Final = 12
POLL_S: Final = 0.05
STOP_S: Final = 5.0
SETTINGS: Final = {
    "WATTFALL_ZONE": "Europe/London",
    "WATTFALL_PARTITIONS": "4",
    "WATTFALL_CHECKPOINT_HOURS_S": "0.5",
    "WATTFALL_CHECKPOINT_DAYS_S": "0.5",
    "WATTFALL_CHECKPOINT_MONTHS_S": "0.5",
    "WATTFALL_FLUSH_LIVE_S": "0.5",
    "WATTFALL_FLUSH_HOURS_S": "0.5",
    "WATTFALL_FLUSH_DAYS_S": "1",
    "WATTFALL_FLUSH_MONTHS_S": "1",
    "WATTFALL_KEEP_HOURS_MONTHS": "1200",
    "WATTFALL_LOG_FORMAT": "text",
    "WATTFALL_SINK_THREADS": "4",
    "WATTFALL_DASHBOARD_PORT": "0",
    "WATTFALL_CURRENCY": "GBP",
    "WATTFALL_PRICE_IMPORT": "0.27",
    "WATTFALL_PRICE_EXPORT": "0.15",
}
"""Short intervals, because somebody is watching; and hours are kept for a century, because some of the readings are of 2013."""


class Failed(Exception):
    """A command did not do its part: what it was, its last words, and what would help; text for a person."""


def command_line(*arguments: str) -> str:
    """How a user would type it."""
    return " ".join(("python -m", *arguments))


class Crew:
    """Runs commands; what they say is kept in `folder`, a log each. Those that are started here end with the `guard`."""

    def __init__(self, guard: Guard, folder: Path) -> None:
        self._guard, self.folder = guard, folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WATTFALL_")) or name == "WATTFALL_CACHE"}
        self.environ |= SETTINGS | {
            "WATTFALL_STATE_DIR": str(folder / "worker"),
            "WATTFALL_DASHBOARD_DIR": str(folder / "dashboard"),
            "PYTHONUNBUFFERED": "1",
        }
        self._watched: dict[asyncio.Task[int], tuple[str, Path]] = {}

    def log(self, name: str) -> Path:
        """What the command of this name says."""
        return self.folder / f"{name}.log"

    async def start(self, name: str, *arguments: str) -> Process:
        """Starts a command that is to run until the demo ends; see `watching`."""
        process = await self._guard.start((sys.executable, "-m", *arguments), self.environ, self.log(name))
        self._watched[asyncio.create_task(process.wait())] = (command_line(*arguments), self.log(name))
        return process

    @contextlib.asynccontextmanager
    async def working(self, name: str, *arguments: str) -> AsyncIterator[None]:
        """A command that runs while the block does, and is asked to stop before anything that it needs is gone."""
        process = await self.start(name, *arguments)
        watch = next(task for task, (line, _) in self._watched.items() if line == command_line(*arguments))
        try:
            yield
        finally:
            del self._watched[watch]
            async with ending(process):
                pass

    async def run(self, name: str, *arguments: str) -> None:
        """Runs a command to its end. Raises Failed if its exit code is not 0."""
        process = await self._guard.start((sys.executable, "-m", *arguments), self.environ, self.log(name))
        if code := await process.wait():
            raise failed(command_line(*arguments), code, self.log(name))

    async def show(self, *arguments: str) -> None:
        """Runs a command whose output is for the terminal."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, env=self.environ, cwd=ROOT)
        async with ending(process):
            if code := await process.wait():
                raise Failed(f"{command_line(*arguments)} ended with exit code {code}")

    async def ask(self, *arguments: str) -> bytes:
        """What a command says on standard output. Raises Failed if its exit code is not 0."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, env=self.environ, cwd=ROOT, stdout=PIPE, stderr=PIPE)
        async with ending(process):
            said, errors = await process.communicate()
        if process.returncode:
            raise Failed(f"{command_line(*arguments)} ended with exit code {process.returncode}:\n{errors.decode(errors='replace')}")
        return said

    @contextlib.asynccontextmanager
    async def feeding(self, name: str, *arguments: str) -> AsyncIterator[asyncio.StreamWriter]:
        """The standard input of a command; it ends when that does, which it also does if this process is killed."""
        with self.log(name).open("ab") as sink:
            argv = (sys.executable, "-m", *arguments)
            process = await asyncio.create_subprocess_exec(*argv, env=self.environ, cwd=ROOT, stdin=PIPE, stdout=sink, stderr=sink, process_group=0)
        assert process.stdin is not None
        self._watched[asyncio.create_task(process.wait())] = (command_line(*arguments), self.log(name))
        async with ending(process):
            yield process.stdin

    async def watching(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work`; raises Failed as soon as a command that was started ends before it."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                await asyncio.wait((task, *self._watched), timeout=1.0, return_when=asyncio.FIRST_COMPLETED)  # more may be started meanwhile
                if task.done() and task.exception() is None:
                    break
                for ended, (line, log) in self._watched.items():
                    if ended.done():
                        raise failed(line, ended.result(), log)
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for watch in self._watched:
                watch.cancel()

    async def stack(self) -> None:
        """Starts the local stack and takes over the environment that it prints. Raises Failed if that is not this machine."""
        await self.start("stack", "local", "up", "--state", str(self.folder / "stack"))
        line = await self.heard("stack", "{")
        variables: dict[str, str] = json.loads(line)
        endpoints = (variables["WATTFALL_BROKERS"], variables["AWS_ENDPOINT_URL_DYNAMODB"].removeprefix("http://"))
        if not all(endpoint.startswith("127.0.0.1:") for endpoint in endpoints):
            raise Failed(f"the local stack is not on this machine, but at {' and '.join(endpoints)}: nothing was sent")
        self.environ |= variables

    async def heard(self, name: str, word: str) -> str:
        """The first whole line with this word that a command says. One that ends instead is for `watching`."""
        while True:
            said = self.log(name).read_text(errors="replace").splitlines(keepends=True) if self.log(name).exists() else []
            if line := next((line for line in said if word in line and line.endswith("\n")), None):
                return line
            await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def ending(process: Process) -> AsyncIterator[None]:
    """The process is gone when the block has ended, however it ended."""
    try:
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()


def failed(line: str, code: int, log: Path) -> Failed:
    """The error of a command that ended, with the end of its log."""
    said = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    return Failed("\n".join([f"{line} ended with {how}; the end of {log}:", *(f"    {text}" for text in said)]))
