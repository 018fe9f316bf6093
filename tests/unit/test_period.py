"""Every moment is in exactly one hour, day and month, whatever a zone's clocks do; tried at every kind of transition since 2000."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.period import Calendar
from tests.oracle_calendar import day_at, hour_at, month_at

FROM, TO = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2038))
HOUR, DAY = 3600, 86_400
EVERY = 20 * DAY  # clocks that change twice within it are not seen: Ramadan's pauses of Morocco and Egypt are longer


class Transition(NamedTuple):
    """A zone's clocks show another offset from this second on."""

    zone: str
    at: int


@cache
def calendar(zone: str) -> Calendar:
    return Calendar(zone)


def local(zone: str, second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))


def offset(zone: str, second: int) -> int:
    found = local(zone, second).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def transitions(zone: str) -> Iterator[int]:
    for before, after in pairwise(range(FROM, TO, EVERY)):
        held = offset(zone, before)
        if offset(zone, after) != held:
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset(zone, middle) == held else (before, middle)
            yield after


def kinds() -> list[Transition]:
    """One transition of each kind: from and to which offset, and at what time of the day."""
    found: dict[tuple[int, int, int], Transition] = {}
    for zone in sorted(available_timezones()):
        for at in transitions(zone):
            before = offset(zone, at - 1)
            found.setdefault((before, offset(zone, at), (at + before) % DAY), Transition(zone, at))
    return list(found.values())


def around(at: int) -> list[int]:
    """Seconds from a day and a half before to as much after, close to one another near the instant."""
    near = [at + sign * step for step in (0, 1, 59, 60, 61, 899, 900, 1799, 1800, 1801, 3599, 3600, 3601) for sign in (-1, 1)]
    return sorted({*near, *range(at - 36 * HOUR, at + 36 * HOUR, 2700)})


def check_hour(zone: str, at: int) -> None:
    hours = calendar(zone)
    start, end = hours.hour(at * 1000)
    assert start <= at * 1000 < end <= start + HOUR * 1000
    assert hours.hour(start) == hours.hour(end - 1) == (start, end)
    assert hours.hour(end)[0] == end and hours.hour(start - 1)[1] == start
    for edge in (start // 1000, end // 1000):  # a full hour on the clock, or the clocks were just set by a part of one
        assert (edge + offset(zone, edge)) % HOUR == 0 or (offset(zone, edge) - offset(zone, edge - 1)) % HOUR != 0


def check_day(zone: str, at: int) -> None:
    days = calendar(zone)
    start, end = days.day(at)
    assert start <= at < end
    assert days.day(start) == days.day(end - 1) == (start, end)
    assert days.day(end)[0] == end and days.day(start - 1)[1] == start
    assert days.hour(start * 1000)[0] == start * 1000 and days.hour(end * 1000)[0] == end * 1000
    date = days.date(at)
    assert days.date(start) == days.date(end - 1) == date == local(zone, start).date()
    assert all(local(zone, t).date() < date for t in (start - 1, *range(start - 30 * HOUR, start, 1800)))


def check_month(zone: str, at: int) -> None:
    days = calendar(zone)
    start, end = days.month(at)
    assert start <= at < end
    assert days.month(start) == days.month(end - 1) == (start, end)
    assert days.month(end)[0] == end and days.month(start - 1)[1] == start
    assert days.day(start)[0] == start and days.day(end)[0] == end
    first = local(zone, start).date()
    assert first.day == 1 and (first.year, first.month) == (days.date(at).year, days.date(at).month)
    assert local(zone, start - 1).date() < first


def test_every_kind_of_transition_leaves_no_moment_out_and_none_twice() -> None:
    found = kinds()
    assert len(found) > 150
    for zone, at in found:
        for moment in around(at):
            check_hour(zone, moment)
            check_day(zone, moment)
            check_month(zone, moment)


ORDINARY = st.integers(FROM, TO)
ZONES = ["Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York", "Pacific/Apia", "Antarctica/Casey"]


@given(st.sampled_from(ZONES), ORDINARY)
def test_any_moment_is_where_the_oracle_has_it(zone: str, at: int) -> None:
    hours = calendar(zone)
    assert hours.hour(at * 1000 + 999) == hour_at(zone, at * 1000 + 999)
    assert hours.day(at) == tuple(edge // 1000 for edge in day_at(zone, at * 1000))
    assert hours.month(at) == tuple(edge // 1000 for edge in month_at(zone, at * 1000))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


HOURS = {
    #                                        local clock    ├ the hour it is in, in UTC
    "an hour follows the zone's minutes": ("Asia/Kathmandu", "2025-11-24T22:05+05:45", "2025-11-24T16:15Z", "2025-11-24T17:15Z"),
    "the repeated hour, first": ("Europe/London", "2025-10-26T01:30+01:00", "2025-10-26T00:00Z", "2025-10-26T01:00Z"),
    "the repeated hour, second": ("Europe/London", "2025-10-26T01:30+00:00", "2025-10-26T01:00Z", "2025-10-26T02:00Z"),
    "half an hour forward ends one": ("Australia/Lord_Howe", "2025-10-05T01:59+10:30", "2025-10-04T14:30Z", "2025-10-04T15:30Z"),
    "and begins a short one": ("Australia/Lord_Howe", "2025-10-05T02:59+11:00", "2025-10-04T15:30Z", "2025-10-04T16:00Z"),
    "half an hour back, too": ("Australia/Lord_Howe", "2026-04-05T01:45+10:30", "2026-04-04T15:00Z", "2026-04-04T15:30Z"),
}


@pytest.mark.parametrize(("zone", "clock", "start", "end"), HOURS.values(), ids=HOURS)
def test_hours_as_drawn(zone: str, clock: str, start: str, end: str) -> None:
    assert calendar(zone).hour(ms(clock)) == (ms(start), ms(end))


DAYS = {
    "winter": ("Europe/London", "2025-11-24T16:20+00:00", "2025-11-24T00:00Z", 24),
    "autumn": ("Europe/London", "2025-10-26T12:00+00:00", "2025-10-25T23:00Z", 25),
    "spring": ("Europe/London", "2026-03-29T12:00+01:00", "2026-03-29T00:00Z", 23),
    "half an hour more": ("Australia/Lord_Howe", "2026-04-05T12:00+10:30", "2026-04-04T13:00Z", 24.5),
    "a date that begins at 01:00": ("America/Havana", "2025-03-09T12:00-04:00", "2025-03-09T05:00Z", 23),
    "a date that ends twice": ("America/Santiago", "2025-04-05T12:00-03:00", "2025-04-05T03:00Z", 25),
    "a date that was begun, left and begun again": ("Antarctica/Casey", "2010-03-04T23:30+08:00", "2010-03-04T13:00Z", 27),
    "the next date was left out": ("Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-29T10:00Z", 24),
}


@pytest.mark.parametrize(("zone", "clock", "start", "hours"), DAYS.values(), ids=DAYS)
def test_days_as_drawn(zone: str, clock: str, start: str, hours: float) -> None:
    begun = ms(start) // 1000
    assert calendar(zone).day(ms(clock) // 1000) == (begun, begun + round(hours * HOUR))


MONTHS = {
    "28 days": ("Europe/London", "2026-02-10T12:00+00:00", "2026-02-01T00:00Z", 28 * 24),
    "29 days": ("Europe/London", "2028-02-29T23:59+00:00", "2028-02-01T00:00Z", 29 * 24),
    "with a change of clocks": ("Europe/London", "2025-10-31T23:59+00:00", "2025-09-30T23:00Z", 31 * 24 + 1),
    "over the year's end": ("America/New_York", "2025-12-31T23:59-05:00", "2025-12-01T05:00Z", 31 * 24),
    "without its 30th": ("Pacific/Apia", "2011-12-31T12:00+14:00", "2011-12-01T10:00Z", 30 * 24),
}


@pytest.mark.parametrize(("zone", "clock", "start", "hours"), MONTHS.values(), ids=MONTHS)
def test_months_as_drawn(zone: str, clock: str, start: str, hours: int) -> None:
    begun = ms(start) // 1000
    assert calendar(zone).month(ms(clock) // 1000) == (begun, begun + hours * HOUR)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "europe\0london"])
def test_a_zone_that_is_none_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match=r"not an IANA time zone such as Europe/London"):
        Calendar(zone)


def test_a_zone_off_the_quarters_has_its_hours_too() -> None:
    """Liberia was 44 min 30 s behind until 1972."""
    for at in range(ms("1971-06-01T00:00Z") // 1000, ms("1971-06-03T00:00Z") // 1000, 211):
        check_hour("Africa/Monrovia", at)
