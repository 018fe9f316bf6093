"""The last part of the demo: a few meters go on sending, and what is stored about them is shown as it changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

import boto3
from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live as Screen
from rich.table import Table

from demo.crew import Crew
from demo.simulated import EVERY_S, Meter
from dynamodb.reader import Reader
from dynamodb.settings import Settings
from dynamodb.view import age, kilo
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOOK_S: Final = 2.0
WIDTH: Final = 16
Seen = tuple[Live | None, Total | None]


async def live(crew: Crew, meters: Sequence[Meter], console: Console) -> None:
    """Each meter sends every ten seconds, until this is cancelled."""
    console.print(f"\n{len(meters)} meters send every {EVERY_S} s; Ctrl-C ends the demo", style="bold", highlight=False)
    async with crew.feeding("ingest-live", "ingest", "--format", "jsonl", "-") as pipe:
        with closing(client(crew.environ)) as asked, Screen(console=console, auto_refresh=False) as screen:
            await asyncio.gather(send(pipe, meters), look(asked, crew.environ, meters, screen))


async def send(pipe: asyncio.StreamWriter, meters: Sequence[Meter]) -> None:
    """On every tenth second of the clock."""
    while True:
        await asyncio.sleep(EVERY_S - time.time() % EVERY_S)
        at = int(time.time()) // EVERY_S * EVERY_S
        pipe.writelines(f"{meter.message(at)}\n".encode() for meter in meters)
        await pipe.drain()


async def look(asked: DynamoDBClient, environ: Mapping[str, str], meters: Sequence[Meter], screen: Screen) -> None:
    """Draws what DynamoDB holds now."""
    settings = Settings.from_environ(environ)
    reader, calendar = Reader(asked, settings.tables), Calendar(settings.zone)
    while True:
        now = time.time()
        seen = [await asyncio.to_thread(of_now, reader, calendar, meter.device, now) for meter in meters]
        screen.update(table(meters, seen, now), refresh=True)
        await asyncio.sleep(LOOK_S)


def of_now(reader: Reader, calendar: Calendar, device: str, now_s: float) -> Seen:
    """The live reading and the hour's total so far."""
    start, end = (edge // 1000 for edge in calendar.hour(int(now_s * 1000)))
    totals = reader.totals(device, Grain.HOUR, start, end, calendar)
    return reader.live(device), totals[-1] if totals else None


def table(meters: Sequence[Meter], seen: Sequence[Seen], now_s: float) -> Table:
    """A line a meter."""
    drawn = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    drawn.add_column("device", no_wrap=True)
    drawn.add_column("power kW", justify="right", no_wrap=True)
    drawn.add_column("", width=WIDTH)
    for name in ("register kWh", "hour kWh", "age"):
        drawn.add_column(name, justify="right", no_wrap=True)
    most = max([reading.power_mw or 0 for reading, _ in seen if reading], default=0)
    for meter, (reading, hour) in zip(meters, seen, strict=True):
        power, register = (reading.power_mw or 0, reading.import_mwh or 0) if reading else (0, 0)
        bar = Bar(max(most, 1), 0, power, width=WIDTH, color="green")
        old = age(now_s - reading.at / 1000) if reading and reading.at else ""
        drawn.add_row(meter.device, kilo(power), bar, kilo(register), kilo(hour.import_mwh) if hour else "", old)
    return drawn


def client(environ: Mapping[str, str]) -> DynamoDBClient:
    """For the emulator that the local stack announced, whatever this process's own environment says."""
    return boto3.client(
        "dynamodb",
        endpoint_url=environ["AWS_ENDPOINT_URL_DYNAMODB"],
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
