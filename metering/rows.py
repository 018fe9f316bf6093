"""How a device's readings are kept: compact rows, a column a kind of value.

row      format, state (its length before it), blocks
block    number of readings, six columns

The readings of a row are those of its blocks, one after the other: an hour's row is made of its slots' blocks as they are, which need not be read
for it. A column that grows by the same step is its first value and the step. Any other is its smallest value, the unit that all distances from it
are multiples of, and these multiples in as few bytes as fit.
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
_ABSENT, _FULL, _SPARSE, _STEADY = 0, 1, 2, 3
_KINDS: Final = 6
_WIDTHS: Final = ((0xFF, "B"), (0xFFFF, "H"), (0xFFFFFFFF, "I"))
_CODES: Final = "BHIQ"


def pack(readings: Sequence[Reading], state: bytes = b"") -> bytes:
    """A row of one block: the readings, at least one, and what else their hour keeps."""
    out = _head(state)
    _put_int(out, len(readings))
    for column in zip(*readings, strict=True):
        if column[0] is None and column.count(None) == len(column):
            out.append(_ABSENT)
            continue
        step = _step(column)
        if step is not None:
            out.append(_STEADY)
            _put_int(out, column[0])
            _put_int(out, step)
            continue
        try:
            low = min(column)
        except TypeError:  # some are None
            out.append(_SPARSE)
            bits = sum(1 << i for i, value in enumerate(column) if value is not None)
            out += bits.to_bytes((len(column) + 7) // 8, "little")
            column = tuple(value for value in column if value is not None)
            low = min(column)
        else:
            out.append(_FULL)
        _put_column(out, column, low)
    return bytes(out)


def join(rows: Sequence[bytes], state: bytes) -> bytes:
    """One row with the blocks of several, in this order, and a state of its own. Raises ValueError on a row of another format."""
    out = _head(state)
    for row in rows:
        out += row[_body(row) :]
    return bytes(out)


def unpack(row: bytes) -> tuple[list[Reading], bytes]:
    """The readings and the state of a row. Raises ValueError on a row of another format."""
    at = _body(row)
    readings: list[Reading] = []
    state = row[at - _get_int(row, 1)[0] : at]
    while at < len(row):
        block, at = _get_block(row, at)
        readings += block
    return readings, state


def _head(state: bytes) -> bytearray:
    out = bytearray((_FORMAT,))
    _put_int(out, len(state))
    out += state
    return out


def _body(row: bytes) -> int:
    """Where the blocks begin."""
    if row[0] != _FORMAT:
        raise ValueError(f"row format {row[0]}, this version reads {_FORMAT}")
    size, at = _get_int(row, 1)
    return at + size


def _step(column: Sequence[Any]) -> int | None:
    """By which all values grow, None if they do not."""
    if len(column) < 3 or column[0] is None or column[1] is None:
        return None
    first: int = column[0]
    step: int = column[1] - first
    if column[2] is None or column[2] - column[1] != step:
        return None
    if step == 0:
        return 0 if column.count(first) == len(column) else None
    return step if column == tuple(range(first, first + step * len(column), step)) else None


def _get_block(row: bytes, at: int) -> tuple[list[Reading], int]:
    count, at = _get_int(row, at)
    columns: list[Any] = []
    for _ in range(_KINDS):
        kind, at = row[at], at + 1
        if kind == _ABSENT:
            columns.append(repeat(None))
        elif kind == _STEADY:
            first, at = _get_int(row, at)
            step, at = _get_int(row, at)
            columns.append(range(first, first + step * count, step) if step else repeat(first, count))
        elif kind == _FULL:
            values, at = _get_column(row, at, count)
            columns.append(values)
        else:
            size = (count + 7) // 8
            bits = int.from_bytes(row[at : at + size], "little")
            values, at = _get_column(row, at + size, bits.bit_count())
            present = iter(values)
            columns.append([next(present) if bits >> i & 1 else None for i in range(count)])
    return list(zip(*columns)), at  # noqa: B905  # an absent column is endless


def _put_int(out: bytearray, value: int) -> None:
    size = (value.bit_length() + 8) // 8
    out.append(size)
    out += value.to_bytes(size, "little", signed=True)


def _get_int(row: bytes, at: int) -> tuple[int, int]:
    end = at + 1 + row[at]
    return int.from_bytes(row[at + 1 : end], "little", signed=True), end


def _put_column(out: bytearray, values: Sequence[int], low: int) -> None:
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
