"""Comma-separated values: the first line names the columns, which are the fields of a reading; other columns are left out."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingest.reading import FIELDS, VALUES, BadLine, Lines, Options, Reading

ABOUT: Final = f"""\
the first line names the columns, which are the reading's fields: {",".join(FIELDS)};
at is RFC 3339 with an offset, or a number since 1970: in seconds if below 10^11, else in milliseconds (--at-unit decides it)"""
SECONDS_BELOW: Final = 10**11
"""A time below it (the year 5138) is in seconds, one from it on (1973) in milliseconds."""


def read(lines: Lines, options: Options) -> Iterator[Reading | BadLine]:
    """One reading a line; an empty cell is an absent value. A line is a record: a cell cannot hold a line break, so that
    one stray quote costs one line and not the rest of the file. A header that will not do ends the file."""
    columns: list[str] = []
    for number, line in enumerate(lines, 1):
        try:
            cells = _cells(line)
            if not cells:
                continue
            if columns:
                yield Reading(number, _reading(columns, cells, options))
            else:
                columns = _header(cells, options)
        except (ValueError, csv.Error) as error:
            yield BadLine(number, str(error))
            if not columns:
                return


def _cells(line: bytes) -> list[str]:
    text = line.decode("utf-8-sig").rstrip("\r\n")
    if not text:
        return []
    return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")


def _header(cells: list[str], options: Options) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for field in FIELDS:
        if columns.count(field) > 1:
            raise ValueError(f"two columns are called {field}")
    if "at" not in columns or not set(VALUES) & set(columns):
        raise ValueError(f"the first line must name the columns: at and one of {', '.join(VALUES)}; it is {','.join(columns)[:80]!r}")
    if "device" not in columns and options.device is None:
        raise ValueError("there is no column device: --device ID says whose readings these are")
    return columns


def _reading(columns: list[str], cells: list[str], options: Options) -> dict[str, object]:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells under {len(columns)} columns")
    fields: dict[str, object] = {}
    for column, cell in zip(columns, cells, strict=True):
        if not cell or column not in FIELDS:
            continue
        if column == "device":
            fields[column] = cell
        else:
            fields[column] = _instant(cell, options) if column == "at" else _number(cell)
    if options.device is not None:
        fields.setdefault("device", options.device)
    return fields


def _number(cell: str) -> int | float | str:
    """The number that the cell is; else its text, for what counts it to refuse (NaN and infinity too, which JSON would turn into nothing)."""
    try:
        return int(cell) if "_" not in cell else cell
    except ValueError:
        number = _float(cell)
    return number if math.isfinite(number) else cell


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _instant(cell: str, options: Options) -> int | str:
    """Milliseconds of a number, in the unit given or told by its size, cut; any other text, RFC 3339 or not, as it stands."""
    number = _number(cell)
    if isinstance(number, str):
        return cell
    seconds = options.at_unit == "s" or (options.at_unit is None and abs(number) < SECONDS_BELOW)
    return int(Decimal(cell) * 1000) if seconds else int(number)
