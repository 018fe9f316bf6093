"""What the page thinks of a total (dashboard/page/quality.js): of a house that is well no reading is called missing, and what is missing is."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.sync_api import Page

LENGTH_S: Final = {"hour": 3600, "day": 86_400, "month": 30 * 86_400}


def quality(page: Page, grain: str, now_s: float, total: dict[str, Any] | None, kept_from_s: float | None = None) -> list[str]:
    """The marks of a period that began at 0, was read at `now_s`, and whose `total` is power's alone if it does not say so."""
    whole = total and {"method": "power", "estimated_share": 0, "last_at": None, **total}
    found: list[str] = page.evaluate(
        """async ([grain, length, now, total, keptFrom]) => {
            const { judged } = await import("/page/quality.js");
            const at = (seconds) => new Date(1.7e12 + seconds * 1000).toISOString();
            const last_at = total && total.last_at !== null ? at(total.last_at) : null;
            const period = { start: at(0), end: at(length), total: total && { ...total, last_at } };
            return judged({ grain, as_of: at(now), kept_from: keptFrom === null ? null : at(keptFrom), periods: [period] }).periods[0].marks;
        }""",
        [grain, LENGTH_S[grain], now_s, whole, kept_from_s],
    )
    return found


WELL: Final[dict[str, tuple[str, float, dict[str, Any]]]] = {
    "an hour that is over": ("hour", 90_000, {"covered_s": 3600, "last_at": 3590}),
    "an hour with a reading or two less": ("hour", 90_000, {"covered_s": 3540, "last_at": 3590}),
    "an hour that goes on": ("hour", 1800, {"covered_s": 1750, "last_at": 1745}),
    "an hour that ended 10 s ago, 90 s behind": ("hour", 3610, {"covered_s": 3520, "last_at": 3520}),
    "a day 5 min behind": ("day", 600, {"covered_s": 300, "last_at": 300}),
    "a day that ended 10 s ago, 5 min behind": ("day", 86_410, {"covered_s": 86_100, "last_at": 86_100}),
    "a month 5 h in, 20 min behind": ("month", 18_000, {"covered_s": 16_800, "last_at": 16_800}),
    "a flow of every half hour, 80 s behind": ("hour", 3680, {"covered_s": 1800, "last_at": 0}),
    "a register of every half hour": ("hour", 3680, {"covered_s": 0, "last_at": 1800, "method": "register"}),
    "the first value of a register": ("hour", 1000, {"covered_s": 0, "last_at": 10, "method": None}),
    "a register that nobody asked for an hour": ("day", 200_000, {"covered_s": 82_800, "last_at": 86_000, "method": "register"}),
}


@pytest.mark.parametrize("case", WELL)
def test_a_house_that_is_well_is_known(page: Page, case: str) -> None:
    assert quality(page, *WELL[case]) == []


NOTHING_YET: Final[dict[str, tuple[str, float]]] = {
    "an hour that comes": ("hour", -1),
    "an hour of a device that sends every half hour": ("hour", 1880),
    "a day 4 min in": ("day", 240),
    "a month 4 min in": ("month", 240),
    "a month 40 min in": ("month", 2400),
}


@pytest.mark.parametrize("case", NOTHING_YET)
def test_what_cannot_be_known_yet_is_not_missing(page: Page, case: str) -> None:
    assert quality(page, *NOTHING_YET[case], None) == ["future"]


@pytest.mark.parametrize(("grain", "now_s"), [("hour", 1900), ("day", 2200), ("month", 3100)])
def test_a_period_without_a_total_is_unknown_in_the_end(page: Page, grain: str, now_s: float) -> None:
    assert quality(page, grain, now_s, None) == ["unknown"]


@pytest.mark.parametrize(("kept_from_s", "mark"), [(3600, "gone"), (3599, "unknown"), (None, "unknown")])
def test_an_hour_that_is_not_kept_any_more_is_not_missing(page: Page, kept_from_s: float | None, mark: str) -> None:
    assert quality(page, "hour", 1e6, None, kept_from_s) == [mark]


def test_what_is_kept_for_longer_than_it_has_to_be_is_known(page: Page) -> None:
    assert quality(page, "hour", 1e6, {"covered_s": 3600, "last_at": 3590}, 1e6) == []


MISSING: Final[dict[str, tuple[str, float, dict[str, Any], list[str]]]] = {
    "half an hour": ("hour", 90_000, {"covered_s": 1800, "last_at": 3590}, ["part"]),
    "at once, in an hour that goes on": ("hour", 1800, {"covered_s": 1200, "last_at": 1795}, ["part"]),
    "of a device that fell silent": ("hour", 5500, {"covered_s": 600, "last_at": 600}, ["part"]),
    "an hour of a day": ("day", 200_000, {"covered_s": 82_800, "last_at": 86_390}, ["part"]),
    "two days of a month": ("month", 4e6, {"covered_s": 28 * 86_400, "last_at": 2.59e6}, ["part"]),
    "half of the time, beside a little that is estimated": (
        "hour",
        90_000,
        {"covered_s": 1800, "last_at": 3590, "method": "mixed", "estimated_share": 0.03},
        ["guessed", "part"],
    ),
    "only where it belongs": ("hour", 90_000, {"covered_s": 0, "estimated_share": 1, "method": "register"}, ["guessed"]),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_is_said(page: Page, case: str) -> None:
    grain, now_s, total, marks = MISSING[case]
    assert quality(page, grain, now_s, total) == marks
