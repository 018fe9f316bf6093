"""The oracle's calendar: which hour, day and month an instant is in, by asking the zone's offset and looking for where it changes.

All instants are epoch milliseconds; periods are half-open.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, reset_tzpath

reset_tzpath(to=())  # the pinned tzdata package, not the machine's

SECONDS_PER_HOUR = 3600
Period = tuple[int, int]


def hour_at(zone: str, at: int) -> Period:
    """The local hour that holds `at`; a transition that changes the minutes of the offset cuts it."""
    found = LAST.get(zone)
    if found is None or not found[0] <= at < found[1]:
        start, end = _hour(zone, at // 1000)
        found = LAST[zone] = (start * 1000, end * 1000)
    return found


LAST: dict[str, Period] = {}
"""The hour that was found last: the next instant is mostly in it."""


@lru_cache(maxsize=1_000_000)
def _hour(zone: str, second: int) -> Period:
    offset = _offset(zone, second)
    start = (second + offset) // SECONDS_PER_HOUR * SECONDS_PER_HOUR - offset
    end = start + SECONDS_PER_HOUR
    minutes = offset % SECONDS_PER_HOUR
    for transition in _transitions(zone, start, second):
        if _offset(zone, start) % SECONDS_PER_HOUR != minutes:
            start = transition
    for transition in _transitions(zone, second, end - 1):
        if _offset(zone, transition) % SECONDS_PER_HOUR != minutes:
            end = transition
    return start, end


def _transitions(zone: str, first: int, last: int) -> list[int]:
    """The seconds t in (first, last] at which the offset is not what it was the second before: at most one within an hour."""
    if _offset(zone, first) == _offset(zone, last):
        return []
    before, after = first, last
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == _offset(zone, first):
            before = middle
        else:
            after = middle
    return [after]


def _local(zone: str, second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))


def _offset(zone: str, second: int) -> int:
    offset = _local(zone, second).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def day_at(zone: str, at: int) -> Period:
    """The local day: from the first instant of a date to the first of the next."""
    day = _local(zone, at // 1000).date()
    while _first(zone, day) > at:
        day -= timedelta(days=1)
    while _first(zone, day + timedelta(days=1)) <= at:
        day += timedelta(days=1)
    return _first(zone, day), _first(zone, day + timedelta(days=1))


def month_at(zone: str, at: int) -> Period:
    """The local month: from the first instant of its first date to that of the next month's."""
    day = _local(zone, day_at(zone, at)[0] // 1000).date()
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return _first(zone, day.replace(day=1)), _first(zone, following)


@lru_cache(maxsize=100_000)
def _first(zone: str, day: date) -> int:
    """When a date (or, where the zone skips it, a later one) is first shown by the clocks; looked for minute by minute."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    minute = next(t for t in range(midnight - 16 * 3600, midnight + 40 * 3600, 60) if _local(zone, t).date() >= day)
    return next(t for t in range(minute - 59, minute + 1) if _local(zone, t).date() >= day) * 1000
