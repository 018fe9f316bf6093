"""An erase on its way down the levels: from there on a device is a new one, and nothing that was told of it before is anybody's.

In a level topic it stands behind a tombstone for each total that may have been told, under a key that no total has, and is newest for its device:
compaction takes what lies before it, and keeps the erase itself as long as anything before it may be there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import orjson

from metering.compact import to_json
from metering.period import Calendar
from metering.reading import DEVICE
from metering.total import Grain, Total, nothing
from metering.wire import total_key

_ERASED: Final = b"|erased"
_DEVICE: Final = re.compile(DEVICE.pattern.encode())
_TOTAL: Final = re.compile(_DEVICE.pattern + rb"\|\d{1,12}")
PeriodOf = Callable[[int], tuple[int, int]]
"""The period around an instant, all in epoch s."""


class Erase(NamedTuple):
    """`epoch`, `offset`: its version, as a total's: the offset in the topic that the hop reads; `reflects`: its own offset in the readings topic.

    All totals told before begin in `[first, end)`, epoch s; both are 0 where none was.
    """

    device: str
    epoch: int
    offset: int
    reflects: int
    first: int = 0
    end: int = 0


def is_device(key: bytes | None) -> bool:
    """Whether a record's key is a device's name."""
    return key is not None and _DEVICE.fullmatch(key) is not None


def is_tombstone(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record of a level topic is one of those before an erase, and not something without a value that nobody of ours has sent."""
    return value is None and key is not None and _TOTAL.fullmatch(key) is not None


def erase_key(device: str) -> bytes:
    """`device|erased`: where a total has its start."""
    return device.encode() + _ERASED


def erase_from_json(key: bytes | None, value: bytes | None) -> Erase | None:
    """The erase in a record of a level topic; None if it is none."""
    if key is None or value is None or not key.endswith(_ERASED):
        return None
    try:
        fields = orjson.loads(value)
        found = Erase(str(fields["device"]), *(int(fields[name]) for name in Erase._fields[1:]))
    except (KeyError, TypeError, ValueError):
        return None
    return found if key == erase_key(found.device) and is_device(found.device.encode()) else None


def period_of(grain: Grain, calendar: Calendar) -> PeriodOf:
    """That of a calendar."""
    if grain is not Grain.HOUR:
        return calendar.day if grain is Grain.DAY else calendar.month

    def hour(at: int) -> tuple[int, int]:
        start, end = calendar.hour(at * 1000)
        return start // 1000, end // 1000

    return hour


def periods(erase: Erase, around: PeriodOf) -> Iterator[tuple[int, int]]:
    """Every period of which a total may have been told, in order."""
    end = erase.first
    while end < erase.end:
        start, end = around(end)
        yield start, end


def told_on(erase: Erase, around: PeriodOf) -> list[tuple[bytes, bytes | None]]:
    """Keys and values for the level topic of these periods: the tombstones, then the erase."""
    found: list[tuple[bytes, bytes | None]] = [(total_key(erase.device, start), None) for start, _ in periods(erase, around)]
    found.append((erase_key(erase.device), to_json(erase._asdict())))
    return found


def graves(erase: Erase, grain: Grain, around: PeriodOf) -> Iterator[Total]:
    """What takes the place of each total that may have been told: of the erase's own version, so older than whatever comes after it, and newer than
    whatever anybody may still hold of before."""
    for start, end in periods(erase, around):
        yield nothing(erase.device, grain, start, end, erase.epoch, erase.offset, erase.reflects)


def later(before: Erase | None, erase: Erase) -> Erase:
    """The later of two of one device, which stands for both."""
    if before is None or not before.end:
        return erase
    if not erase.end:
        return erase._replace(first=before.first, end=before.end)
    return erase._replace(first=min(before.first, erase.first), end=max(before.end, erase.end))
