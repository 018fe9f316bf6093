"""What a person types for a time, and what a person sees of totals."""

from __future__ import annotations

from calendar import isleap
from io import StringIO
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from dynamodb.settings import Settings, Tables
from dynamodb.span import NoSpan, astray, begun, parse_span, periods, span
from dynamodb.view import age, astray_line, coverage, kilo, known, label, peak, remarks, totals_view
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total
from settings.environ import SettingError
from tests.sample_totals import epoch_s, hour_total

AMSTERDAM = Calendar("Europe/Amsterdam")
NOW = epoch_s("2026-10-25T12:34:56Z")
LATER = epoch_s("2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("2026-10", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
        ("2026-10-25", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("2026-12-31", "2026-12-31T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30Z", "2026-10-25T01:30Z"),
    ],
)
def test_a_time_as_a_person_types_it(text: str, start: str, end: str) -> None:
    assert parse_span(text, AMSTERDAM) == (epoch_s(start), epoch_s(end))


@pytest.mark.parametrize("text", ["", "today", "2026-13", "2026-02-29", "26-10-25", "2026-10-25T10:00", "1998", "9999", "2026-1-1", "٢٠٢٦"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(NoSpan, match="wanted is a local date"):
        parse_span(text, AMSTERDAM)


def test_without_from_it_is_today_this_month_this_year() -> None:
    assert span(None, None, Grain.HOUR, NOW, AMSTERDAM) == parse_span("2026-10-25", AMSTERDAM)
    assert span(None, None, Grain.DAY, NOW, AMSTERDAM) == parse_span("2026-10", AMSTERDAM)
    assert span(None, None, Grain.MONTH, NOW, AMSTERDAM) == parse_span("2026", AMSTERDAM)


def test_from_and_to_are_both_inclusive_but_an_instant_is_not() -> None:
    start, end = parse_span("2026-10-24", AMSTERDAM)[0], parse_span("2026-10-25", AMSTERDAM)[1]
    assert span("2026-10-24", "2026-10-25", Grain.HOUR, NOW, AMSTERDAM) == (start, end)
    assert span("2026-10-24", "2026-10-25T00:00:00Z", Grain.HOUR, NOW, AMSTERDAM) == (start, epoch_s("2026-10-25T00:00Z"))
    assert span("2026-10-25T00:00:00Z", None, Grain.HOUR, NOW, AMSTERDAM) == (epoch_s("2026-10-25T00:00Z"), NOW)
    for early in ("2026-10-23", "2026-10-23T22:00:00Z"):
        with pytest.raises(NoSpan, match="is not after"):
            span("2026-10-24", early, Grain.HOUR, NOW, AMSTERDAM)


@pytest.mark.parametrize(
    ("text", "grain", "count"),
    [("2026-03-29", Grain.HOUR, 23), ("2026-10-25", Grain.HOUR, 25), ("2026-02", Grain.DAY, 28), ("2026", Grain.MONTH, 12)],
)
def test_a_span_has_its_calendars_periods(text: str, grain: Grain, count: int) -> None:
    start, end = parse_span(text, AMSTERDAM)
    found = list(periods(start, end, grain, AMSTERDAM))
    assert len(found) == count
    assert (found[0][0], found[-1][1]) == (start, end)
    assert all(before[1] == after[0] for before, after in pairwise(found))


def test_a_year_has_all_its_days() -> None:
    for zone in ("Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"):
        calendar = Calendar(zone)
        for year in (2011, 2018, 2028):
            start, end = parse_span(str(year), calendar)
            skipped = zone == "Pacific/Apia" and year == 2011  # it crossed the date line
            assert sum(1 for _ in periods(start, end, Grain.DAY, calendar)) == 365 + isleap(year) - skipped


def test_a_date_that_a_country_skipped_is_empty() -> None:
    start, end = parse_span("2011-12-30", Calendar("Pacific/Apia"))
    assert start == end


@pytest.mark.parametrize(
    ("milli", "text"), [(0, "0.000"), (499, "0.000"), (500, "0.001"), (-499, "0.000"), (-1_500_000, "-1.500"), (6_613_405_000, "6613.405")]
)
def test_thousands_of_thousands(milli: int, text: str) -> None:
    assert kilo(milli) == text


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (4000, "1 h 6 min"), (200_000, "2 d 7 h")])
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_coverage_is_never_rounded_up() -> None:
    assert coverage(hour_total(covered_ms=3_599_999)) == "99.9 %"
    assert coverage(hour_total(covered_ms=3_600_000)) == "100.0 %"
    assert coverage(hour_total(covered_ms=0)) == "0.0 %"


def test_the_hour_that_comes_twice_has_two_names() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    assert label(Grain.HOUR, epoch_s("2026-10-25T00:00Z"), zone) == "2026-10-25 02:00+0200"
    assert label(Grain.HOUR, epoch_s("2026-10-25T01:00Z"), zone) == "2026-10-25 02:00+0100"
    assert label(Grain.HOUR, epoch_s("2026-10-25T10:00Z"), zone) == "2026-10-25 11:00"
    assert label(Grain.DAY, epoch_s("2026-10-24T22:00Z"), zone) == "2026-10-25 Sun"
    assert label(Grain.MONTH, epoch_s("2026-09-30T22:00Z"), zone) == "2026-10"


def test_remarks_say_what_is_odd() -> None:
    assert remarks(hour_total()) == ""
    odd = hour_total(resets=1, glitches=2, unbooked_import_mwh=-77_000, readings=0)
    assert remarks(odd) == "1 reset, 2 glitches, unbooked -0.077 in, 0.000 out, no readings"


@pytest.mark.parametrize("width", [80, 132])
def test_no_number_is_cut_off(width: int) -> None:
    start, end = parse_span("2026-10-25", AMSTERDAM)
    spans = list(periods(start, end, Grain.HOUR, AMSTERDAM))
    totals = [hour_total(start=a, end=b, import_mwh=12_345_678, export_mwh=1_000_000, estimated_import_mwh=7_000_000) for a, b in spans[:20]]
    shown = drawn(Grain.HOUR, spans, totals, width)
    assert (shown.count("12.346"), shown.count("1.000"), shown.count("7.000"), shown.count("2026-10-25 ")) == (20, 20, 20, 25)
    assert "…" not in shown
    assert ("█" in shown) == (width > 100)


def drawn(
    grain: Grain, spans: list[tuple[int, int]], totals: list[Total], width: int = 132, zone: str = "Europe/Amsterdam", now_s: int = LATER
) -> str:
    paper = Console(file=StringIO(), width=width)
    paper.print(totals_view("cad-1", grain, spans, totals, now_s, zone, width))
    assert isinstance(paper.file, StringIO)
    return paper.file.getvalue()


def days(month: str, calendar: Calendar) -> list[tuple[int, int]]:
    return list(periods(*parse_span(month, calendar), Grain.DAY, calendar))


@pytest.mark.parametrize("width", [80, 132])
def test_days_of_another_zone_are_all_drawn(width: int) -> None:
    """They used to be dashes: as if nothing were stored."""
    totals = [hour_total(grain=Grain.DAY, start=a, end=b, import_mwh=12_345_678) for a, b in days("2026-10", AMSTERDAM)]
    spans = days("2026-10", Calendar("Asia/Kathmandu"))
    assert astray(spans, totals) == totals
    shown = drawn(Grain.DAY, spans, totals, width, "Asia/Kathmandu")
    assert shown.count("12.346") == 31 and "…" not in shown
    row = next(line for line in shown.splitlines() if "2026-10-26 04:45+0545" in line)
    assert "12.346" in row


def test_a_total_that_is_astray_stands_where_it_belongs_in_time() -> None:
    spans = days("2026-10", AMSTERDAM)
    stray = hour_total(grain=Grain.DAY, start=spans[3][0] + 3600, end=spans[4][0] + 3600, import_mwh=12_345_678)
    usual = hour_total(grain=Grain.DAY, start=spans[3][0], end=spans[3][1], import_mwh=1_000)
    assert astray(spans, [usual, stray]) == [stray]
    rows = [line.strip() for line in drawn(Grain.DAY, spans, [usual, stray]).splitlines() if "2026-10-04" in line]
    assert [row.split("  ")[0] for row in rows] == ["2026-10-04 Sun", "2026-10-04 01:00+0200"]


def test_what_is_astray_is_asked_about() -> None:
    asked = "at other times than days of Asia/Kathmandu: is WATTFALL_ZONE the one that the workers have?"
    assert astray_line(24, Grain.DAY, "Asia/Kathmandu") == f"24 totals begin {asked}"
    assert astray_line(1, Grain.DAY, "Asia/Kathmandu") == f"1 total begins {asked}"


def test_a_view_ends_with_the_period_that_holds_now_or_with_a_later_total() -> None:
    spans = list(periods(*parse_span("2026-10-25", AMSTERDAM), Grain.HOUR, AMSTERDAM))
    first, last = (hour_total(start=start, end=end) for start, end in (spans[0], spans[-1]))
    shown = drawn(Grain.HOUR, spans, [first], now_s=NOW)
    assert shown.count("2026-10-25 ") == 15 and "2026-10-25 13:00" in shown
    shown = drawn(Grain.HOUR, spans, [first, last], now_s=NOW)
    assert shown.count("2026-10-25 ") == 16 and "2026-10-25 23:00" in shown
    assert len(begun(spans, spans[3][0])) == 4


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(118, 2_431, 2_431), (-1_830, 400, 400), (-1_830, -354, -1_830), (-1_830, 0, -1_830), (0, 0, 0), (None, None, None)],
)
def test_the_peak_of_a_period_that_only_exports_is_its_highest_export(low: int | None, high: int | None, shown: int | None) -> None:
    assert peak(hour_total(power_min_mw=low, power_max_mw=high)) == shown


def test_who_finds_nothing_is_told_what_would_help() -> None:
    assert known(Live("d", power_mw=1, power_at=LATER * 1000, offset=3), "Europe/Amsterdam") == "its newest reading is of 2027-01-01 01:00+0100"
    assert (
        known(None, "Europe/Amsterdam")
        == "nothing is known of this device: is the name right, or were its readings refused (python -m agents redrive --dry-run tells)?"
    )


def test_settings_have_defaults_and_name_what_is_wrong() -> None:
    assert Settings.from_environ({}) == Settings()
    changed = {"WATTFALL_TABLE_HOURS": "h-1", "WATTFALL_FLUSH_LIVE_S": "0", "WATTFALL_ZONE": "Asia/Kathmandu", "WATTFALL_KEEP_HOURS_MONTHS": "2"}
    settings = Settings.from_environ(changed)
    assert settings.tables == Tables(hours="h-1")
    assert (settings.flush.live, settings.zone, settings.keep_hours_s) == (0.0, "Asia/Kathmandu", 62 * 86_400)
    for name, value in (
        ("WATTFALL_ZONE", "Mars/Base"),
        ("WATTFALL_TABLE_LIVE", "no/slash"),
        ("WATTFALL_FLUSH_HOURS_S", "nan"),
        ("WATTFALL_SINK_THREADS", "0"),
        ("WATTFALL_SINK_KEYS", "many"),
    ):
        with pytest.raises(SettingError, match=f"{name}='{value}'"):
            Settings.from_environ({name: value})
