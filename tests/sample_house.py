"""A house of which everything is known: its hours, the days and months that follow from them, and what went wrong in some."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from dynamodb.span import first_instant, parse_span, periods
from metering.period import Calendar
from metering.total import Grain, Total, fold
from tests.sample_totals import hour_total

DEVICE: Final = "home"
CALENDAR: Final = Calendar("Europe/Amsterdam")
_ZONE: Final = ZoneInfo(CALENDAR.zone)
_USED_WH: Final = (210, 190, 180, 180, 190, 230, 480, 760, 540, 420, 390, 430, 610, 480, 400, 380, 450, 720, 1130, 980, 760, 610, 430, 290)
_SUN_WH: Final = (0, 0, 0, 0, 0, 0, 0, 60, 240, 520, 830, 1090, 1180, 1120, 870, 560, 260, 70, 0, 0, 0, 0, 0, 0)
_NOBODY_KNOWS: Final = (date(2026, 10, 24), range(3, 5))
_GUESSED: Final = (date(2026, 10, 24), range(5, 8))
_BEGAN_ANEW: Final = (date(2026, 10, 25), 12)


def hour(start: int, end: int) -> Total:
    """The total of an hour: more in winter than in summer, some sun, and a different amount each day."""
    at = datetime.fromtimestamp(start, _ZONE)
    winter, chance = abs(at.month - 6.5) / 6, at.toordinal() * 7919 % 101
    used = round(_USED_WH[at.hour] * (0.6 + 0.6 * winter) * (0.75 + chance / 200)) * 1000 + chance
    sun = round(_SUN_WH[at.hour] * (1.1 - winter) * chance / 100) * 1000
    total = hour_total(device=DEVICE, start=start, end=end, import_mwh=max(0, used - sun), export_mwh=max(0, sun - used))
    total = total._replace(
        integral_import_mwh=total.import_mwh,
        integral_export_mwh=total.export_mwh,
        covered_ms=(end - start) * 1000,
        power_min_mw=-2 * sun // 3,
        power_max_mw=used * 3,
        power_max_at=start * 1000 + 1_234_567,
        offset=start,
        reflects=start,
        first_at=start * 1000,
        last_at=end * 1000 - 10_000,
        resets=int((at.date(), at.hour) == _BEGAN_ANEW),
    )
    if (at.date(), at.hour) in [(_GUESSED[0], one) for one in _GUESSED[1]]:
        return total._replace(estimated_import_mwh=total.import_mwh, covered_ms=0, readings=0, integral_import_mwh=0, integral_export_mwh=0)
    return total


def hours(span: str) -> list[Total]:
    """Those of a local date, month or year; of two hours nobody knows anything."""
    edges = periods(*parse_span(span, CALENDAR), Grain.HOUR, CALENDAR)
    return [hour(*each) for each in edges if not _missing(each[0])]


def folded(span: str, grain: Grain, now_s: int) -> list[Total]:
    """The days or months of a local month or year that have begun, of the hours that have."""
    edges = [each for each in periods(*parse_span(span, CALENDAR), grain, CALENDAR) if each[0] <= now_s]
    return [fold(_within(start, min(end, now_s)), grain, start, end, 1, start) for start, end in edges]


def until(totals: Sequence[Total], now_s: int) -> list[Total]:
    """Those that have begun."""
    return [total for total in totals if total.start <= now_s]


def _within(start: int, end: int) -> list[Total]:
    return [hour(*each) for each in periods(start, end, Grain.HOUR, CALENDAR) if not _missing(each[0])]


def _missing(start: int) -> bool:
    day, gone = _NOBODY_KNOWS
    return first_instant(day, CALENDAR) <= start < first_instant(day, CALENDAR) + 86_400 and datetime.fromtimestamp(start, _ZONE).hour in gone
