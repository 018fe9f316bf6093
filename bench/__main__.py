"""`python -m bench`: measures this machine, or works out what a choice of intervals costs.

Everything runs on this machine, on a Kafka and a DynamoDB-compatible server of its own that are gone afterwards.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from bench import cost, measures, report, views
from bench.stack import ROOT, BenchError, Stack, running
from dynamodb.settings import Flushes
from metering.reading import MAX_READINGS
from streams.settings import Intervals

WIDTH: Final = 150
EXAMPLE = """example:
  python -m bench                     everything, in some five minutes; figures go to build/bench.json
  python -m bench single --scale 0.2  only how fast single readings are counted, on a fifth of the load
  python -m bench cost --devices 100000 --live 60 --hours 300 --days 900 --months 3600"""
COST_EXAMPLE = """example:
  python -m bench cost --devices 250000 --message 1800 --live 0 --hours 0
  python -m bench cost --devices 100000 --interval 10 --checkpoint-hours 60 --live 60 --hours 300 --days 900 --months 3600"""

MEASURED: Final[dict[str, tuple[str, Callable[[Stack, float], report.Results]]]] = {
    "single": ("readings/s, one reading a message, beside ordinary Faust and the floor", measures.single),
    "recovery": ("readings/s in edge batches of 180, then how long a worker takes to start again", measures.recovery),
    "freshness": ("from sending a reading to having it in DynamoDB", measures.fresh),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="python -m bench", description="How fast it is, how much it needs, what it costs.", epilog=EXAMPLE, formatter_class=plain
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    scaled = argparse.ArgumentParser(add_help=False)
    scaled.add_argument("--scale", type=scale, default=1.0, metavar="X", help="of the load, 0.01 to 1: quicker, and rougher (default 1)")
    commands.add_parser("all", parents=[scaled], help="everything that is measured (this is what happens without a command)")
    for name, (words, _) in MEASURED.items():
        commands.add_parser(name, parents=[scaled], help=words)
    commands.add_parser("volume", parents=[scaled], help="bytes in Kafka a reading and memory a device, counted without a Kafka")
    commands.add_parser("views", parents=[scaled], help="how long a dashboard of two processes takes for a view at 200 requests a second")
    add_cost(commands.add_parser("cost", help="what a number of devices and a choice of intervals cost", epilog=COST_EXAMPLE, formatter_class=plain))
    return top


def add_cost(command: argparse.ArgumentParser) -> None:
    """The options of `cost`; defaults are the product's."""
    flush, checkpoints = Flushes(), Intervals()
    command.add_argument("--devices", type=whole, default=100_000, metavar="N", help="how many devices (default 100000)")
    command.add_argument("--interval", type=whole, default=10, metavar="S", help="seconds between two readings of a device (default 10)")
    command.add_argument(
        "--message", type=whole, metavar="S", help="seconds between two messages of a device, 1800 for edge boxes (default: the interval)"
    )
    for level, default in (("live", flush.live), ("hours", flush.hours), ("days", flush.days), ("months", flush.months)):
        words = f"WATTFALL_FLUSH_{level.upper()}_S: seconds between two writes of an item (default {default:g})"
        command.add_argument(f"--{level}", type=seconds, default=default, metavar="S", help=words)
    for hop, default in (("hours", checkpoints.hours), ("days", checkpoints.days), ("months", checkpoints.months)):
        words = f"WATTFALL_CHECKPOINT_{hop.upper()}_S (default {default:g})"
        command.add_argument(f"--checkpoint-{hop}", type=seconds, default=default, metavar="S", help=words)


def scale(text: str) -> float:
    """A part of the whole."""
    value = number(text)
    if not 0.01 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 0.01 to 1")
    return value


def whole(text: str) -> int:
    """A positive number without a fraction."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10**10):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1")
    return int(text)


def seconds(text: str) -> float:
    """An interval."""
    value = number(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 86400 seconds")
    return value


def number(text: str) -> float:
    """Any number, or none: what is no number is below every limit."""
    try:
        return float(text)
    except ValueError:
        return -1.0


def plan(asked: argparse.Namespace) -> cost.Plan:
    """The user's own choice."""
    return cost.Plan(
        "yours",
        interval_s=asked.interval,
        message_s=max(asked.interval, asked.message or 0),
        checkpoints=Intervals(asked.checkpoint_hours, asked.checkpoint_days, asked.checkpoint_months),
        flushes=Flushes(asked.live, asked.hours, asked.days, asked.months),
    )


def measure(command: str, part: float, console: Console) -> int:
    """Measures, keeps and prints. Returns 1 if something that was measured is not reached."""
    results: report.Results = {}
    wanted = [one for name, (_, one) in MEASURED.items() if command in (name, "all")]
    if wanted:
        with running() as stack:
            for one in wanted:
                results |= one(stack, part)
                report.keep(results)
    if command in ("volume", "all"):
        results |= measures.volume(part)
    if command in ("views", "all"):
        results |= views.measure(part)
    report.keep(results)
    report.show(results, console)
    console.print(f"kept in {report.FILE.relative_to(ROOT)}")
    for name in report.missed(results):
        console.print(f"[bold red]not reached: {name}[/]")
    return 1 if report.missed(results) else 0


def main(arguments: Sequence[str]) -> int:
    """Exit code 0; 1: measured, and not all that must be is reached; 2: it could not be measured."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of every new topic whose leader it has not seen yet
    asked = parser().parse_args(arguments or ["all"])
    console = Console() if Console().is_terminal else Console(width=WIDTH)
    try:
        if asked.command == "cost":
            if (asked.message or 0) > MAX_READINGS * asked.interval:
                raise BenchError(f"--message {asked.message}: a message holds at most {MAX_READINGS:,} readings")
            cost.show(console, plan(asked), asked.devices)
            return 0
        return measure(asked.command, asked.scale, console)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
