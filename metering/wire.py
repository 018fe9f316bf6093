"""How totals travel: the key and the value of a record in a level topic."""

from __future__ import annotations

from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import orjson

from metering.compact import to_json
from metering.reading import DEVICE
from metering.rules import MS_PER_HOUR, YEAR_2000_MS
from metering.total import Grain, Method, Total

LARGEST: Final = 2**56
"""No number of a total is further from 0. So much more than any meter can count, and so little that a month of it still fits into 64 bits."""
LONGEST: Final = 64 * 1024
"""Bytes of a total on its way; more than a hundred times what one has today."""
EARLIEST_MS: Final = YEAR_2000_MS - 32 * 24 * MS_PER_HOUR
"""The month of a reading from the first moment of 2000 begins before it, in UTC always where a zone is east, and by the calendar where it is west."""
YEAR_9999_MS: Final = 253_370_764_800_000
"""No period and no instant is later: calendars need room for the next month."""
_GRAINS: Final = {str(grain): grain for grain in Grain}
_METHODS: Final = {None: None} | {str(method): method for method in Method}
_KINDS: Final = {name: frozenset(get_args(kind) or (kind,)) for name, kind in get_type_hints(Total).items()}
"""What `Total` says that a field may be: another field there needs nothing here."""
_NUMBERS: Final = tuple(name for name, kinds in _KINDS.items() if kinds == {int})
_OPTIONAL: Final = tuple(name for name, kinds in _KINDS.items() if kinds == {int, NoneType})
_INSTANTS: Final = tuple(name for name in _OPTIONAL if name.endswith("_at"))


def total_key(device: str, start: int) -> bytes:
    """`device|start`: a device's name never holds a bar, so the two parts can be told."""
    return f"{device}|{start}".encode()


def total_to_json(total: Total) -> bytes:
    """One JSON object with the total's own field names."""
    return to_json(total._asdict())


def total_from_json(value: bytes) -> Total:
    """The inverse of `total_to_json`; fields of a later version are ignored. Raises ValueError on anything that is no total."""
    try:
        if len(value) > LONGEST:
            raise ValueError(f"{len(value)} bytes")
        fields = orjson.loads(value)
        found = {name: fields[name] for name in Total._fields}
        found["grain"], found["method"] = _GRAINS[found["grain"]], _METHODS[found["method"]]
        _check(found)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"not a total: {error!r:.200}") from error
    return Total(**found)


def _check(fields: dict[str, Any]) -> None:
    """Raises ValueError, or TypeError, unless every field is what `Total` says: whoever takes a total looks no more."""
    if not DEVICE.fullmatch(fields["device"]):
        raise ValueError("device")
    numbers = [fields[name] for name in _NUMBERS]
    numbers += [fields[name] for name in _OPTIONAL if fields[name] is not None]
    if {*map(type, numbers)} != {int}:
        raise TypeError("a number that is none")
    if not (min(numbers) >= -LARGEST and max(numbers) <= LARGEST):
        raise ValueError("a number beyond 2⁵⁶")
    if not EARLIEST_MS <= fields["start"] * 1000 < fields["end"] * 1000 <= YEAR_9999_MS:
        raise ValueError("start, end")
    for name in _INSTANTS:
        if fields[name] is not None and not 0 <= fields[name] <= YEAR_9999_MS:
            raise ValueError(name)
