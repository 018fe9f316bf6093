"""Real worker processes over the local stack: an application with names, topics, tables and folders of its own, and seats that workers sit on.

async with deployment(stack, "t1", tmp_path) as here:
    await here.create()
    seat = await here.seat("waterfall").start()
    await seat.kill()
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import boto3

from agents.lag_command import flow
from dynamodb import schema
from dynamodb.settings import Settings as DynamoSettings
from local.guard import Guard
from streams.cluster import admin, create
from streams.exits import Exit
from streams.lag import Meter
from streams.settings import Settings
from streams.topics import Topics, specs
from tests.stack import ROOT, Stack

POLL_S: Final = 0.05
TAIL_LINES: Final = 25
SETTINGS: Final = {
    "WATTFALL_PARTITIONS": "4",
    "WATTFALL_CHECKPOINT_HOURS_S": "1.5",
    "WATTFALL_CHECKPOINT_DAYS_S": "1.5",
    "WATTFALL_CHECKPOINT_MONTHS_S": "1.5",
    "WATTFALL_FLUSH_LIVE_S": "3",
    "WATTFALL_FLUSH_HOURS_S": "3",
    "WATTFALL_FLUSH_DAYS_S": "3",
    "WATTFALL_FLUSH_MONTHS_S": "3",
    "WATTFALL_SESSION_TIMEOUT_S": "3",
    "WATTFALL_START_LIMIT_S": "60",
    "WATTFALL_STORE": "rocksdb",
    "WATTFALL_KEEP_HOURS_MONTHS": "1200",
}
"""Short intervals, so that much happens in little time, yet no shorter: transactions and writes are most of what a run costs.
Hours are kept for a century, because some readings are old."""


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Deployment:
    """One application. `environ` is what its processes get; `settings` what they make of it."""

    def __init__(self, stack: Stack, name: str, folder: Path, guard: Guard, changes: dict[str, str]) -> None:
        self.stack, self.name, self.folder, self.guard = stack, name, folder, guard
        tables = {f"WATTFALL_TABLE_{level}": f"{name}-{level.lower()}" for level in ("LIVE", "HOURS", "DAYS", "MONTHS")}
        own = {"WATTFALL_APP": name, "WATTFALL_TOPIC_PREFIX": f"{name}-"}
        self.environ = {**stack.environ, **SETTINGS, **tables, **own, **changes, "PYTHONUNBUFFERED": "1"}
        self.settings = Settings.from_environ(self.environ)
        self.topics = Topics.of(self.settings)
        self.seats: list[Seat] = []

    async def run(self, *arguments: str, changes: Mapping[str, str] | None = None, limit_s: float = 60.0) -> Ran:
        """Runs `python -m …` to its end, with these changes to the environment."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, stdout=PIPE, stderr=PIPE, env={**self.environ, **(changes or {})}, cwd=ROOT
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), limit_s)
        except TimeoutError:
            process.terminate()  # a worker has children, who would keep the pipes open
            await process.wait()
            raise AssertionError(f"python -m {' '.join(arguments)} did not end within {limit_s:g} s") from None
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    async def must(self, *arguments: str, limit_s: float = 60.0) -> str:
        """What a command says on standard output; it has to end with 0."""
        ran = await self.run(*arguments, limit_s=limit_s)
        assert ran.code == 0, f"python -m {' '.join(arguments)} ended with {ran.code}:\n{ran.out}\n{ran.err}\n{self.last_words()}"
        return ran.out

    async def create(self) -> None:
        """Topics and tables. As the commands do it, without a process for each: there are many deployments (tests/e2e/test_whole.py types them)."""
        settings = Settings.from_environ(self.environ)
        async with admin(settings.brokers) as client:
            await create(client, specs(Topics.of(settings)), settings.partitions, settings.replication)
        tables = DynamoSettings.from_environ(self.environ).tables
        with contextlib.closing(client_of(self)) as dynamodb:
            await asyncio.to_thread(schema.create, dynamodb, tables, lambda line: None, time.sleep)

    async def done(self, limit_s: float = 60.0) -> None:
        """Returns when all that was sent so far is stored; as `python -m agents lag --wait` does it."""
        settings = Settings.from_environ(self.environ)
        stages = flow(settings, Topics.of(settings))
        async with Meter(settings.brokers, {stage.topic: settings.partitions for stage in stages}) as meter:
            behind = await meter.behind(stages, limit_s)
        assert not behind, f"after {limit_s:g} s: {behind}\n{self.last_words()}"

    def seat(self, role: str, **changes: str) -> Seat:
        """A place for a worker, with a state folder of its own; `role` as one types it."""
        name = f"{role.replace(' ', '-')}-{sum(seat.role == role for seat in self.seats)}"
        seat = Seat(self, role, name, {"WATTFALL_STATE_DIR": str(self.folder / name), **changes})
        self.seats.append(seat)
        return seat

    def last_words(self) -> str:
        """The end of what each worker said."""
        return "\n".join(f"--- {seat.name}, exits {seat.exits}\n{seat.tail}" for seat in self.seats)

    async def close(self) -> None:
        """Nobody is left."""
        await asyncio.gather(*[seat.leave() for seat in self.seats])


def client_of(here: Deployment) -> Any:
    """A client of the stack's DynamoDB, past any proxy."""
    variables = here.stack.variables
    return boto3.client(
        "dynamodb",
        endpoint_url=here.stack.dynamodb,
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


@contextlib.asynccontextmanager
async def deployment(stack: Stack, name: str, folder: Path, **changes: str) -> AsyncIterator[Deployment]:
    """An application whose processes do not outlive the block, nor this process."""
    folder.mkdir(parents=True, exist_ok=True)
    async with Guard() as guard:
        here = Deployment(stack, name, folder, guard, changes)
        try:
            yield here
        finally:
            await here.close()


class Seat:
    """One worker after another, each on the same folder.

    `exits` are the exit codes of those that ended, in order; a signal is negative. `asked`: how some of them were made to end.
    """

    def __init__(self, here: Deployment, role: str, name: str, changes: dict[str, str]) -> None:
        self.here, self.role, self.name, self.changes = here, role, name, changes
        self.log = here.folder / f"{name}.log"
        self.exits: list[int] = []
        self.asked = Counter[int]()
        self.process: Process | None = None
        self._began = 0
        self._keeping: asyncio.Task[None] | None = None

    async def start(self, **changes: str) -> Self:
        """Starts a worker; returns at once."""
        assert self.process is None, f"{self.name} is taken"
        self.log.touch()
        self._began = self.log.stat().st_size
        environ = self.here.environ | self.changes | changes
        self.process = await self.here.guard.start((sys.executable, "-m", "agents", *self.role.split()), environ, self.log)
        return self

    @property
    def by_themselves(self) -> Counter[int]:
        """How workers ended that nobody had asked to end so."""
        return Counter(self.exits) - self.asked

    @property
    def pid(self) -> int:
        """Of the worker that sits here."""
        assert self.process is not None and self.process.returncode is None, f"{self.name} is not there:\n{self.tail}"
        return self.process.pid

    @property
    def words(self) -> str:
        """What the present worker, or the last one, has said."""
        return self.log.read_bytes()[self._began :].decode(errors="replace") if self.log.exists() else ""

    @property
    def is_settled(self) -> bool:
        """Since the last assignment the worker takes records: from now on it has something to write."""
        return self.process is not None and self.words.rfind("taking from") > self.words.rfind("fenced")

    @property
    def dealings(self) -> int:
        """How often the worker has taken what it was dealt."""
        return self.words.count("taking from")

    @property
    def takes(self) -> int:
        """So many partitions of the readings the worker has said that it takes; 0 until it is settled."""
        said = re.findall(rf"taking from {re.escape(self.here.topics.readings)}, (\d+) partitions", self.words)
        return int(said[-1]) if said and self.is_settled else 0

    @property
    def tail(self) -> str:
        """The end of all that was said here."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]) if self.log.exists() else ""

    async def works(self, limit_s: float = 60.0) -> Self:
        """Returns when the worker takes records from each topic of its role."""
        topics = self.here.topics
        levels = (topics.readings, topics.hours, topics.days) + (() if self.role == "waterfall" else (topics.months,))
        await self.says(*(f"taking from {topic}," for topic in levels), limit_s=limit_s)
        return self

    async def says(self, *texts: str, limit_s: float = 60.0) -> None:
        """Returns when the present worker has said all of it."""

        def said() -> bool:
            if all(text in self.words for text in texts):
                return True
            assert self.process is None or self.process.returncode is None, f"{self.name} ended with {self.process.returncode}:\n{self.tail}"
            return False

        await until(said, limit_s, lambda: f"{self.name} did not say {texts}:\n{self.tail}")

    async def says_again(self, text: str, limit_s: float = 60.0) -> None:
        """Returns when the present worker says it once more."""
        before = self.words.count(text)
        await until(lambda: self.words.count(text) > before, limit_s, lambda: f"{self.name} did not say {text} again:\n{self.tail}")

    async def ended(self, limit_s: float = 30.0) -> int:
        """The exit code of the worker, when it has ended."""
        assert self.process is not None
        try:
            code = await asyncio.wait_for(self.process.wait(), limit_s)
        except TimeoutError:
            raise AssertionError(f"{self.name} is still there after {limit_s:g} s:\n{self.tail}") from None
        self.exits.append(code)
        self.process = None
        return code

    async def kill(self) -> None:
        """SIGKILL; that it was this signal that ended it is made sure of."""
        self.asked[-signal.SIGKILL] += 1
        os.kill(self.pid, signal.SIGKILL)
        code = await self.ended(5.0)
        assert code == -signal.SIGKILL, f"{self.name} ended with {code} and not by SIGKILL"

    async def term(self, limit_s: float) -> int:
        """SIGTERM; the exit code."""
        self.asked[Exit.STOPPED] += 1
        os.kill(self.pid, signal.SIGTERM)
        return await self.ended(limit_s)

    async def struck(self, number: signal.Signals, limit_s: float = 60.0) -> int:
        """Sends a signal to a worker that somebody else waits for (`keep`); the exit code with which it ends."""
        before = len(self.exits)
        self.asked[Exit.STOPPED if number == signal.SIGTERM else -number] += 1
        os.kill(self.pid, number)
        await until(lambda: len(self.exits) > before, limit_s, lambda: f"{self.name} did not end after {number.name}:\n{self.tail}")
        return self.exits[before]

    def stop(self) -> None:
        """SIGSTOP: from now on a zombie, until `go_on`."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def keep(self) -> Self:
        """From now on a worker that ends is followed by another at once, as by any supervisor."""
        self._keeping = asyncio.create_task(self._keep(), name=f"keeps {self.name}")
        return self

    async def _keep(self) -> None:
        while True:
            if self.process is None:
                await self.start()
            await self.ended(3600)
            await asyncio.sleep(0.5)

    async def leave(self) -> None:
        """Nobody sits here any more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self.process is not None and self.process.returncode is None:
            self.asked[-signal.SIGKILL] += 1
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.exits.append(await self.process.wait())
        self.process = None


async def until(holds: Callable[[], bool], limit_s: float, otherwise: Callable[[], str]) -> None:
    """Returns when it holds; AssertionError with `otherwise` after the limit."""
    limit = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < limit, f"after {limit_s:g} s: {otherwise()}"
        await asyncio.sleep(POLL_S)
