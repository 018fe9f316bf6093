"""When something is wrong the page says what, shows nothing as what it is not, and goes on by itself once it is right again."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from metering.live import Live
from tests.browser.test_dashboard_page import bars, go
from tests.dashboards import PASSWORD, House, command, send_live

AGAIN_MS: Final = 15_000
"""Generous: the page tries again after five seconds."""


class Held(list[Route]):
    """Takes requests and lets them wait for their answers."""

    def __call__(self, route: Route) -> None:
        self.append(route)


def look_again(page: Page) -> None:
    """As when somebody comes back to the page."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def hide(page: Page, hidden: bool) -> None:
    """As another tab in front does; a browser without a window has none in front."""
    page.evaluate("hidden => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }) }", hidden)
    look_again(page)


def gone_to(page: Page, address: str) -> None:
    page.evaluate("hash => { location.hash = hash }", address)


def link(house: House, person: str) -> str:
    return f"{house.url}/#token={command(house.environ, 'token', person).stdout.strip()}"


def log_in(page: Page) -> None:
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


@pytest.fixture
def cat(context: BrowserContext, house: House) -> Iterator[Page]:
    """Somebody whose devices change; the neighbour's house is not among them."""
    command(house.environ, "person", "cat", "--devices", "home,attic")
    page = context.new_page()
    page.goto(link(house, "cat"))
    page.wait_for_selector("#chart svg")
    yield page


# Whose clock and whose calendar


@pytest.mark.parametrize("year", [2001, 2040])
def test_the_visitors_clock_decides_nothing(page: Page, context: BrowserContext, house: House, year: int) -> None:
    today, views = page.url.rpartition("/")[2], {}
    for kind, span in (("day", "2026-10-24"), ("day", today), ("month", "2026-10")):
        go(page, kind, span)
        views[kind, span] = [(bar["start"], bar["quality"]) for bar in bars(page)]
    wrong = context.new_page()
    wrong.clock.set_fixed_time(dt.datetime(year, 1, 1, tzinfo=dt.UTC))
    wrong.goto(house.url)
    wrong.wait_for_selector("#chart svg")
    assert wrong.url.rpartition("/")[2] == today
    for (kind, span), seen in views.items():
        go(wrong, kind, span)
        assert [(bar["start"], bar["quality"]) for bar in bars(wrong)] == seen


def test_hours_are_called_what_the_api_calls_them(page: Page) -> None:
    """The browser may know a zone otherwise, or not at all."""

    def elsewhere(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "zone": "Mars/Phobos"})

    page.route("**/day/*", elsewhere)
    go(page, "day", "2026-10-25")
    assert [bar["said"].partition(":00 ")[2].partition(":")[0] for bar in bars(page)][1:4] == ["UTC+2", "UTC+2", "UTC+1"]
    page.locator("summary").click()
    names = [f"{hour:02}:00 UTC+2" for hour in range(3)] + [f"{hour:02}:00 UTC+1" for hour in range(2, 24)]
    expect(page.locator("#rows th[scope=row]")).to_have_text(names)


def test_the_first_year_has_none_before_it(page: Page) -> None:
    for kind, span in (("year", "1999"), ("month", "1999-01"), ("day", "1999-01-01")):
        go(page, kind, span)
        expect(page.locator("#trouble")).to_have_text("")
        expect(page.locator("#chart svg")).to_be_visible()
        expect(page.locator("#before")).to_be_hidden()
    go(page, "year", "2026")
    expect(page.locator("#before")).to_be_visible()


def test_the_day_after_autumns_change_is_beside_both_hours_of_one_name(page: Page) -> None:
    go(page, "day", "2026-10-26")
    marks = page.eval_on_selector_all("#chart [data-start]", "all => all.map(one => one.querySelectorAll('line.before').length)")
    assert marks == [1, 1, 2, *[1] * 21]


# What is shown is what is asked for


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "The dashboard does not answer."),
        ({"status": 200, "body": "<p>Please wait", "content_type": "text/html"}, "The dashboard does not answer."),
        ({"status": 429}, "More is asked for than one person may."),
        ({"status": 503}, "What is stored cannot be read at the moment."),
    ],
)
def test_no_view_stands_under_the_address_of_another(page: Page, answer: dict[str, Any], said: str) -> None:
    go(page, "day", "2026-10-24")
    page.route("**/month/*", lambda route: route.fulfill(**answer) if answer else route.abort())
    gone_to(page, "#/home/month/2026-09")
    expect(page.locator("#trouble")).to_contain_text(said)
    expect(page.locator("#view-title")).to_have_text("September 2026")
    expect(page.locator("#body")).to_be_hidden()
    page.unroute_all()
    expect(page.locator("#csv")).to_have_attribute("href", "/v1/devices/home/month/2026-09?format=csv", timeout=AGAIN_MS)
    expect(page.locator("#chart svg")).to_be_visible()
    expect(page.locator("#trouble")).to_have_text("")


def test_what_is_waited_for_is_not_what_was_there_before(page: Page) -> None:
    page.route("**/empty/**", Held())
    expect(page.locator("#power")).to_be_visible()
    gone_to(page, "#/empty/day/2026-10-24")
    expect(page.locator("#body")).to_be_hidden()
    expect(page.locator("#power")).to_have_text("–")
    expect(page.locator("#age")).to_have_text("")


def test_a_view_that_comes_late_does_not_replace_the_one_that_was_asked_for_after_it(page: Page) -> None:
    held = Held()
    page.route("**/month/2026-09", held)
    gone_to(page, "#/home/month/2026-09")
    expect(page.locator("#view-title")).to_have_text("September 2026")
    go(page, "year", "2026")
    with page.expect_response("**/month/2026-09"):
        held[0].continue_()
    page.wait_for_timeout(500)
    expect(page.locator("#csv")).to_have_attribute("href", "/v1/devices/home/year/2026?format=csv")
    assert len(bars(page)) == 12


# Ways on


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#/barn/day/2026-10-24", "There is no such device, or it is not yours."),
        ("#/home/day/2026-02-30", "There is no such date."),
        ("#/home/year/1998", "There is no such date."),
    ],
)
def test_from_what_is_not_there_a_way_leads_to_today(page: Page, address: str, said: str) -> None:
    today = page.url
    gone_to(page, address)
    expect(page.locator("#trouble")).to_have_text(said)
    expect(page.locator("#body")).to_be_hidden()
    page.get_by_role("link", name="Today").click()
    expect(page.locator("#chart svg")).to_be_visible()
    assert page.url == today
    expect(page.locator("#trouble")).to_have_text("")
    expect(page.locator("#live")).to_be_visible()
    expect(page.get_by_role("link", name="Today")).to_be_hidden()


def test_an_address_that_cannot_be_read_leads_to_today(page: Page) -> None:
    today = page.url
    gone_to(page, "#/%/day/2026-10-24")
    expect(page).to_have_url(today)


def test_who_logs_in_where_there_is_nothing_for_them_comes_to_their_first_device(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(f"{house.url}/#/barn/month/2026-10")
    log_in(page)
    expect(page.locator("#chart svg")).to_be_visible()
    assert "/#/home/day/" in page.url
    expect(page.locator("#trouble")).to_have_text("")


def test_another_person_does_not_begin_where_the_last_one_was(page: Page, context: BrowserContext, house: House) -> None:
    go(page, "month", "2026-10")
    other = context.new_page()
    other.goto(house.link("bob"))
    other.wait_for_selector("#chart svg")
    look_again(page)
    expect(page.locator("#device option")).to_have_text(["barn"])
    expect(page.locator("#note")).to_have_text("Nothing is known of this time.")
    assert "/#/barn/day/" in page.url


# Devices come and go


def test_devices_that_come_and_go_are_noticed(cat: Page, house: House) -> None:
    command(house.environ, "person", "cat", "--devices", "attic,home,empty")
    look_again(cat)
    expect(cat.locator("#device option")).to_have_text(["attic", "home", "empty"])
    expect(cat.locator("#device")).to_have_value("home")
    command(house.environ, "person", "cat", "--devices", "")
    look_again(cat)
    expect(cat.locator("#trouble")).to_have_text("There is no device yet that you may see.")
    for each in ("#view", "#live", "#device"):
        expect(cat.locator(each)).to_be_hidden()


def test_a_device_that_is_theirs_no_more_is_told_as_that(cat: Page, house: House) -> None:
    command(house.environ, "person", "cat", "--devices", "attic")
    now = int(time.time() * 1000)
    send_live(house.environ, Live("home", power_mw=1000, power_at=now, offset=now))
    expect(cat.locator("#trouble")).to_have_text("There is no such device, or it is not yours.", timeout=AGAIN_MS)
    expect(cat.locator("#live")).to_be_hidden()


# The power now


def test_a_stream_that_is_refused_is_not_called_a_dashboard_that_is_away(page: Page) -> None:
    page.route("**/live/stream", lambda route: route.fulfill(status=429))
    page.reload()
    expect(page.locator("#trouble")).to_have_text("The power now does not come at the moment; trying again.")
    expect(page.locator("#chart svg")).to_be_visible()
    page.unroute_all()
    expect(page.locator("#trouble")).to_have_text("", timeout=AGAIN_MS)


def test_a_refused_stream_is_asked_for_less_and_less_often(page: Page) -> None:
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "stream" in request.url else None)
    page.route("**/live/stream", lambda route: route.fulfill(status=429))
    page.reload()
    page.wait_for_selector("#chart svg")
    for _ in range(30):
        page.clock.run_for(4000)
    assert 3 <= len(asked) <= 7


def test_a_session_that_has_ended_leads_from_the_stream_to_the_login(page: Page, context: BrowserContext) -> None:
    held = Held()
    page.route("**/live/stream", held)
    page.reload()
    page.wait_for_selector("#chart svg")
    context.clear_cookies()
    held[0].continue_(headers={})
    expect(page.locator("#login")).to_be_visible()
    expect(page.locator("#view")).to_be_hidden()


def test_a_page_that_nobody_sees_asks_for_nothing(page: Page) -> None:
    expect(page.locator("#age")).not_to_have_text("")
    with page.expect_event("requestfailed", lambda request: "stream" in request.url):
        hide(page, True)
    with page.expect_request("**/live/stream"), page.expect_request("**/v1/devices"):
        hide(page, False)
    expect(page.locator("#trouble")).to_have_text("")


# Coming in


def test_words_that_do_not_come_are_asked_for_again(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.route("**/words/*", lambda route: route.abort())
    page.goto(house.link("ada"))
    expect(page.locator("#silent")).to_contain_text("The dashboard does not answer; trying again.")
    assert "token" not in page.url
    page.unroute_all()
    expect(page.locator("#chart svg")).to_be_visible(timeout=AGAIN_MS)
    expect(page.locator("#silent")).to_be_hidden()


def test_a_browser_that_keeps_nothing_shows_the_house(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })")
    page.goto(house.link("ada"))
    expect(page.locator("#chart svg")).to_be_visible()
    page.locator("#language").select_option("nl")
    expect(page.get_by_role("link", name="Vandaag")).to_be_hidden()
    expect(page.locator("#leave")).to_have_text("Uitloggen (ada)")


def test_a_language_that_does_not_come_leaves_the_one_there_is(page: Page) -> None:
    page.route("**/words/*", lambda route: route.abort())
    page.locator("#language").select_option("nl")
    expect(page.locator("#trouble")).to_have_text("The other language could not be loaded. Please choose it again.")
    expect(page.locator("#language")).to_have_value("en")
    page.unroute_all()
    page.locator("#language").select_option("nl")
    expect(page.locator("#leave")).to_have_text("Uitloggen (ada)")
    expect(page.locator("#trouble")).to_have_text("")


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_link_outlives_a_dashboard_that_is_away(context: BrowserContext, house: House, status: int) -> None:
    page = context.new_page()
    page.route("**/session/bearer", lambda route: route.fulfill(status=status) if status else route.abort())
    page.goto(house.link("ada"))
    expect(page.locator("#trouble")).not_to_have_text("")
    expect(page.locator("#login")).to_be_hidden()
    page.unroute_all()
    expect(page.locator("#chart svg")).to_be_visible(timeout=AGAIN_MS)


def test_a_link_that_is_refused_does_not_show_the_house_of_who_is_there(page: Page, house: House) -> None:
    page.goto(f"{house.url}/#token=old.old.old")
    expect(page.get_by_text("This link is not valid any more.")).to_be_visible()
    for each in ("#view", "#live", "#device"):
        expect(page.locator(each)).to_be_hidden()
    look_again(page)
    gone_to(page, "#/home/day/2026-10-24")
    page.wait_for_timeout(500)
    expect(page.locator("#view")).to_be_hidden()


@pytest.mark.parametrize("door", ["password", "link"])
def test_a_session_that_the_browser_does_not_keep_is_said(context: BrowserContext, house: House, door: str) -> None:
    page = context.new_page()
    page.route("**/v1/session*", lambda route: route.fulfill(status=204))
    page.route("**/v1/session/bearer", lambda route: route.fulfill(status=204))
    page.goto(house.link("ada") if door == "link" else house.url)
    if door == "password":
        log_in(page)
    expect(page.locator("#refused")).to_contain_text("Your browser did not keep the session")
    expect(page.locator("#login")).to_be_visible()


@pytest.mark.parametrize("status", [0, 500, 503])
def test_a_login_that_does_not_work_is_not_tried_again_by_itself_and_does_not_say_so(context: BrowserContext, house: House, status: int) -> None:
    page = context.new_page()
    page.goto(house.url)
    page.route("**/v1/session", lambda route: route.fulfill(status=status) if status else route.abort())
    log_in(page)
    expect(page.locator("#refused")).to_have_text("You could not be logged in. Please try again.")


@pytest.mark.parametrize("status", [0, 503])
def test_nobody_believes_to_have_left_who_has_not(page: Page, status: int) -> None:
    page.route("**/v1/session", lambda route: route.fulfill(status=status) if status else route.abort())
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#trouble")).to_contain_text("You are still logged in")
    expect(page.locator("#view")).to_be_visible()
    with page.expect_response("**/day/*"):
        look_again(page)
    page.wait_for_timeout(500)
    expect(page.locator("#trouble")).to_contain_text("You are still logged in")
    page.unroute_all()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#login")).to_be_visible()


# What is looked at stays


@pytest.mark.parametrize("where", ["#chart [data-start] >> nth=3", "#ways a >> nth=1"])
def test_the_same_again_is_not_said_again_and_moves_nobody(page: Page, where: str) -> None:
    go(page, "day", "2026-10-24")
    page.locator("#chart [data-start]").nth(3).hover()
    told = page.locator("#told").inner_text()
    assert "03:00" in told
    page.locator(where).focus()
    page.evaluate("""() => {
        window.seen = [document.activeElement];
        document.addEventListener("focusin", () => window.seen.push("focus"));
        const said = new MutationObserver(() => window.seen.push("said"));
        const live = document.querySelectorAll("output, [role=status], [role=alert], [role=log], [aria-live]");
        for (const each of live) said.observe(each, { childList: true, characterData: true, subtree: true });
        document.querySelector("#chart line.grid").id = "old-line";
    }""")
    look_again(page)
    page.wait_for_selector("#old-line", state="detached")
    page.wait_for_timeout(1500)  # the age of the reading changes each second
    assert page.locator("#told").inner_text() == told
    assert page.evaluate("seen.length === 1 && seen[0] === document.activeElement")


# Where the focus is


def test_who_turns_pages_by_the_keyboard_can_go_on(page: Page) -> None:
    go(page, "day", "2026-10-24")
    page.locator("#before").focus()
    for title in ("Friday, 23 October 2026", "Thursday, 22 October 2026", "Wednesday, 21 October 2026"):
        page.keyboard.press("Enter")
        expect(page.locator("#view-title")).to_have_text(title)
        expect(page.locator("#csv")).to_have_attribute("href", re.compile(dt.datetime.strptime(title, "%A, %d %B %Y").date().isoformat()))
        expect(page.locator("#before")).to_be_focused()


def test_who_chooses_a_device_by_the_arrows_can_go_on(page: Page) -> None:
    page.locator("#device").focus()
    for device in ("empty", "attic", "cellar"):
        page.keyboard.press("ArrowDown")
        expect(page.locator("#csv")).to_have_attribute("href", re.compile(f"/{device}/"))
        expect(page.locator("#device")).to_be_focused()


def test_whose_way_ends_begins_at_the_title(page: Page) -> None:
    today = page.url.rpartition("/")[2]
    page.locator("#before").click()
    expect(page.locator("#csv")).not_to_have_attribute("href", re.compile(today))
    page.locator("#after").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#csv")).to_have_attribute("href", re.compile(today))
    expect(page.locator("#view-title")).to_be_focused()


def test_who_logs_in_begins_at_the_title(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(house.url)
    log_in(page)
    expect(page.locator("#chart svg")).to_be_visible()
    expect(page.locator("#view-title")).to_be_focused()
