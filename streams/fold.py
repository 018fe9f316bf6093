"""What a hop asks of the rules: a fold takes records in and, when asked, says what has changed.

A fold is pure and synchronous: it never waits, never writes and never looks at a clock. The hop (streams/hop.py) owns everything that may fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from metering.errors import Reason
from streams.batch import Record

Load = Callable[[bytes], "bytes | None"]
"""Reads a row of the partition: as last captured, else as of the last checkpoint; None where there is none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record, or some elements of it, that could not be counted; `reason` is None for what is merely late.

    `detail` is for people (no payload text); `index` names the elements as ranges ("0-3,7"), None when it is the whole record.
    """

    record: Record
    reason: Reason | None
    detail: str
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What one checkpoint writes.

    `rows`: raw key and value, None = tombstone, tombstones first. `totals`: key and value for the level topic, each period once, newest content;
    before them what erases devices (metering/erase.py), tombstones among it.
    `outcomes`: how many readings were counted, duplicate, corrected, rejected, late … since the last capture.
    """

    rows: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    totals: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    rejected: list[Refusal] = field(default_factory=list)
    late: list[Refusal] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


class Fold(Protocol):
    """The state of one partition of one hop."""

    def fold(self, records: Sequence[Record]) -> None:
        """Takes a fetch's records of the partition, in order. Updates memory only; a record is folded whole or not at all."""

    @property
    def touched(self) -> int:
        """Rows (and refusals) waiting to be written; the hop makes a checkpoint when they are too many."""

    def capture(self) -> Changes:
        """Hands over everything since the last capture and forgets that it was waiting. From then on `load` finds these rows as captured."""


FoldFactory = Callable[[int, Load, float], Fold]
"""Makes the fold of one partition, from its number, the reader of its rows, and its share of the memory that
all of the worker's folds of this hop may use."""
