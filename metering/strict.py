"""JSON as the rules want it: what a fast parser lets pass is looked at again, but only where it could be."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from metering.errors import Reason, RejectedReading

_MAX_DEPTH: Final = 4
_MAX_INTEGER: Final = 2**53
_MANY_DIGITS: Final = re.compile(rb"[0-9]{16}")
_LONG_INTEGER: Final = re.compile(
    rb"""((?: "(?:[^"\\]++|\\.)*+"?                                              # all of a string
          | (?! -?[1-9][0-9]{308,}+ (?![.eE])) [-0-9][-0-9.eE+]*+             # all of a number that may stay as it is
          | [^-0-9"]++ )*+)
        (?: (-?[1-9][0-9]{17}) [0-9]++ )?                                     # an integer that no float holds, and its beginning""",
    re.DOTALL | re.VERBOSE,
)
"""Matches everything, so that nothing is looked at twice."""


def check_shape(value: bytes | None) -> dict[str, Any]:
    """The one object in a message. Raises RejectedReading: `json.syntax`, or `json.shape` for what parsers disagree about."""
    raw, fields = _parsed(value or b"")
    if type(fields) is not dict:
        raise RejectedReading(Reason.JSON_SHAPE, "not one object")
    if not _flat_and_plain(raw, fields):
        _check_every_part(raw)
    return fields


def _parsed(raw: bytes) -> tuple[bytes, Any]:
    """What JSON says, and its text, in which integers of hundreds of digits may be shorter: they are too large all the same."""
    try:
        return raw, orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):  # orjson 3.13 gives up at 1,024
            raise RejectedReading(Reason.JSON_SHAPE, f"nested deeper than {_MAX_DEPTH}") from None
        if "infinity" in str(error):  # as orjson 3.13 calls a number that no float holds, be it 1e400 or an integer
            shorter = _LONG_INTEGER.sub(rb"\1\2", raw)
            if shorter != raw:
                return _parsed(shorter)
        raise RejectedReading(Reason.JSON_SYNTAX, "not JSON in UTF-8") from None


def _flat_and_plain(raw: bytes, fields: dict[str, Any]) -> bool:
    """True only if no key is repeated, nothing is nested but arrays of plain values, and no integer is long.

    A repeated or nested key adds quotes to those that the fields and their strings account for.
    """
    strings = 0
    for value in fields.values():
        kind = type(value)
        if kind is str:
            strings += 1
        elif kind is dict:
            return False
        elif kind is list:
            kinds = set(map(type, value))
            if list in kinds or dict in kinds:
                return False
            if str in kinds:
                strings += sum(type(element) is str for element in value)
    return raw.count(b'"') == 2 * (len(fields) + strings) and _MANY_DIGITS.search(raw) is None


def _check_every_part(raw: bytes) -> None:
    try:
        parsed = json.loads(raw, object_pairs_hook=_unique, parse_int=_small)
    except RecursionError:
        raise RejectedReading(Reason.JSON_SHAPE, f"nested deeper than {_MAX_DEPTH}") from None
    if _depth(parsed) > _MAX_DEPTH:
        raise RejectedReading(Reason.JSON_SHAPE, f"nested deeper than {_MAX_DEPTH}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RejectedReading(Reason.JSON_SHAPE, "a key is repeated")
    return fields


def _small(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > _MAX_INTEGER:
        raise RejectedReading(Reason.JSON_SHAPE, "an integer beyond 2^53")
    return int(digits)


def _depth(value: object) -> int:
    """How deeply containers are nested."""
    level: list[object] = [value]
    depth = 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return depth
