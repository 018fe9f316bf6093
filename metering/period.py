"""Which hour, day and month an instant belongs to: periods follow a zone's calendar, not the clock of UTC.

An hour is written as the UTC instant of its start, so the repeated hour of autumn is two hours. A day runs from the first hour
of its local date to the first hour of the next (23, 24, 25 hours), a month from its first day to the first day of the next.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)
_HOUR_S: Final = 3600
_QUARTER_MS: Final = 900_000
_REMEMBERED: Final = 2_048
"""Quarters of an hour: three weeks, and half a megabyte. Each partition has a calendar of its own, and a replay walks through months."""
_K = TypeVar("_K")
_V = TypeVar("_V")


class Calendar:
    """The periods of one IANA zone: `zone` is its name, `tzinfo` its rules. Raises ValueError for a zone that does not exist."""

    def __init__(self, zone: str) -> None:
        self.tzinfo = _pinned(zone)
        self.zone = zone
        self._hours: dict[int, tuple[int, int]] = {}
        self._days: dict[dt.date, int] = {}
        self._day_of: dict[int, tuple[int, int]] = {}

    def hour(self, at_ms: int) -> tuple[int, int]:
        """The hour `[start, end)` of an instant, in epoch ms."""
        quarter = at_ms // _QUARTER_MS
        known = self._hours.get(quarter)
        if known is not None:
            return known
        start, end = (edge * 1000 for edge in self._hour(at_ms // 1000))
        if start <= quarter * _QUARTER_MS and (quarter + 1) * _QUARTER_MS <= end:
            _remember(self._hours, quarter, (start, end))
        return start, end

    def day(self, at_s: int) -> tuple[int, int]:
        """The local day `[start, end)` of the hour that holds this instant, in epoch s."""
        start, _ = self.hour(at_s * 1000)
        known = self._day_of.get(start)
        if known is None:
            today = self._date(start // 1000)
            known = self._first(today), self._first(today + dt.timedelta(days=1))
            _remember(self._day_of, start, known)
        return known

    def month(self, at_s: int) -> tuple[int, int]:
        """The local month `[start, end)` of this instant, in epoch s."""
        first = self.date(at_s).replace(day=1)
        return self._first(first), self._first((first + dt.timedelta(days=31)).replace(day=1))

    def date(self, at_s: int) -> dt.date:
        """The local date of the day that holds this instant."""
        return self._date(self.hour(at_s * 1000)[0] // 1000)

    def _date(self, hour_s: int) -> dt.date:
        """Of an hour's start. Clocks that go back over midnight (Antarctica/Casey, by three hours) do not bring yesterday back."""
        day = self._local(hour_s).date()
        while self._first(day + dt.timedelta(days=1)) <= hour_s:
            day += dt.timedelta(days=1)
        return day

    def _local(self, at_s: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(at_s, dt.UTC).astimezone(self.tzinfo)

    def _offset(self, at_s: int) -> int:
        offset = self._local(at_s).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    def _hour(self, at_s: int) -> tuple[int, int]:
        offset = self._offset(at_s)
        start = (at_s + offset) // _HOUR_S * _HOUR_S - offset
        end = start + _HOUR_S
        # A transition by other than whole hours (Lord Howe: half an hour) moves the grid of hours: it ends one and begins one.
        minutes = offset % _HOUR_S
        if self._offset(start) % _HOUR_S != minutes:
            start = _first_where(lambda t: self._offset(t) % _HOUR_S == minutes, start, at_s)
        if self._offset(end - 1) % _HOUR_S != minutes:
            end = _first_where(lambda t: self._offset(t) % _HOUR_S != minutes, at_s, end - 1)
        return start, end

    def _first(self, day: dt.date) -> int:
        """The start of the first hour whose local date is `day` or, where the calendar skipped it, later."""
        known = self._days.get(day)
        if known is None:
            noon = dt.datetime(day.year, day.month, day.day, 12, tzinfo=self.tzinfo)
            at_ms = int(noon.timestamp()) * 1000 - 30 * _HOUR_S * 1000
            while self._local(self.hour(at_ms)[0] // 1000).date() < day:
                at_ms = self.hour(at_ms)[1]
            known = self.hour(at_ms)[0] // 1000
            _remember(self._days, day, known)
        return known


def _pinned(zone: str) -> ZoneInfo:
    """A zone of the pinned `tzdata` package, never of the machine: the same rules give the same periods everywhere."""
    try:
        if not _ZONE.fullmatch(zone):
            raise FileNotFoundError(zone)
        with files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=zone)
    except (OSError, ValueError) as error:
        raise ValueError(f"{zone!r} is not an IANA time zone such as Europe/London") from error


def _first_where(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest integer in `(low, high]` for which it holds; it does for `high`, and from there on back to one point."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _remember(memory: dict[_K, _V], key: _K, value: _V) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
