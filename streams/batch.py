"""What Kafka delivered of one partition in one fetch, and between which positions of the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiokafka.structs import ConsumerRecord

SLICE_BYTES: Final = 64 * 1024
"""Folded at a stretch: some ten milliseconds, in single readings or in arrays."""


@dataclass(slots=True)
class Batch:
    """The committed records between the positions `[begin, end)`, in order.

    There may be fewer than `end - begin`, even none: markers, compaction and aborted transactions leave holes. `serial` is the start (see
    streams/transport.py) that it was fetched after; a batch of an older start is never folded.
    """

    partition: int
    records: list[ConsumerRecord]
    begin: int
    end: int
    serial: int = 0

    def slices(self) -> Iterator[tuple[list[ConsumerRecord], int]]:
        """The records in pieces of about `SLICE_BYTES`, each with the position behind it; at least one piece."""
        first, size = 0, 0
        for at, record in enumerate(self.records):
            if size >= SLICE_BYTES:
                yield self.records[first:at], record.offset
                first, size = at, 0
            size += max(record.serialized_value_size, 0)
        yield self.records[first:], self.end
