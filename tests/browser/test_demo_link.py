"""`make demo` prints a link that just works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import picture
from tests.stack import ROOT, clean_environ

LINK = re.compile(r"http://127\.0\.0\.1:\d+/#token=\S+")


def test_the_link_of_the_demo_shows_its_meters_live_and_its_house(context: BrowserContext, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo", "--state", str(tmp_path / "demo")]
    demo = subprocess.Popen(command, cwd=ROOT, env=clean_environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert demo.stdout is not None
        link = next(filter(None, map(LINK.search, demo.stdout)), None)
        assert link is not None, f"it ended with {demo.wait()} without one"
        page = context.new_page()
        page.goto(link[0])
        expect(page.locator("#power")).to_have_text(re.compile(r"\d"))
        expect(page.locator("#age")).to_have_text(re.compile(r"\d+ seconds? ago"))
        expect(page.locator("#device option")).to_have_count(5)
        expect(page.locator("#chart svg")).to_be_visible()
        picture(page, "demo-live")
        page.evaluate("location.hash = '#/demo-house/month/2025-11'")
        expect(page.locator("#view-title")).to_have_text("November 2025")
        expect(page.locator("#chart [data-import]")).to_have_count(30)
        picture(page, "demo-house")
    finally:
        demo.terminate()
        demo.communicate(timeout=60)
