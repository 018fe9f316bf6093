"""How a device's readings are kept: compact rows, a column a kind of value.

Each column is its smallest value, the unit that all distances from it are multiples of, and these multiples in as few bytes as fit.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import repeat
from math import gcd
from typing import Any, Final

from metering.reading import Reading

_FORMAT: Final = 1
_ABSENT, _FULL, _SPARSE = 0, 1, 2
_KINDS: Final = 6
_WIDTHS: Final = ((0xFF, "B"), (0xFFFF, "H"), (0xFFFFFFFF, "I"))
_CODES: Final = "BHIQ"


def pack(readings: Sequence[Reading], state: bytes = b"") -> bytes:
    """A row: the readings, and what else their hour keeps."""
    out = bytearray((_FORMAT,))
    _put_int(out, len(readings))
    for column in zip(*readings, strict=True):
        missing = column.count(None)
        if missing == len(column):
            out.append(_ABSENT)
        elif missing:
            out.append(_SPARSE)
            bits = sum(1 << i for i, value in enumerate(column) if value is not None)
            out += bits.to_bytes((len(column) + 7) // 8, "little")
            _put_column(out, [value for value in column if value is not None])
        else:
            out.append(_FULL)
            _put_column(out, column)
    out += state
    return bytes(out)


def unpack(row: bytes) -> tuple[list[Reading], bytes]:
    """The inverse of `pack`. Raises ValueError on a row of another format."""
    if row[0] != _FORMAT:
        raise ValueError(f"row format {row[0]}, this version reads {_FORMAT}")
    count, at = _get_int(row, 1)
    columns: list[Any] = []
    for _ in range(_KINDS):
        kind, at = row[at], at + 1
        if kind == _ABSENT:
            columns.append(repeat(None))
        elif kind == _FULL:
            values, at = _get_column(row, at, count)
            columns.append(values)
        else:
            size = (count + 7) // 8
            bits = int.from_bytes(row[at : at + size], "little")
            values, at = _get_column(row, at + size, bits.bit_count())
            present = iter(values)
            columns.append([next(present) if bits >> i & 1 else None for i in range(count)])
    return list(zip(*columns)), row[at:]  # noqa: B905  # an absent column is endless


def _put_int(out: bytearray, value: int) -> None:
    size = (value.bit_length() + 8) // 8
    out.append(size)
    out += value.to_bytes(size, "little", signed=True)


def _get_int(row: bytes, at: int) -> tuple[int, int]:
    end = at + 1 + row[at]
    return int.from_bytes(row[at + 1 : end], "little", signed=True), end


def _put_column(out: bytearray, values: Sequence[int]) -> None:
    low = min(values)
    distances = [value - low for value in values]
    unit = gcd(*distances) or 1
    widest = max(distances) // unit
    code = next((code for limit, code in _WIDTHS if widest <= limit), "Q")
    _put_int(out, low)
    _put_int(out, unit)
    packed = array(code, distances if unit == 1 else [distance // unit for distance in distances])
    if sys.byteorder == "big":
        packed.byteswap()
    out.append(_CODES.index(code))
    out += packed.tobytes()


def _get_column(row: bytes, at: int, count: int) -> tuple[list[int], int]:
    low, at = _get_int(row, at)
    unit, at = _get_int(row, at)
    packed = array(_CODES[row[at]])
    end = at + 1 + count * packed.itemsize
    packed.frombytes(row[at + 1 : end])
    if sys.byteorder == "big":
        packed.byteswap()
    return [low + unit * value for value in packed], end
