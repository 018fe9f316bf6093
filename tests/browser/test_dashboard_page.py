"""The page as people see it: a real browser, the real dashboard, the local stack's DynamoDB. What was seen is kept in build/page."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from dashboard.files import FOLDER
from metering.live import Live
from tests.browser.conftest import picture
from tests.dashboards import PASSWORD, House, people, send_live, serving, token
from tests.sample_house import CALENDAR

LARGEST_FIRST_VIEW: Final = 100_000
VIEWS: Final = [("day", "2026-10-24"), ("day", "2026-10-25"), ("day", "2026-03-29"), ("month", "2026-10"), ("year", "2026")]


def go(page: Page, kind: str, span: str, device: str = "home") -> None:
    """To a view by its address; returns when it is drawn."""
    page.evaluate("hash => { location.hash = hash }", f"#/{device}/{kind}/{span}")
    expect(page.locator("#csv")).to_have_attribute("href", f"/v1/devices/{device}/{kind}/{span}?format=csv")


def bars(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.eval_on_selector_all(
        "#chart [data-start]", "all => all.map(one => ({...one.dataset, said: one.getAttribute('aria-label')}))"
    )
    return found


@contextmanager
def elsewhere(context: BrowserContext, house: House, **changed: str) -> Iterator[Page]:
    """ada at a dashboard over the same tables that has other settings."""
    with serving({**house.environ, **changed}) as url:
        page = context.new_page()
        page.goto(url + house.link("ada").removeprefix(house.url))
        page.wait_for_selector("#chart svg")
        yield page
        page.close()


def digits(kwh: float) -> int:
    """After the point, so that a small number is not told as nothing."""
    return 3 if kwh < 1 else 2 if kwh < 10 else 1


def violations(page: Page) -> list[str]:
    found = Axe().run(page)
    return [f"{one['id']}: {node['html'][:150]}" for one in found.response["violations"] for node in one["nodes"]]


def test_the_link_shows_the_house_and_does_not_stay_in_the_address(page: Page) -> None:
    assert "token" not in page.url
    assert re.search(r"/#/home/day/\d{4}-\d\d-\d\d$", page.url)
    expect(page.locator("#device")).to_have_value("home")


@pytest.mark.parametrize(("kind", "span"), VIEWS)
def test_the_bars_are_what_is_stored(page: Page, house: House, kind: str, span: str) -> None:
    go(page, kind, span)
    seen = [(bar["start"], round(float(bar["import"]) * 1e6), round(float(bar["export"]) * 1e6)) for bar in bars(page) if "import" in bar]
    stored = [(total.import_mwh, total.export_mwh) for total in house.stored(kind, span)]
    assert [bar[1:] for bar in seen] == stored and stored


@pytest.mark.parametrize(("kind", "larger", "span"), [("day", "month", "2026-10-24"), ("month", "year", "2026-10")])
def test_the_sum_above_the_bars_is_the_stored_total_and_not_an_addition(page: Page, house: House, kind: str, larger: str, span: str) -> None:
    go(page, kind, span)
    larger_span = span[:7] if larger == "month" else span[:4]
    with house.client("ada") as client:
        periods = client.get(f"/v1/devices/home/{larger}/{larger_span}").json()["periods"]
    total = next(period["total"] for period in periods if period["local"] == span)
    assert abs(total["import_kwh"] - sum(float(bar["import"]) for bar in bars(page) if "import" in bar)) > 0.9
    expect(page.locator("#sums dd").first).to_contain_text(f"{total['import_kwh']:.{digits(total['import_kwh'])}f} kWh")
    expect(page.locator("#sums")).to_contain_text(f"€{total['import_cost']:.2f}")
    given = [f"{total['export_kwh']:.{digits(total['export_kwh'])}f} kWh", f"€{total['export_credit']:.2f}"]
    expect(page.locator("#sums dd.export")).to_have_text(given if total["export_kwh"] else [])


@pytest.mark.parametrize(
    ("span", "before", "title"), [("2026-10-25", "2026-10-24", "Saturday, 24 October 2026"), ("2026-10", "2026-09", "September 2026")]
)
def test_beside_the_sum_stands_the_one_before(page: Page, house: House, span: str, before: str, title: str) -> None:
    kind, larger = ("day", "month") if len(span) == 10 else ("month", "year")
    go(page, kind, span)
    total = next(one for one in house.stored(larger, before[: len(before) - 3]) if CALENDAR.date(one.start).isoformat().startswith(before))
    expect(page.locator("#sums div", has=page.locator("dd.before"))).to_have_text(f"{title}{total.import_mwh / 1e6:.1f} kWh")


def test_what_is_missing_or_estimated_looks_different_and_is_said(page: Page) -> None:
    go(page, "day", "2026-10-24")
    by_hour = {bar["start"][11:13]: bar for bar in bars(page)}
    assert [hour for hour, bar in by_hour.items() if bar["quality"] == "unknown"] == ["03", "04"]
    assert [hour for hour, bar in by_hour.items() if bar["quality"] == "guessed"] == ["05", "06", "07"]
    assert "readings are missing" in by_hour["03"]["said"] and "100% estimated" in by_hour["05"]["said"]
    assert page.locator("#chart rect.guessed").count() == 3 and page.locator("#chart rect.unknown").count() == 2
    for text in ("estimated", "readings are missing"):
        expect(page.locator("#legend")).to_contain_text(text)


def test_hours_that_are_not_kept_any_more_are_not_called_missing(context: BrowserContext, house: House) -> None:
    with elsewhere(context, house, WATTFALL_KEEP_HOURS_MONTHS="1") as page:
        go(page, "month", "2026-09")
        page.locator("#chart a").nth(14).click()
        expect(page.locator("#view-title")).to_have_text("Tuesday, 15 September 2026")
        expect(page.locator("#note")).to_have_text("Hours of so long ago are not kept any more, only the total of the day.")
        expect(page.locator("#sums")).to_contain_text("From the grid")
        assert "missing" not in page.locator("#body").inner_text()
        for each in ("#chart", "#legend", "details"):
            expect(page.locator(each)).to_be_hidden()
        assert violations(page) == []
        picture(page, "hours-gone")
        page.get_by_role("link", name="Month").click()
        expect(page.locator("#chart")).to_be_visible()
        expect(page.locator("#note")).to_have_text("")


def test_totals_of_another_zone_are_said(context: BrowserContext, house: House) -> None:
    with elsewhere(context, house, WATTFALL_ZONE="Europe/London") as page:
        go(page, "month", "2026-10")
        expect(page.locator("#note")).to_have_text("Some totals were made in another time zone and are not shown.")


def test_without_a_tariff_nothing_costs_anything(context: BrowserContext, house: House) -> None:
    without = dict.fromkeys(("WATTFALL_CURRENCY", "WATTFALL_PRICE_IMPORT", "WATTFALL_PRICE_EXPORT"), "")
    with elsewhere(context, house, **without) as page:
        go(page, "month", "2026-10")
        expect(page.locator("#sums dt")).to_have_text(["From the grid", "Into the grid", "September 2026"])
        page.locator("summary").click()
        expect(page.locator("#rows thead th")).to_have_text(["Day", "From the grid", "Into the grid", "Estimated", "Time known"])


def test_the_table_has_what_the_bars_have(page: Page, house: House) -> None:
    go(page, "month", "2026-10")
    page.locator("summary").click()
    expect(page.locator("#rows thead th")).to_have_text(["Day", "From the grid", "Cost", "Into the grid", "Credit", "Estimated", "Time known"])
    day = house.stored("month", "2026-10")[4]
    used, given = day.import_mwh / 1e6, day.export_mwh / 1e6
    expect(page.locator("#rows tbody tr").nth(4).locator("td")).to_have_text(
        [f"{used:.3f} kWh", f"€{used * 0.30:.2f}", f"{given:.3f} kWh", f"€{given * 0.08:.2f}", "0%", "100%"]
    )


def test_of_what_goes_on_nobody_says_how_much_of_it_is_known(page: Page) -> None:
    go(page, "year", page.url.rpartition("/")[2][:4])
    page.locator("summary").click()
    expect(page.locator("#rows tbody tr").last.locator("td").last).to_have_text("goes on")


def test_a_meter_that_was_exchanged_is_said(page: Page) -> None:
    go(page, "day", "2026-10-25")
    assert [bar["start"][11:13] for bar in bars(page) if "the meter was exchanged or began anew" in bar["said"]] == ["12"]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_has_the_hours_that_it_has(page: Page, day: str, hours: int) -> None:
    go(page, "day", day)
    assert len(bars(page)) == hours
    twice = [bar["said"] for bar in bars(page) if bar["start"][11:13] == "02"]
    assert len(set(twice)) == len(twice) == {23: 0, 25: 2}[hours]
    assert all(offset in said for offset, said in zip(("UTC+2", "UTC+1"), twice, strict=False))


def test_a_bar_leads_down_and_back_leads_up_by_mouse_and_by_keyboard(page: Page) -> None:
    go(page, "year", "2026")
    page.locator("#chart a").nth(9).click()
    expect(page.locator("#view-title")).to_have_text("October 2026")
    page.locator("#chart a").nth(23).focus()
    expect(page.locator("#told")).to_contain_text("24 October 2026")
    page.keyboard.press("Enter")
    expect(page.locator("#view-title")).to_have_text("Saturday, 24 October 2026")
    expect(page.locator("#view-title")).to_be_focused()
    page.go_back()
    expect(page.locator("#view-title")).to_have_text("October 2026")
    page.reload()
    expect(page.locator("#view-title")).to_have_text("October 2026")


def test_the_power_moves_when_a_reading_comes_and_says_how_old_it_is(page: Page, house: House) -> None:
    now = int(time.time() * 1000)
    send_live(house.environ, Live("home", power_mw=1_234_000, power_at=now - 300_000, offset=1))
    expect(page.locator("#power")).to_have_text("1.23 kW")
    expect(page.locator("#age")).to_have_text("5 minutes ago")
    expect(page.locator("#live")).to_have_class("old")
    send_live(house.environ, Live("home", power_mw=-567_000, power_at=now, offset=2))
    expect(page.locator("#power")).to_have_text("567 W")
    expect(page.locator("#live-title")).to_have_text("Given to the grid now")
    expect(page.locator("#age")).to_have_text(re.compile(r"\d+ seconds? ago"))


def test_a_device_without_readings_says_so(page: Page) -> None:
    go(page, "month", "2026-10", "empty")
    expect(page.locator("#note")).to_have_text("Nothing is known of this time.")
    expect(page.locator("#power")).to_have_text("–")
    expect(page.locator("#age")).to_have_text("no reading yet")


def test_a_meter_that_sends_no_power_is_shown_by_its_register(page: Page, house: House) -> None:
    now = int(time.time() * 1000)
    go(page, "day", "2026-10-24", "cellar")
    send_live(house.environ, Live("cellar", export_mwh=2_000_000, export_at=now - 7_300_000, offset=1))
    expect(page.locator("#live-title")).to_have_text("Meter reading, into the grid")
    expect(page.locator("#power")).to_have_text("2.00 kWh")
    expect(page.locator("#age")).to_have_text("2 hours ago")
    expect(page.locator("#live")).to_have_class("register export old")
    send_live(house.environ, Live("cellar", import_mwh=6_613_405_000, import_at=now - 300_000, offset=2))
    expect(page.locator("#live-title")).to_have_text("Meter reading, from the grid")
    expect(page.locator("#power")).to_have_text("6,613.4 kWh")
    expect(page.locator("#live")).to_have_class("register")
    picture(page, "register")


def test_where_nothing_is_known_a_way_leads_to_the_last_reading(page: Page, house: House) -> None:
    send_live(house.environ, Live("attic", power_mw=1_000, power_at=1_751_000_000_000, import_mwh=1, import_at=1_751_323_600_000, offset=1))
    go(page, "day", "2026-10-24", "attic")
    page.get_by_role("link", name="To the last reading: Tuesday, 1 July 2025").click()
    expect(page.locator("#view-title")).to_have_text("Tuesday, 1 July 2025")
    expect(page.locator("#last")).to_be_hidden()
    expect(page.locator("#view-title")).to_be_focused()
    go(page, "year", "2026", "attic")
    expect(page.locator("#last")).to_have_attribute("href", "#/attic/year/2025")
    go(page, "day", "2026-10-24")
    expect(page.locator("#last")).to_be_hidden()


def test_the_page_says_whose_it_is(page: Page, house: House) -> None:
    expect(page.locator("#leave")).to_have_text("Log out (ada)")
    page.goto(house.link("bob"))
    expect(page.locator("#leave")).to_have_text("Log out (bob)")


def test_the_neighbours_house_is_not_there(page: Page) -> None:
    page.evaluate("location.hash = '#/barn/day/2026-10-24'")
    expect(page.locator("#trouble")).to_have_text("There is no such device, or it is not yours.")
    expect(page.locator("#body")).to_be_hidden()
    expect(page.locator("#live")).to_be_hidden()
    page.evaluate("location.hash = '#/home/day/2026-10-24'")
    expect(page.locator("#chart svg")).to_be_visible()
    expect(page.locator("#trouble")).to_have_text("")


def test_a_date_that_is_none_is_said(page: Page) -> None:
    page.evaluate("location.hash = '#/home/day/2026-02-30'")
    expect(page.locator("#trouble")).to_have_text("There is no such date.")
    expect(page.locator("#body")).to_be_hidden()


def test_an_address_that_says_nothing_leads_to_today(page: Page) -> None:
    today = page.url
    page.evaluate("location.hash = '#/home/week/soon'")
    expect(page).to_have_url(today)


def test_another_persons_link_in_the_same_window_shows_their_devices(page: Page, house: House) -> None:
    page.goto(house.link("bob"))
    expect(page.locator("#device option")).to_have_text(["barn"])
    expect(page.locator("#note")).to_have_text("Nothing is known of this time.")


def test_a_dashboard_that_is_away_is_said_and_so_is_that_it_is_back(browser: Browser, house: House) -> None:
    with serving(house.environ) as url:
        port = int(url.rpartition(":")[2])
        page = browser.new_page(locale="en")
        page.goto(url + house.link("ada").removeprefix(house.url))
        page.wait_for_selector("#chart svg")
    expect(page.locator("#trouble")).to_contain_text("The dashboard does not answer", timeout=20_000)
    expect(page.locator("#chart svg")).to_be_visible()
    with serving(house.environ, port):
        expect(page.locator("#trouble")).to_have_text("", timeout=30_000)
    page.close()


def test_a_name_and_a_password_open_the_page_and_log_out_closes_it(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(house.url)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#refused")).to_have_text("The name or the password is wrong.")
    assert violations(page) == []
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#chart svg")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#login")).to_be_visible()
    expect(page.locator("#view")).to_be_hidden()
    assert context.cookies() == []


def test_a_link_that_is_not_valid_any_more_says_so(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(f"{house.url}/#token=old.old.old")
    expect(page.locator("#refused")).to_have_text("This link is not valid any more.")


def brightness(page: Page) -> int:
    """Of the ground, 0 to 255."""
    return max(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))))


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200], ids=["phone", "desktop"])
def test_everybody_can_use_it_in_each_look(browser: Browser, house: House, width: int, scheme: Any, language: str) -> None:
    with browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, locale=language) as context:
        page = context.new_page()
        page.goto(house.link("ada"))
        page.wait_for_selector("#chart svg")
        assert page.evaluate("document.documentElement.lang") == language
        assert (brightness(page) < 60) is (scheme == "dark")
        for kind, span in (("day", "2026-10-24"), ("month", "2026-10"), ("year", "2026")):
            go(page, kind, span)
            page.locator("summary").click() if kind == "day" else None
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "something sticks out"
            assert picture(page, f"{kind}-{'phone' if width < 1000 else 'desktop'}-{scheme}-{language}").stat().st_size


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_when_something_is_wrong(browser: Browser, house: House, scheme: Any) -> None:
    people(house.environ).put("dan", [], None)
    with browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, locale="en") as context:
        page = context.new_page()
        page.goto(f"{house.url}/#token={token(house.environ, 'dan')}")
        expect(page.locator("#trouble")).to_have_text("There is no device yet that you may see.")
        assert violations(page) == []
        page.goto(house.link("ada"))
        page.wait_for_selector("#chart svg")
        go(page, "month", "2026-10", "empty")
        expect(page.locator("#note")).not_to_have_text("")
        assert violations(page) == []
        picture(page, f"empty-{scheme}")
        page.evaluate("location.hash = '#/barn/day/2026-10-24'")
        expect(page.locator("#trouble")).not_to_have_text("")
        assert violations(page) == []
        picture(page, f"trouble-{scheme}")


def test_both_languages_say_the_same() -> None:
    english, dutch = (json.loads((FOLDER / "words" / f"{name}.json").read_text(encoding="utf-8")) for name in ("en", "nl"))
    assert list(english) == list(dutch)
    blanks = [{name: re.findall(r"\{\w+\}", text) for name, text in words.items()} for words in (english, dutch)]
    assert blanks[0] == blanks[1]


SAID: Final = (
    r"\bword\(([^(){]*)",
    r'\btell\(place\("\w+"\), ([^;]*)',
    r'\btrouble\("\w+", ([^;]*)',
    r"watched\.trouble\(([^;]*)",
    r"\bnobody\(([^;]*)",
    r"const (?:WRONG|NOT_ENTERED) = ([^;]*)",
    r"function noted\b(.*?)\n}",
    r"return {( title: [^,]*)",
    r'data-word=("\w+")',
)
"""Where the page's source says its words, but for those of `ways` and of a grain."""


def said() -> set[str]:
    """The words that are named there."""
    source = "".join(path.read_text(encoding="utf-8") for path in [*FOLDER.glob("*.js"), *FOLDER.glob("*.html")])
    source = re.sub(r"\.includes\(.*?\)", "", source)
    texts = [text for pattern in SAID for text in re.findall(pattern, source, re.DOTALL)]
    named = {name for text in texts for name in re.findall(r'"(\w+)"', text)}
    return named | {f"{way}_{kind}" for way in ("before", "after") for kind in ("day", "month", "year")} | {"hour"}


def test_every_word_is_said_and_every_word_that_is_said_is_there() -> None:
    english = json.loads((FOLDER / "words" / "en.json").read_text(encoding="utf-8"))
    assert said() == set(english)


def first_view(context: BrowserContext, house: House) -> tuple[float, int]:
    """How many seconds it takes from a link to the bars, and how many bytes of answers come over the wire."""
    page, asked = context.new_page(), list[Request]()

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    began = time.monotonic()
    page.goto(house.link("ada"))
    page.wait_for_selector("#chart svg")
    took = time.monotonic() - began
    answers = [answer for one in asked if "stream" not in one.url and (answer := one.response()) and answer.status == 200]
    sizes = {answer: answer.request.sizes()["responseBodySize"] for answer in answers}
    assert [answer.url for answer, size in sizes.items() if size > 1000 and answer.headers.get("content-encoding") != "gzip"] == []
    return took, sum(sizes.values())


def test_the_first_view_is_small(browser: Browser, house: House) -> None:
    """How long it takes is only told (`-s`), since a machine may be busy with something else."""
    for state in ("cold", "warm"):
        with browser.new_context(locale="en") as context:
            took, size = first_view(context, house)
        print(f"first view, {state}: {size:,} bytes, {took:.2f} s")
        assert 1000 < size <= LARGEST_FIRST_VIEW


def test_no_file_of_the_page_names_another_host() -> None:
    def hosts(path: Path) -> list[str]:
        return [host for host in re.findall(r"https?://[\w.]+", path.read_text(encoding="utf-8")) if host != "http://www.w3.org"]

    assert [(path.name, hosts(path)) for path in FOLDER.rglob("*.*") if hosts(path)] == []
