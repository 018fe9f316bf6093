"""How long a person waits for a view: the dashboard as it is run in earnest, asked at a fixed rate whether it keeps up or not.

DynamoDB is one that takes a fixed time (`still_dynamodb.py`). An answer's time runs from when its request was due, so what had to wait counts.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import TCPConnector

from bench.freshness import p99
from bench.progress import step
from bench.report import Results
from bench.role import cpu_seconds, started
from bench.stack import BenchError, Stack
from bench.still_dynamodb import DAY, DEVICE
from dashboard.access import Access
from dashboard.settings import Settings

PROCESSES: Final = 2
PER_S: Final = 200
FOR_S: Final = 20
WARMING_S: Final = 4
"""By then everybody has come, and has asked for the first time."""
LATENCY_MS: Final = 5
START_S: Final = 60.0
PEOPLE: Final = 600
"""Each has a connection, as a browser has, and asks every three seconds."""


def measure(scale: float) -> Results:
    """p50 and p99 of a day by hours, and the dashboard's CPU for one, ms. Raises BenchError if any answer is not one."""
    asked = max(PER_S, round(PER_S * FOR_S * scale))
    with (
        step(f"asking a dashboard of {PROCESSES} processes {PER_S} times a second for a day by hours, over a DynamoDB of {LATENCY_MS} ms", asked),
        tempfile.TemporaryDirectory() as folder,
        started("bench.still_dynamodb", str(LATENCY_MS), environ=os.environ) as still,
    ):
        endpoint = still.await_lines("^http", 1, START_S)[0][2]
        environ = surroundings(endpoint, Path(folder))
        with started("dashboard", "serve", environ=environ) as dashboard:
            address = dashboard.await_lines("the dashboard is at", 1, START_S)[0][2].split()[-1]
            pids = dashboard.begun()
            if len(pids) != PROCESSES:
                raise BenchError(f"the dashboard has {len(pids)} processes, and {PROCESSES} were wanted")
            url = f"{address}/v1/devices/{DEVICE}/day/{DAY}"
            took, cpu_s = asyncio.run(ask(url, token(Path(folder)), asked, lambda: sum(map(cpu_seconds, pids))))
    found = {"p50_ms": took[len(took) // 2], "p99_ms": p99(took), "cpu_ms": cpu_s * 1000 / asked, "processes": PROCESSES, "per_s": PER_S}
    return {f"views.{name}": value for name, value in found.items()}


def surroundings(endpoint: str, folder: Path) -> dict[str, str]:
    """Of the dashboard; of this process's own nothing about AWS or Wattfall."""
    aws = {"AWS_ENDPOINT_URL_DYNAMODB": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    settings = {"WATTFALL_DASHBOARD_DIR": str(folder), "WATTFALL_DASHBOARD_PORT": "0", "WATTFALL_DASHBOARD_RATE": "100000"}
    settings["WATTFALL_DASHBOARD_PROCESSES"] = str(PROCESSES)
    return Stack(aws, folder).environ(**settings)


def token(folder: Path) -> str:
    """Of somebody who may see the device."""
    access = Access(Settings(folder=folder))
    access.people.put("bench", [DEVICE], None)
    return access.tokens.development("bench")


async def ask(url: str, bearer: str, count: int, cpu_s: Callable[[], float]) -> tuple[list[float], float]:
    """The times of `count` answers in ms, sorted, and the CPU for them, s; those of the first seconds are not counted."""
    headers, warming = {"Authorization": f"Bearer {bearer}"}, WARMING_S * PER_S
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(aiohttp.ClientSession(connector=TCPConnector(limit=1), headers=headers)) for _ in range(PEOPLE)]
        gc.freeze()  # or a look for garbage here would count as the dashboard's
        begun = time.perf_counter()
        asked = (once(people[number % PEOPLE], url, begun + number / PER_S) for number in range(warming + count))
        cpu_before_s, *took = await asyncio.gather(at(begun + WARMING_S, cpu_s), *asked)
    return sorted(took[warming:]), cpu_s() - cpu_before_s


async def at(due: float, look: Callable[[], float]) -> float:
    """What is seen then."""
    await asyncio.sleep(due - time.perf_counter())
    return look()


async def once(session: aiohttp.ClientSession, url: str, due: float) -> float:
    """One request at its time."""
    await asyncio.sleep(due - time.perf_counter())
    async with session.get(url) as answer:
        body = await answer.read()
        if answer.status != 200 or body.count(b'"import_kwh"') != 24:
            raise BenchError(f"the dashboard answered {answer.status}: {body[:200]!r}")
    return (time.perf_counter() - due) * 1000
