"""What a format makes of a file: readings, and the lines that are none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Lines = Iterable[bytes]
"""A file, decompressed, line by line, with its line ends."""

VALUES = ("power_w", "import_wh", "export_wh", "energy_wh")
FIELDS = ("device", "at", *VALUES, "for_s")
"""The fields of a reading, in the order in which they are written; docs/metering.md says what they mean."""


class Reading(NamedTuple):
    """One JSON object for the readings topic, and the line it began on.

    Values are passed on as the file has them: whether they can be counted is decided where they are counted, not here.
    `source` is for a format that already is the message: these bytes are sent, untouched, unless the reading joins others in a batch.
    """

    line: int
    fields: dict[str, object]
    source: bytes | None = None


class BadLine(NamedTuple):
    """A line, or the telegram that began on it, of which no message can be made; `readings` tells how many readings that costs."""

    line: int
    reason: str
    readings: int = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What a format may be told.

    `device`: whose readings they are where the file does not say so. `at_unit`: the unit of an `at` that is a number; None = told by its size.
    `checksum`: whether a telegram with a wrong checksum is refused.
    """

    device: str | None = None
    at_unit: Literal["s", "ms"] | None = None
    checksum: bool = True
