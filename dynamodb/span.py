"""From when until when: what a person types, in the zone of the settings; pure.

2026 · 2026-10 · 2026-10-25                   the local year, month, day
2026-10-25T14:00:00+01:00 · …T13:00:00Z       an instant (RFC 3339)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from metering.period import Calendar
from metering.total import Grain, Total

_WANTED: Final = "wanted is a local date 2026-10-25, month 2026-10 or year 2026, or an instant with an offset such as 2026-10-25T13:00:00Z"
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_FIRST_YEAR: Final = 1999
"""West of Greenwich the first readings that are accepted are of its last evening."""
_LAST_YEAR: Final = 9000


class NoSpan(ValueError):
    """One line for a person: what was typed, and what would do."""


def parse_span(text: str, calendar: Calendar) -> tuple[int, int]:
    """`[start, end)` in epoch s of a local date, month or year; an instant is an empty span. Raises NoSpan."""
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            return _instant(text)
        year, month, day = (int(part) if part else None for part in match.groups())
        first = date(year or 0, month or 1, day or 1)
        if not _FIRST_YEAR <= first.year < _LAST_YEAR:
            raise ValueError(f"not a year from {_FIRST_YEAR} to {_LAST_YEAR}")
        if day is not None:
            after = first + timedelta(days=1)
        elif month is not None:
            after = (first + timedelta(days=31)).replace(day=1)
        else:
            after = date(first.year + 1, 1, 1)
        return first_instant(first, calendar), first_instant(after, calendar)
    except ValueError as error:
        raise NoSpan(f"{text!r}: {error}; {_WANTED}") from None


def span(start: str | None, end: str | None, grain: Grain, now_s: int, calendar: Calendar) -> tuple[int, int]:
    """What `--from` and `--to` mean together; both inclusive where they are dates, an instant in `--to` exclusive.

    Without `--from`: today by hours, this month by days, this year by months. Without `--to`: the period of `--from`, an instant's until now.
    Raises NoSpan.
    """
    today = calendar.date(now_s).isoformat()
    usual = {Grain.HOUR: today, Grain.DAY: today[:7], Grain.MONTH: today[:4]}[grain]
    start_s, start_end_s = parse_span(start or usual, calendar)
    end_s = parse_span(end, calendar)[1] if end else (start_end_s if start_end_s > start_s else now_s)
    if end_s <= start_s:
        raise NoSpan(f"--to {end or 'now'} is not after --from {start or usual}")
    return start_s, end_s


def first_instant(day: date, calendar: Calendar) -> int:
    """The start of a local date, epoch s."""
    noon = int(datetime.fromisoformat(f"{day.isoformat()}T12:00:00Z").timestamp())
    for near in (noon, noon - 86_400, noon + 86_400):
        if calendar.date(near) == day:
            return calendar.day(near)[0]
    return calendar.day(noon)[0]  # a date that the calendar skipped


def periods(start_s: int, end_s: int, grain: Grain, calendar: Calendar) -> Iterator[tuple[int, int]]:
    """The periods of a grain that lie in or reach into `[start_s, end_s)`, in order of time, all in epoch s."""
    at = start_s
    while at < end_s:
        if grain is Grain.HOUR:
            first, after = (edge // 1000 for edge in calendar.hour(at * 1000))
        else:
            first, after = calendar.day(at) if grain is Grain.DAY else calendar.month(at)
        yield first, after
        at = after


def begun(spans: Iterable[tuple[int, int]], now_s: float) -> list[tuple[int, int]]:
    """Those of `spans` that have begun at `now_s`: of the others nothing can be known, so a view ends with the one that holds now."""
    return [(start, end) for start, end in spans if start <= now_s]


def astray(spans: Sequence[tuple[int, int]], totals: Iterable[Total]) -> list[Total]:
    """The totals that begin with none of `spans`: another zone's calendar made them."""
    starts = {start for start, _ in spans}
    return [total for total in totals if total.start not in starts]


def _instant(text: str) -> tuple[int, int]:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return int(at.timestamp()), int(at.timestamp())
