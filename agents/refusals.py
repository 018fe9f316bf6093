"""What is kept of one device among what was refused: which records of the topics rejected and late are its; pure.

A record is a device's if it has its key, or if it has somebody else's and names the device: whoever sends for others may have mixed them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agents.redrive import parted
from metering.wire import total_key
from streams.batch import Record


class Refused(NamedTuple):
    """One of them. `source`: its place in the topic that it was in, as the header says; `key`: that of the record in the topic rejected or late."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    source: str
    reason: str
    value: bytes | None

    def is_before(self, readings: str, bounds: Mapping[int, int], at_ms: int) -> bool:
        """Whether it is of before an erase: by its place among the readings, whose partitions were there then; else by when it was refused.

        A replay refuses it later than it came, so that time says nothing where there is a place.
        """
        topic, _, place = self.source.rpartition("/")
        topic, _, partition = topic.rpartition("/")
        if topic == readings and partition.isdigit() and place.isdigit():
            return int(place) < bounds.get(int(partition), 0)
        return self.timestamp <= at_ms


def of_device(device: str, partition: int, records: Sequence[Record]) -> Iterator[Refused | bytes]:
    """Of each record that is its, what there is to know; of a tombstone the key that it takes away."""
    name = device.encode()
    quoted, of_level = b'"%s"' % name, total_key(device, 0)[:-1]
    for record in records:
        _, why = parted(record.headers)
        if record.value is None and not why:
            yield record.key
            continue
        key = why.get("key", b"")
        if key == name or key.startswith(of_level) or quoted in (record.value or b""):
            source, reason = ((why.get(header) or b"").decode(errors="replace") for header in ("source", "reason"))
            yield Refused(partition, record.offset, record.timestamp, record.key, source, reason, record.value)
