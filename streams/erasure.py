"""The message that erases a device: in the readings topic, among its readings, so that what is before it and what comes after is exact.

It has the device as its key, no value, and a header of its own: gateways pass on bodies that others wrote, so no body can erase anything.
Retention removes it only when it has removed all that lies before it. So the log is its own list of what is erased.
"""

from __future__ import annotations

import re
from typing import Final

from metering.erase import is_device
from metering.partition import partition_of
from metering.rules import MS_PER_HOUR
from metering.wire import EARLIEST_MS
from streams.batch import Record

HEADER: Final = "wattfall-erase"
_SPAN: Final = re.compile(rb"(\d{1,12})-(\d{1,12})")
_AHEAD_MS: Final = 48 * MS_PER_HOUR


def message(device: str, first: int = 0, end: int = 0) -> tuple[bytes, None, list[tuple[str, bytes]]]:
    """Key, value and headers of an erase. Totals of `[first, end)`, epoch s, are there that no table may know of any more."""
    return device.encode(), None, [(HEADER, b"%d-%d" % (first, end))]


def is_erase(record: Record, partition: int, partitions: int) -> bool:
    """Whether a record of the readings topic erases its device.

    In another's partition it does not, and is rejected like any message without a value.
    """
    return (
        record.value is None
        and any(name == HEADER for name, _ in record.headers)
        and is_device(record.key)
        and partition_of(record.key, partitions) == partition
    )


def span(record: Record) -> tuple[int, int]:
    """What its sender knew of: as much of it as there can be by the broker's clock; 0 and 0 for nothing."""
    found = [_SPAN.fullmatch(content or b"") for name, content in record.headers if name == HEADER]
    if not found or found[0] is None:
        return 0, 0
    first, end = max(int(found[0][1]), EARLIEST_MS // 1000), min(int(found[0][2]), (record.timestamp + _AHEAD_MS) // 1000)
    return (first, end) if first < end else (0, 0)
