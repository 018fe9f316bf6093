"""Rows of any size: one that a message cannot hold is kept in pieces, and its own row says in how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Load = Callable[[bytes], bytes | None]

CHUNK: Final = 256 * 1024
_MANY: Final = b"\xff"  # no row begins with it: neither a format number nor JSON


def split(key: bytes, row: bytes) -> list[tuple[bytes, bytes]]:
    """A row as it is to be written: itself, or its pieces under keys of their own and their number under its key."""
    if len(row) <= CHUNK:
        return [(key, row)]
    pieces = [row[at : at + CHUNK] for at in range(0, len(row), CHUNK)]
    return [(key, _MANY + _number(len(pieces))), *((key + _number(i), piece) for i, piece in enumerate(pieces))]


def joined(key: bytes, load: Load) -> bytes | None:
    """The inverse of `split`. Raises ValueError if a piece is missing: without it the row would be another one."""
    row = load(key)
    if row is None or row[:1] != _MANY:
        return row
    count = int.from_bytes(row[1:], "big")
    return b"".join(_piece(key, i, count, load) for i in range(count))


def keys(key: bytes, load: Load) -> list[bytes]:
    """All keys under which a row is kept, pieces of an earlier and larger self included."""
    found = [key]
    while load(piece := key + _number(len(found) - 1)) is not None:
        found.append(piece)
    return found


def _piece(key: bytes, i: int, count: int, load: Load) -> bytes:
    piece = load(key + _number(i))
    if piece is None:
        raise ValueError(f"row {key!r}: piece {i} of {count} is missing")
    return piece


def _number(i: int) -> bytes:
    return i.to_bytes(2, "big")
