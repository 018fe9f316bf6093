"""What Kafka delivered of one partition in one fetch, and between which positions of the log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Protocol

SLICE_BYTES: Final = 64 * 1024
"""Folded at a stretch: some ten milliseconds, in single readings or in arrays."""
NOTHING: Final = bytes(4 * 1024)
"""A record without a value weighs so much: it may be an erase, which leads to a tombstone for each of a device's totals."""


class Record(Protocol):
    """What there is to know of a record beside its topic and partition: raw bytes, the log's offset, the broker's time in ms.

    aiokafka's own records have all of it, those that it reads as well as those that it gives to everybody.
    """

    offset: int
    timestamp: int
    key: Any  # bytes, or None
    value: Any  # the same
    headers: Any  # pairs of a name and bytes or None


@dataclass(slots=True)
class Batch:
    """The committed records between the positions `[begin, end)`, in order.

    There may be fewer than `end - begin`, even none: markers, compaction and aborted transactions leave holes. `serial` is the start (see
    streams/transport.py) that it was fetched after; a batch of an older start is never folded. `after`, of a changelog: the offset of the last
    record that was delivered before these, None if there was none since the assignment.
    """

    partition: int
    records: list[Record]
    begin: int
    end: int
    serial: int = 0
    after: int | None = None

    def slices(self) -> Iterator[tuple[list[Record], int]]:
        """The records in pieces of about `SLICE_BYTES`, each with the position behind it; at least one piece."""
        records = self.records
        sizes = list(accumulate([len(record.value or NOTHING) for record in records]))
        first, taken = 0, 0
        while (last := bisect_left(sizes, taken + SLICE_BYTES, first) + 1) < len(records):
            yield records[first:last], records[last].offset
            first, taken = last, sizes[last - 1]
        yield records[first:], self.end
