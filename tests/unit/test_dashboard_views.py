"""From totals to answers: every number as it is stored, every period in its place; and what several see of one device."""

from __future__ import annotations

import asyncio
import csv
import io
from contextlib import aclosing
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from dashboard.routes import wants_csv
from dashboard.settings import Prices
from dashboard.views import COLUMNS, live, table, view
from dashboard.watch import Seen, Watch
from dynamodb.errors import StoreBusy
from dynamodb.items import NoItem
from metering.live import Live
from metering.period import Calendar
from metering.total import Grain, Total
from tests.sample_totals import epoch_s, hour_total

AMSTERDAM = Calendar("Europe/Amsterdam")
LATER = epoch_s("2026-12-01T00:00Z")
KEEP_S = 31 * 86_400


def shown(*totals: Total, now: int = LATER, prices: Prices | None = None) -> Any:
    return view("cad-000123", Grain.HOUR, "2026-10-25", totals, now, AMSTERDAM, prices, KEEP_S)


def quantity(prices: Prices | None = None, **changed: Any) -> Any:
    return shown(hour_total(**changed), prices=prices).periods[0].total


def test_energy_is_exact_to_the_mwh() -> None:
    found = quantity(import_mwh=123_456_789_012_345, export_mwh=-1)
    assert round(found.import_kwh * 1_000_000) == 123_456_789_012_345 and found.export_kwh == -0.000001


def test_the_mean_power_is_that_of_the_covered_time() -> None:
    assert quantity(integral_import_mwh=500_000, integral_export_mwh=200_000, covered_ms=1_800_000).mean_w == 600.0
    assert quantity(covered_ms=0).mean_w is None


def test_what_was_not_measured_is_null_and_not_nothing() -> None:
    found = quantity(power_min_mw=None, power_max_mw=None, power_max_at=None, last_at=None, method=None)
    assert (found.min_w, found.max_w, found.max_at, found.last_at, found.method) == (None,) * 5
    assert quantity(power_min_mw=0).min_w == 0.0


def test_coverage_is_never_rounded_up_to_all_of_it() -> None:
    assert quantity(covered_ms=3_599_999).coverage == 0.9999
    assert quantity(covered_ms=3_600_000).coverage == 1.0


def test_the_estimated_share_is_of_both_directions() -> None:
    assert quantity(import_mwh=300, export_mwh=100, estimated_import_mwh=100, estimated_export_mwh=0).estimated_share == 0.25
    assert quantity(import_mwh=0, export_mwh=0).estimated_share == 0
    assert quantity(import_mwh=0, export_mwh=0, estimated_import_mwh=5).estimated_share == 1


def test_cost_and_credit_are_by_the_tariff_and_export_never_lowers_the_cost() -> None:
    found = quantity(Prices("EUR", 300_000, 80_000), import_mwh=10_000_000, export_mwh=5_000_000)
    assert (found.import_cost, found.export_credit) == (3.0, 0.4)
    assert quantity().import_cost is None


def test_a_period_is_open_until_its_end() -> None:
    start = epoch_s("2026-10-24T22:00Z")
    assert [period.open for period in shown(now=start + 3600).periods[:2]] == [False, True]
    assert shown(now=start + 3599).periods[0].open


def test_a_total_of_another_zones_calendar_is_counted_and_not_shown() -> None:
    found = shown(hour_total(start=epoch_s("2026-10-24T22:30Z"), end=epoch_s("2026-10-24T23:30Z")))
    assert found.astray == 1 and not any(period.total for period in found.periods)


def test_periods_are_named_by_the_rules_that_made_them_and_not_by_the_machines(tmp_path: Path) -> None:
    """A machine whose zone files say that Amsterdam is UTC, as if its law were of another year."""
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Amsterdam").write_bytes(files("tzdata").joinpath("zoneinfo", "UTC").read_bytes())
    ZoneInfo.clear_cache(only_keys=["Europe/Amsterdam"])
    reset_tzpath([tmp_path])
    try:
        assert datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Amsterdam")).utcoffset() == timedelta(0)
        year = view("d", Grain.MONTH, "2026", [], LATER, Calendar("Europe/Amsterdam"), None, KEEP_S)
        seen = live("d", Live("d", power_mw=1, power_at=LATER * 1000), LATER, Calendar("Europe/Amsterdam").tzinfo)
    finally:
        reset_tzpath()
        ZoneInfo.clear_cache(only_keys=["Europe/Amsterdam"])
    assert [month.local for month in year.periods] == [f"2026-{number:02}" for number in range(1, 13)]
    assert year.start.isoformat() == "2026-01-01T00:00:00+01:00"
    assert seen.power_at is not None and seen.power_at.isoformat() == seen.as_of.isoformat() == "2026-12-01T01:00:00+01:00"


def test_a_view_says_of_when_it_is() -> None:
    assert shown().as_of.isoformat() == "2026-12-01T01:00:00+01:00"


def test_a_view_says_from_when_on_hours_are_kept_and_that_all_else_is_for_ever() -> None:
    assert shown().kept_from.isoformat() == "2026-10-31T01:00:00+01:00"
    assert view("d", Grain.DAY, "2026-10", [], LATER, AMSTERDAM, None, KEEP_S).kept_from is None


def test_csv_has_all_columns_and_nothing_where_nothing_is_known() -> None:
    rows = list(csv.DictReader(io.StringIO(table(shown(hour_total())))))
    assert len(rows) == 25 and tuple(rows[0]) == COLUMNS
    assert rows[0]["import_kwh"] == "0.431517" and rows[0]["method"] == "register" and rows[0]["offset"] == "+02:00"
    assert rows[1]["import_kwh"] == "" and rows[1]["start"] == "2026-10-25T01:00:00+02:00"


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        ("", False),
        ("*/*", False),
        ("text/csv", True),
        ("text/csv, */*;q=0.1", True),
        ("application/json, text/csv", False),
        ("text/csv;q=0.5, application/json;q=0.4", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/html, application/xhtml+xml", False),
        ("text/csv;q=high", False),
    ],
)
def test_who_wants_csv_gets_it(accept: str, csv: bool) -> None:
    assert wants_csv(accept) is csv


class Table:
    """A live table whose next answers are said by the test."""

    def __init__(self) -> None:
        self.asked = 0
        self.live: Live | None = None
        self.fault: Exception | None = None

    async def read(self, device: str) -> Live | None:
        self.asked += 1
        if self.fault:
            raise self.fault
        return self.live


async def test_two_who_look_at_one_device_ask_once_and_both_see_what_changes() -> None:
    stored = Table()
    watch = Watch(stored.read, every_s=0)
    async with aclosing(watch.follow("d", 10)) as one, aclosing(watch.follow("d", 10)) as other:
        assert await anext(one) == await anext(other) == Seen(None)
        assert len(watch) == 1
        stored.live = Live("d", power_mw=1, power_at=1)
        assert await anext(one) == await anext(other) == Seen(stored.live)


@pytest.mark.parametrize(
    ("fault", "logged"),
    [
        (StoreBusy("not now"), "what is stored cannot be read: not now"),
        (NoItem("no live reading: KeyError('cad-000123')"), "what is stored cannot be read: NoItem"),
        (RuntimeError("a bug"), "a live reading cannot be read"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_trouble_is_told_once_with_what_was_known_and_so_is_its_end(fault: Exception, logged: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what it was, and not of whom."""
    stored = Table()
    stored.live = Live("cad-000123", power_mw=1, power_at=1)
    async with aclosing(Watch(stored.read, every_s=0).follow("cad-000123", 10)) as following:
        assert await anext(following) == Seen(stored.live)
        stored.fault = fault
        assert await anext(following) == Seen(stored.live, trouble=True)
        stored.fault = None
        assert await anext(following) == Seen(stored.live)
    assert set(caplog.messages) == {logged}


async def test_where_nothing_changes_something_is_said_all_the_same() -> None:
    async with aclosing(Watch(Table().read, every_s=60).follow("d", 0.001)) as following:
        assert [await anext(following), await anext(following)] == [Seen(None), None]


async def test_nobody_asks_for_a_device_that_nobody_looks_at() -> None:
    stored = Table()
    watch = Watch(stored.read, every_s=0)
    async with aclosing(watch.follow("d", 10)) as following:
        await anext(following)
    asked = stored.asked
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(watch) == 0 and stored.asked == asked
