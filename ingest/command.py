"""The command line of `python -m ingest`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from textwrap import indent
from typing import Final

from ingest.formats import FORMATS
from metering.reading import MAX_READINGS

DESCRIPTION: Final = "Sends readings from files to the readings topic, each under its device as the key."
EPILOG: Final = """\
formats (told by the file's name, else by its first line; any of them may be gzipped):
{formats}

examples:
  python -m ingest house.csv.gz                      all of it, as fast as it goes
  python -m ingest --speed 60 house.csv plugs.csv    side by side, an hour in a minute
  python -m ingest --batch 300 house.csv             half an hour of 6 s readings in one message, as an edge box does
  cat /dev/ttyUSB0 | python -m ingest --format dsmr --device cad-1 -
  python -m ingest --dry-run telegrams.txt           print the messages and send nothing

A line of which no message can be made is named on standard error and counted, and the rest is sent. Whether a reading can be counted
is not decided here: what cannot be is found in the topic rejected, with its reason.

WATTFALL_BROKERS (host:port,…) says where Kafka is.
Exit codes: 0 all sent, 1 something failed, 2 nothing could be done or the sending broke off, 130 interrupted.
"""


def formats() -> str:
    """Each format and what it says of itself, below each other."""
    width = max(map(len, FORMATS))
    return "\n".join(f"  {key:<{width}}  {indent(known.about, ' ' * (width + 4)).lstrip()}" for key, known in FORMATS.items())


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    made = argparse.ArgumentParser(
        prog="python -m ingest",
        description=DESCRIPTION,
        epilog=EPILOG.format(formats=formats()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("files", nargs="+", metavar="FILE", help="what to read; - is standard input")
    add("--format", choices=sorted(FORMATS), help="what all the files are, whatever they look like")
    add("--device", metavar="ID", help="whose readings they are where the file does not say; for dsmr, instead of the meter's identifier")
    add("--at-unit", choices=("s", "ms"), help="csv: the unit of a numeric at (default: by its size)")
    add("--no-checksum", action="store_true", help="dsmr: take telegrams with a wrong checksum too")
    add("--batch", type=_number(int, 1, MAX_READINGS), default=1, metavar="N", help="up to N readings of a device in one message (default: 1)")
    add("--speed", type=_number(float, 1e-3, 1e9), metavar="X", help="X seconds of the readings' own time in a second (default: no waiting)")
    add("--dry-run", action="store_true", help="print the messages as JSON lines and send nothing")
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Ends the process with code 2 and a line that says why if the command line will not do."""
    made = parser()
    command = made.parse_args(argv)
    if command.files.count("-") > 1:
        made.error("standard input can be read only once")
    return command


def _number(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not from {low:g} to {high:g}")
        return value

    return number
