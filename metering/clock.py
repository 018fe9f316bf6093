"""What a device's `at` may look like: RFC 3339 with an offset, or integer milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from metering.errors import Reason, RejectedReading

_RFC3339: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
SECONDS: Final = {f"{second:02}Z": second * 1000 for second in range(60)}
_REMEMBERED: Final = 20_000


class Clock:
    """Reads instants. `minutes` remembers those it has seen, up to `…hh:mm:`, in ms; `SECONDS` has what follows: a day has few of them."""

    def __init__(self) -> None:
        self.minutes: dict[str, int] = {}

    def ms(self, at: object) -> int:
        """Epoch milliseconds, fractions cut. Raises RejectedReading: `at.missing`, `at.invalid` or `at.naive`."""
        if type(at) is str:
            minute = self.minutes.get(at[:17])
            second = SECONDS.get(at[17:])
            if minute is not None and second is not None:
                return minute + second
            return self._parse(at)
        if type(at) is int:
            return at
        if at is None:
            raise RejectedReading(Reason.AT_MISSING, "at: absent")
        raise RejectedReading(Reason.AT_INVALID, "at: neither RFC 3339 text nor integer milliseconds")

    def _parse(self, text: str) -> int:
        match = _RFC3339.fullmatch(text)
        if match is None:
            raise RejectedReading(Reason.AT_INVALID, "at: not RFC 3339")
        date, time, fraction, offset = match.groups()
        try:
            whole = datetime.fromisoformat(f"{date}T{time}+00:00")
        except ValueError:
            raise RejectedReading(Reason.AT_INVALID, "at: no such date or time") from None
        if offset is None:
            raise RejectedReading(Reason.AT_NAIVE, "at: without an offset from UTC")
        ms = (whole - _EPOCH) // _MS - _offset_ms(offset) + int(((fraction or "") + "000")[:3])
        if text[10] == "T" and offset == "Z" and fraction is None:
            if len(self.minutes) >= _REMEMBERED:
                self.minutes.clear()
            self.minutes[text[:17]] = ms - whole.second * 1000
        return ms


def _offset_ms(offset: str) -> int:
    if offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:
        raise RejectedReading(Reason.AT_INVALID, "at: no such offset from UTC")
    size = (hours * 60 + minutes) * 60_000
    return -size if offset[0] == "-" else size
