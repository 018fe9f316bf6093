"""A real browser, and a dashboard to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.dashboards import House, furnished
from tests.stack import ROOT, Stack

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
ABSENT: Final = (
    "there is no browser: install Chromium (Debian: apt-get install chromium; macOS: Google Chrome will do), "
    "or name one that is built on it by WATTFALL_BROWSER"
)
PICTURES: Final = ROOT / "build" / "page"
"""What the tests saw; kept, to be looked at."""


def executable() -> str:
    """Of the browser that this machine has."""
    wanted = os.environ.get("WATTFALL_BROWSER")
    found = next(filter(None, map(shutil.which, [wanted] if wanted else NAMES)), None)
    assert found is not None, ABSENT
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Chromium's own sandbox does not work for root, as which CI runs. Nothing but our own page is opened.
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def house(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with furnished(stack, f"page{os.getpid()}", tmp_path_factory.mktemp("dashboard")) as house:
        yield house


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1200, "height": 900}, locale="en-GB") as context:
        context.set_default_timeout(15_000)
        yield context


@pytest.fixture
def page(context: BrowserContext, house: House) -> Iterator[Page]:
    """ada, who followed her link; whatever the browser complains of in the meantime fails the test."""
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith(house.url) else None)
    page.goto(house.link("ada"))
    page.wait_for_selector("#chart svg")
    yield page
    assert said == []


def picture(page: Page, name: str) -> Path:
    """Keeps what is seen."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
