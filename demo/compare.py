"""What is stored against what has to be there, total by total and field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from metering.total import Grain, Total
from metering.wire import total_from_json

Key = tuple[str, Grain, int]
VERSION: Final = frozenset({"epoch", "offset", "reflects"})
"""Tells which readings a total is of, and is no part of what it says; the oracle knows of none."""


def read(lines: Iterable[bytes]) -> dict[Key, Total]:
    """Totals by device, grain and start; those that hold nothing any more are as good as not there. Raises ValueError."""
    totals = map(total_from_json, lines)
    return {(total.device, total.grain, total.start): total for total in totals if not total.absent}


def differences(stored: Mapping[Key, Total], expected: Mapping[Key, Total]) -> Iterator[str]:
    """A line for each total that is missing, that should not be there, or that says something else."""
    for key in sorted(stored.keys() | expected.keys()):
        device, grain, start = key
        name = f"{device}, {grain} of {datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%MZ}"
        if key not in stored:
            yield f"{name}: is not stored"
        elif key not in expected:
            yield f"{name}: is stored, and should not be there"
        else:
            pairs = zip(Total._fields, stored[key], expected[key], strict=True)
            wrong = [f"{field} is {is_} and should be {should}" for field, is_, should in pairs if is_ != should and field not in VERSION]
            if wrong:
                yield f"{name}: {', '.join(wrong)}"
