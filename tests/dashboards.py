"""A dashboard as a process of its own, over tables of its own in the local stack, with a house in them."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from uvicorn import Server

from dashboard.app import application
from dashboard.people import People
from dashboard.server import server
from dashboard.settings import Settings as DashboardSettings
from dashboard.tokens import Tokens, own_key
from dynamodb import schema
from dynamodb.client import asking_client, writing_client
from dynamodb.reader import Reader
from dynamodb.settings import Settings
from dynamodb.span import parse_span
from dynamodb.store import DynamoStore
from metering.live import Live
from metering.total import Grain, Total
from tests import sample_house
from tests.stack import ROOT, Stack

KEEP: Final = {"WATTFALL_KEEP_HOURS_MONTHS": "1200"}
"""The server deletes what has expired, and the days shown are long past."""
PEOPLE: Final = {"ada": "home,empty,attic,cellar,nobody.ever-sent:it", "bob": "barn"}
ODD_DAY: Final = "2026-10-24"
GRAIN: Final = {"day": Grain.HOUR, "month": Grain.DAY, "year": Grain.MONTH}
PASSWORD: Final = "correct horse battery"


def environ_of(stack: Stack, name: str, folder: Path) -> dict[str, str]:
    """For every process that belongs to one dashboard."""
    tables = {f"WATTFALL_TABLE_{level.upper()}": f"{name}-{level}" for level in ("live", "hours", "days", "months")}
    return {**stack.environ, **tables, **KEEP, "WATTFALL_ZONE": "Europe/Amsterdam", "WATTFALL_DASHBOARD_DIR": str(folder), "PYTHONUNBUFFERED": "1"}


@contextmanager
def surrounded(environ: dict[str, str]) -> Iterator[None]:
    """This process has it in its environment while the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        yield


def fill(environ: dict[str, str], now_s: int) -> None:
    """Makes the tables; puts the house's days of change, this and the last day by hours, their months by days and two years by months into them."""
    with surrounded(environ):
        settings = Settings.from_environ(environ)
        with closing(asking_client()) as client:
            schema.create(client, settings.tables, say=lambda line: None, sleep=time.sleep)
        with closing(DynamoStore(writing_client(settings.threads), settings)) as store:
            _run(_put(store, sample_house.until(list(_kept(now_s)), now_s)))


def _kept(now_s: int) -> Iterable[Total]:
    """One day is stored with a kWh more than its hours have, and than its month has: whoever adds up is found out."""
    today = sample_house.CALENDAR.date(now_s)
    yesterday = sample_house.CALENDAR.date(now_s - 86_400)
    for day in {today.isoformat(), yesterday.isoformat(), "2026-03-29", "2026-10-24", "2026-10-25"}:
        yield from sample_house.hours(day)
    for month in {today.isoformat()[:7], yesterday.isoformat()[:7], "2026-10", "2026-09"}:
        for total in sample_house.folded(month, Grain.DAY, now_s):
            odd = total.start == parse_span(ODD_DAY, sample_house.CALENDAR)[0]
            yield total._replace(import_mwh=total.import_mwh + 1_000_000 * odd)
    for year in {today.year - 1, today.year, 2026}:
        yield from sample_house.folded(str(year), Grain.MONTH, now_s)


async def _put(store: DynamoStore, totals: list[Total]) -> None:
    await asyncio.gather(*(store.put_total(total, 0) for total in totals))


def _run(work: Coroutine[Any, Any, object]) -> None:
    """On a thread of its own, since the one that drives a browser has a loop that runs."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def send_live(environ: dict[str, str], live: Live) -> None:
    """As the sink does."""
    with surrounded(environ):
        settings = Settings.from_environ(environ)
        with closing(DynamoStore(writing_client(1), settings)) as store:
            _run(store.put_live(live))


def command(environ: dict[str, str], *arguments: str, code: int = 0, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m dashboard …`, to its end."""
    line = [sys.executable, "-m", "dashboard", *arguments]
    done = subprocess.run(line, cwd=ROOT, env=environ, input=typed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def admit(environ: dict[str, str]) -> None:
    """Tells the dashboard of everybody in PEOPLE; ada has a password."""
    for name, devices in PEOPLE.items():
        people(environ).put(name, devices.split(","), PASSWORD if name == "ada" else None)


def people(environ: dict[str, str]) -> People:
    """Of whom the dashboard knows."""
    return People(Path(environ["WATTFALL_DASHBOARD_DIR"]))


def token(environ: dict[str, str], person: str) -> str:
    """As `python -m dashboard token` prints it."""
    return Tokens(own_key(Path(environ["WATTFALL_DASHBOARD_DIR"])), time.time).development(person)


class House:
    """A dashboard, those who ask it, and DynamoDB behind it."""

    def __init__(self, environ: dict[str, str], url: str) -> None:
        self.environ, self.url = environ, url
        self.tokens = {name: token(environ, name) for name in PEOPLE}

    def client(self, person: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.tokens[person]}"} if person else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=10)

    def link(self, person: str) -> str:
        """What somebody is sent."""
        return f"{self.url}/#token={self.tokens[person]}"

    def stored(self, kind: str, span: str) -> list[Total]:
        """What dynamodb/reader.py says."""
        with surrounded(self.environ), closing(asking_client()) as client:
            reader = Reader(client, Settings.from_environ(self.environ).tables)
            return reader.totals("home", GRAIN[kind], *parse_span(span, sample_house.CALENDAR), sample_house.CALENDAR)


@contextmanager
def furnished(stack: Stack, name: str, folder: Path) -> Iterator[House]:
    """A dashboard with a house and a tariff, that looks at live readings often and lets its people ask as much as they like."""
    environ = environ_of(stack, name, folder)
    environ |= {"WATTFALL_CURRENCY": "EUR", "WATTFALL_PRICE_IMPORT": "0.30", "WATTFALL_PRICE_EXPORT": "0.08"}
    environ |= {"WATTFALL_DASHBOARD_LIVE_S": "0.2", "WATTFALL_DASHBOARD_RATE": "1000"}
    fill(environ, int(time.time()))
    admit(environ)
    with serving(environ) as url:
        yield House(environ, url)


@contextmanager
def inside(environ: dict[str, str]) -> Iterator[str]:
    """The same on a thread of this process, which has imported everything already: for what is not about a process."""
    with surrounded(environ):
        app = application(DashboardSettings.from_environ(environ), Settings.from_environ(environ))
    with listening(server(app)) as url:
        yield url


@contextmanager
def listening(served: Server) -> Iterator[str]:
    """A server on a thread of its own; its address."""
    with socket.create_server(("127.0.0.1", 0)) as here, ThreadPoolExecutor(1) as pool:
        running = pool.submit(served.run, [here])
        try:
            yield f"http://127.0.0.1:{here.getsockname()[1]}"
        finally:
            served.should_exit = True
            running.result(30)


@contextmanager
def serving(environ: dict[str, str], port: int = 0) -> Iterator[str]:
    """`python -m dashboard serve` on this machine; its address."""
    process = started(environ, port)
    try:
        yield address(process)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def started(environ: dict[str, str], port: int = 0) -> subprocess.Popen[str]:
    """`python -m dashboard serve` as it begins."""
    return subprocess.Popen(
        [sys.executable, "-m", "dashboard", "serve"],
        cwd=ROOT,
        env={**environ, "WATTFALL_DASHBOARD_PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # of its own, as a terminal would give it
    )


def address(process: subprocess.Popen[str]) -> str:
    """Waits until it answers; where."""
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("wattfall: the dashboard is at http://127.0.0.1:"), said + process.stderr.read()
    return said.split()[-1]
