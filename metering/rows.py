"""How a device's readings are kept: compact rows, a column a kind of value.

row      format, length of the state, state, blocks
block    number of readings, six columns
column   nothing · a first value and the step by which all grow · the smallest value, the unit that all distances from it are multiples of, and
         these multiples in as few bytes as fit; where some readings have no value, bits before it say which have

The readings of a row are those of its blocks, one after the other: an hour's row is made of its slots' blocks as they are, without reading them.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import repeat
from math import gcd
from struct import Struct
from typing import Any, Final

from metering.reading import Reading

_FORMAT: Final = 1
_ABSENT, _FULL, _SPARSE, _STEADY = 0, 1, 2, 3
_KINDS: Final = 6
_HEAD: Final = Struct("<BI")
_COUNT: Final = Struct("<I")
_LINE: Final = Struct("<Bqi")
_COLUMN: Final = Struct("<qIB")
_LARGEST_UNIT: Final = 0xFFFFFFFF
_LARGEST_STEP: Final = 0x7FFFFFFF
_CODES: Final = "BHIQ"
_CODE_OF: Final = (0, 0, 1, 2, 2, 3, 3, 3, 3)
"""By the bytes that the largest multiple needs."""


def pack(readings: Sequence[Reading], state: bytes = b"") -> bytes:
    """A row of one block: the readings, at least one, and what else their hour keeps. Every value fits into 64 bits, as the decoder sees to."""
    out = bytearray(_HEAD.pack(_FORMAT, len(state)))
    out += state
    out += _COUNT.pack(len(readings))
    for column in zip(*readings, strict=True):
        if column[0] is None and column.count(None) == len(column):
            out.append(_ABSENT)
        elif (step := _step(column)) is not None:
            out += _LINE.pack(_STEADY, column[0], step)
        elif None not in column:
            out.append(_FULL)
            _put_column(out, column)
        else:
            out.append(_SPARSE)
            bits = sum(1 << i for i, value in enumerate(column) if value is not None)
            out += bits.to_bytes((len(column) + 7) // 8, "little")
            _put_column(out, [value for value in column if value is not None])
    return bytes(out)


def join(rows: Sequence[bytes], state: bytes) -> bytes:
    """One row with the blocks of several, in this order, and a state of its own. Raises ValueError on a row of another format."""
    return b"".join([_HEAD.pack(_FORMAT, len(state)), state, *(row[_body(row) :] for row in rows)])


def unpack(row: bytes) -> tuple[list[Reading], bytes]:
    """The readings and the state of a row. Raises ValueError on a row of another format."""
    at = _body(row)
    state = row[_HEAD.size : at]
    readings: list[Reading] = []
    while at < len(row):
        block, at = _get_block(row, at)
        readings += block
    return readings, state


def _body(row: bytes) -> int:
    """Where the blocks begin."""
    if row[0] != _FORMAT:
        raise ValueError(f"row format {row[0]}, this version reads {_FORMAT}")
    size: int = _HEAD.unpack_from(row)[1]
    return _HEAD.size + size


def _step(column: Sequence[Any]) -> int | None:
    """By which all values grow; None if they do not, or cannot be told to."""
    if len(column) < 3 or None in column[:3]:
        return None
    first: int = column[0]
    step: int = column[1] - first
    if column[2] - column[1] != step or not 0 <= step <= _LARGEST_STEP:
        return None
    if step == 0:
        return 0 if column.count(first) == len(column) else None
    return step if column == tuple(range(first, first + step * len(column), step)) else None


def _get_block(row: bytes, at: int) -> tuple[list[Reading], int]:
    (count,), at = _COUNT.unpack_from(row, at), at + _COUNT.size
    columns: list[Any] = []
    for _ in range(_KINDS):
        kind = row[at]
        if kind == _STEADY:
            _, first, step = _LINE.unpack_from(row, at)
            at += _LINE.size
            columns.append(range(first, first + step * count, step) if step else repeat(first, count))
            continue
        at += 1
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
    return list(zip(*columns)), at  # noqa: B905  # an absent column is endless


def _put_column(out: bytearray, values: Sequence[int]) -> None:
    low = min(values)
    distances = [value - low for value in values]
    unit = gcd(*distances)
    if not 0 < unit <= _LARGEST_UNIT:
        unit = 1
    code = _CODE_OF[(max(distances) // unit).bit_length() + 7 >> 3]
    packed = array(_CODES[code], distances if unit == 1 else [distance // unit for distance in distances])
    if sys.byteorder == "big":
        packed.byteswap()
    out += _COLUMN.pack(low, unit, code)
    out += packed.tobytes()


def _get_column(row: bytes, at: int, count: int) -> tuple[list[int], int]:
    low, unit, code = _COLUMN.unpack_from(row, at)
    at += _COLUMN.size
    packed = array(_CODES[code])
    end = at + count * packed.itemsize
    packed.frombytes(row[at:end])
    if sys.byteorder == "big":
        packed.byteswap()
    return [low + unit * value for value in packed], end
