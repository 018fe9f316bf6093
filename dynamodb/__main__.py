"""`python -m dynamodb`: makes the tables, shows and exports what is kept. The composition root: reads the environment and the clock."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dynamodb import schema
from dynamodb.client import asking_client
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from dynamodb.reader import Reader
from dynamodb.settings import Settings
from dynamodb.span import NoSpan, astray, periods, span
from dynamodb.view import astray_line, known, live_view, totals_view
from metering.period import Calendar
from metering.total import Grain
from metering.wire import total_to_json
from settings.environ import SettingError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MISTAKE = 2
_PLAIN_WIDTH = 132
EXAMPLE = """example:
  export AWS_REGION=eu-west-1 WATTFALL_ZONE=Europe/Amsterdam
  python -m dynamodb create
  python -m dynamodb read cad-000123 --grain hour --from 2026-10-25
  python -m dynamodb export --grain day > days.jsonl

AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB and credentials are read as every AWS tool reads them.
The tables' names are WATTFALL_TABLE_LIVE, _HOURS, _DAYS and _MONTHS."""
FROM = "first local date (2026-10-25), month (2026-10) or year, or an instant (2026-10-25T13:00:00Z); default: today, this month, this year"
READ = """Shows a device's totals or live reading, up to the period that holds now.
The column peak is the highest power or, where nothing was ever imported, the highest export as a negative number."""
TO = "last local date, month or year, or the instant before which to stop; default: that of --from"


class Usage(ValueError):
    """Options that do not go together."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m dynamodb",
        description="What Wattfall keeps in DynamoDB.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("create", help="make the tables and wait until they are active; again changes nothing")
    read = commands.add_parser("read", help="show a device's totals or live reading", description=READ)
    read.add_argument("device", metavar="DEVICE")
    read.add_argument("--grain", choices=[*map(str, Grain), "live"], default="hour", help="what a row is (default: hour)")
    read.add_argument("--from", dest="start", metavar="WHEN", help=FROM)
    read.add_argument("--to", dest="end", metavar="WHEN", help=TO)
    read.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    export = commands.add_parser("export", help="every stored total, one JSON object a line", description="Writes every stored total, in no order.")
    export.add_argument("--grain", choices=list(map(str, Grain)), help="only the totals of this grain (default: all)")
    return top


def create(client: DynamoDBClient, settings: Settings) -> None:
    """Makes the tables."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task("waiting for the tables", total=None)
        schema.create(client, settings.tables, say=lambda line: progress.console.print(line, highlight=False), sleep=time.sleep)


def read(client: DynamoDBClient, settings: Settings, asked: argparse.Namespace) -> int:
    """Shows what was asked for; 1 if there is nothing."""
    if asked.grain == "live":
        return read_live(client, settings, asked)
    grain, calendar = Grain(asked.grain), Calendar(settings.zone)
    now_s = int(time.time())
    start, end = span(asked.start, asked.end, grain, now_s, calendar)
    reader = Reader(client, settings.tables)
    totals = reader.totals(asked.device, grain, start, end, calendar)
    spans = list(periods(start, end, grain, calendar))
    if asked.json:
        for total in totals:
            sys.stdout.buffer.write(total_to_json(total) + b"\n")
    elif totals:
        paper = console()
        paper.print(totals_view(asked.device, grain, spans, totals, now_s, settings.zone, paper.width))
    if strays := astray(spans, totals):
        print(f"wattfall: {astray_line(len(strays), grain, settings.zone)}", file=sys.stderr)
    return 0 if totals else found(False, f"no {grain} of {asked.device} in this time{hint(reader, asked.device, settings.zone)}")


def hint(reader: Reader, device: str, zone: str) -> str:
    """What is known of the device, for whoever found no total; empty where the live table does not answer."""
    try:
        return f"; {known(reader.live(device), zone)}"
    except (StoreError, NoItem):
        return ""


def read_live(client: DynamoDBClient, settings: Settings, asked: argparse.Namespace) -> int:
    """Shows the live reading; 1 if there is none."""
    if asked.start or asked.end:
        raise Usage("--from and --to do not go with --grain live")
    live = Reader(client, settings.tables).live(asked.device)
    if live is not None and asked.json:
        shown = {**live._asdict(), "at": live.at}
        del shown["epoch"], shown["erased"]
        sys.stdout.buffer.write(orjson.dumps(shown) + b"\n")
    elif live is not None:
        console().print(live_view(live, time.time(), settings.zone))
    return found(live is not None, f"no live reading of {asked.device}: is the name right, or were its readings refused?")


def export(client: DynamoDBClient, settings: Settings, asked: argparse.Namespace) -> None:
    """Writes every stored total of one grain or of all."""
    reader = Reader(client, settings.tables)
    for grain in [Grain(asked.grain)] if asked.grain else Grain:
        for total in reader.every_total(grain):
            sys.stdout.buffer.write(total_to_json(total) + b"\n")


def console() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is cut in a file."""
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)


def found(something: bool, otherwise: str) -> int:
    """0, or 1 and a word on standard error."""
    if not something:
        print(f"wattfall: {otherwise}", file=sys.stderr)
    return 0 if something else 1


def run(asked: argparse.Namespace) -> int:
    """Runs a command; its exit code."""
    settings = Settings.from_environ(os.environ)
    with closing(asking_client()) as client:
        if asked.command == "create":
            create(client, settings)
        elif asked.command == "read":
            return read(client, settings, asked)
        else:
            export(client, settings, asked)
    sys.stdout.flush()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; a mistake is one line on standard error and exit code 2."""
    asked = parser().parse_args(arguments)
    try:
        return run(asked)
    except (StoreError, SettingError, NoSpan, NoItem, Usage) as error:
        print(f"wattfall: {error}", file=sys.stderr)
        return MISTAKE
    except BrokenPipeError:  # the reader of our output, `head` for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
