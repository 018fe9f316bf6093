"""What is stored against what has to be there, total by total and field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from metering.total import Grain, Total
from metering.wire import total_from_json

Key = tuple[str, Grain, int]
VERSION: Final = frozenset({"epoch", "offset", "reflects"})
"""Tells which readings a total is of, and is no part of what it says; the oracle knows of none."""


class Kind(StrEnum):
    """How a total can be wrong."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


class Difference(NamedTuple):
    """One total that is wrong: of which device, grain and start, and how. As text one line for a person."""

    key: Key
    kind: Kind
    how: str

    def __str__(self) -> str:
        return f"{named(self.key)}: {self.how}"


def named(key: Key) -> str:
    """A total's name for people: an hour, a day or a month by the UTC instant of its start."""
    device, grain, start = key
    return f"{device}, {grain} of {datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%MZ}"


def read(lines: Iterable[bytes]) -> dict[Key, Total]:
    """Totals by device, grain and start; those that hold nothing any more are as good as not there. Raises ValueError."""
    totals = map(total_from_json, lines)
    return {(total.device, total.grain, total.start): total for total in totals if not total.absent}


def compared(stored: Mapping[Key, Total], expected: Mapping[Key, Total]) -> Iterator[Difference]:
    """Each total that is missing, that should not be there, or that says something else, in order of device, grain and start."""
    for key in sorted(stored.keys() | expected.keys()):
        if key not in stored:
            yield Difference(key, Kind.MISSING, "is not stored")
        elif key not in expected:
            yield Difference(key, Kind.EXTRA, "is stored, and should not be there")
        else:
            pairs = zip(Total._fields, stored[key], expected[key], strict=True)
            wrong = [f"{field} is {is_} and should be {should}" for field, is_, should in pairs if is_ != should and field not in VERSION]
            if wrong:
                yield Difference(key, Kind.DIFFERENT, ", ".join(wrong))


def differences(stored: Mapping[Key, Total], expected: Mapping[Key, Total]) -> Iterator[str]:
    """The same as lines for a person."""
    return map(str, compared(stored, expected))
