"""The formats that can be read: one small file each, and this table.

A new format is a file beside these and one line in `FORMATS`. The file has `ABOUT`, which is what `--help` says of it, and one function
`read(lines, options)`, which yields a `Reading` for each reading and a `BadLine` for each line it can make nothing of. It never raises for what
a file holds, only where a package is not installed that the format needs (dsmr: dsmr-parser): ModuleNotFoundError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ingest.formats import csv, dsmr, jsonl
from ingest.reading import BadLine, Lines, Options, Reading


class Format(NamedTuple):
    """What a format is, how to read it, and how to recognise it: by the end of a file's name, else by how the first line looks."""

    about: str
    read: Callable[[Lines, Options], Iterator[Reading | BadLine]]
    suffixes: tuple[str, ...]
    first_line: re.Pattern[bytes]


FORMATS = {
    "jsonl": Format(jsonl.ABOUT, jsonl.read, (".jsonl", ".ndjson", ".json"), re.compile(rb"\s*\{")),
    "dsmr": Format(dsmr.ABOUT, dsmr.read, (".dsmr", ".p1"), re.compile(rb"/|\d-\d:\d+\.")),
    "csv": Format(csv.ABOUT, csv.read, (".csv",), re.compile(rb"(\xef\xbb\xbf)?(.*,)?\"?at\"?\s*(,|$)")),
}


def recognise(name: str, first_line: bytes) -> str | None:
    """The key in `FORMATS` for a file of this name (`.gz` at its end does not count) that begins so; None if it looks like none of them."""
    plain = name.lower().removesuffix(".gz")
    for key, known in FORMATS.items():
        if plain.endswith(known.suffixes):
            return key
    return next((key for key, known in FORMATS.items() if known.first_line.match(first_line)), None)
