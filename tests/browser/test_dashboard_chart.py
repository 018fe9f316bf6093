"""What is drawn and written (dashboard/page/chart.js, words.js): all is as high as its number by the axis, and no number is told as another."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from metering.total import Total
from tests.browser.test_dashboard_page import VIEWS, go
from tests.dashboards import House
from tests.sample_house import CALENDAR

SEEN: Final = """svg => {
    const number = (one, name) => Number(one.getAttribute(name));
    const place = one => ({ looks: [...one.classList], y: number(one, one.tagName === "line" ? "y1" : "y"), height: number(one, "height") });
    return {
        lines: [...svg.querySelectorAll("line.grid")].map(one => number(one, "y1")),
        labels: [...svg.querySelectorAll("g > text:not(:last-child)")].map(one => one.textContent),
        columns: [...svg.querySelectorAll("[data-start]")].map(one => ({
            start: one.dataset.start,
            bars: [...one.querySelectorAll("rect:not(.column)")].map(place),
            marks: [...one.querySelectorAll("line.before")].map(place),
        })),
    };
}"""
DRAWN: Final = """async values => {
    const { chart } = await import("/page/chart.js");
    const bars = values.map(([used, given], at) => ({
        period: { start: String(at), marks: [], total: { import_kwh: used, export_kwh: given, estimated_import_kwh: 0, estimated_export_kwh: 0 } },
        before: [], label: "", said: "", href: null,
    }));
    return (%s)(chart(bars, { width: 600, title: "", tell: () => {} }));
}"""


class Axis(NamedTuple):
    """What a chart's axis says: where nothing is, and how far above it a kWh."""

    zero: float
    kwh: float

    def of(self, y: float) -> float:
        """The kWh at a height; below nothing they are negative."""
        return (self.zero - y) / self.kwh


def axis(seen: Any) -> Axis:
    """As its labels say, which are all different and all right."""
    marks = [(float(label.replace(",", "")), y) for label, y in zip(seen["labels"], seen["lines"], strict=True)]
    zero = next(y for value, y in marks if value == 0)
    top, y = marks[-1]
    found = Axis(zero, (zero - y) / top)
    assert len({(value, at > zero) for value, at in marks}) == len(marks) >= 2
    assert [abs(found.of(at)) for _, at in marks] == pytest.approx([value for value, _ in marks], abs=1e-6)
    return found


@pytest.mark.parametrize(("used", "given"), [(0, 0), (0.1, 0), (0.15, 0), (0.2, 0), (0.2, 0.07), (0.4, 1.2), (3, 0), (40, 0), (0, 2500)])
def test_the_axis_says_what_it_shows(page: Page, used: float, given: float) -> None:
    seen = page.evaluate(DRAWN % SEEN, [[used, given]])
    drawn = axis(seen)
    heights = [drawn.of(edge) for bar in seen["columns"][0]["bars"] for edge in (bar["y"], bar["y"] + bar["height"])]
    assert [max(heights, default=0), min(heights, default=0)] == pytest.approx([used, -given], abs=1e-6)


def height(bars: list[Any], look: str, drawn: Axis) -> float:
    """The kWh of all that looks so in a column."""
    return float(sum(bar["height"] for bar in bars if look in bar["looks"])) / drawn.kwh


@pytest.mark.parametrize(("kind", "span"), VIEWS)
def test_every_bar_is_as_high_as_what_is_stored(page: Page, house: House, kind: str, span: str) -> None:
    go(page, kind, span)
    seen = page.locator("#chart svg").evaluate(SEEN)
    drawn, columns = axis(seen), {datetime.fromisoformat(column["start"]).timestamp(): column["bars"] for column in seen["columns"]}
    a_line = 1 / drawn.kwh
    for total in house.stored(kind, span):
        bars = [bar for bar in columns.pop(total.start) if "unknown" not in bar["looks"]]
        guessed = [bar for bar in bars if "guessed" in bar["looks"]]
        assert height(bars, "import", drawn) == pytest.approx(total.import_mwh / 1e6, abs=a_line)
        assert height(bars, "export", drawn) == pytest.approx(total.export_mwh / 1e6, abs=a_line)
        assert height(guessed, "import", drawn) == pytest.approx(total.estimated_import_mwh / 1e6, abs=3 * a_line)
        assert all(bar["y"] >= drawn.zero if "export" in bar["looks"] else bar["y"] <= drawn.zero for bar in bars)
    assert {bar["looks"][0] for bars in columns.values() for bar in bars} <= {"unknown"}, "what is not known has no bar"


def name(total: Total, kind: str) -> str:
    """The hour of the day, the day of the month, the month of the year."""
    return datetime.fromtimestamp(total.start, ZoneInfo(CALENDAR.zone)).strftime({"day": "%H", "month": "%d", "year": "%m"}[kind])


@pytest.mark.parametrize(("kind", "span", "before"), [("day", "2026-10-25", "2026-10-24"), ("month", "2026-10", "2026-09"), ("year", "2026", "2025")])
def test_every_mark_is_as_high_as_what_was_there_before(page: Page, house: House, kind: str, span: str, before: str) -> None:
    go(page, kind, span)
    seen = page.locator("#chart svg").evaluate(SEEN)
    drawn, then = axis(seen), {name(total, kind): total.import_mwh / 1e6 for total in house.stored(kind, before)}
    for column in seen["columns"]:
        called = column["start"][{"day": slice(11, 13), "month": slice(8, 10), "year": slice(5, 7)}[kind]]
        assert [drawn.of(mark["y"]) for mark in column["marks"]] == pytest.approx([then[called]] if called in then else [])


@pytest.mark.parametrize(
    ("kwh", "written"),
    [(0.004, "0.004"), (0.9, "0.900"), (-0.000001, "0.000"), (-0.25, "-0.250"), (1.234, "1.23"), (12.34, "12.3"), (6613.405, "6,613.4")],
)
def test_a_number_of_kwh_is_not_told_as_nothing(page: Page, kwh: float, written: str) -> None:
    assert page.evaluate("async kwh => (await import('/page/words.js')).kwh(kwh)", kwh) == f"{written} kWh"
