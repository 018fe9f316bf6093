"""The reasons of rejection: one closed list, in code, and in docs/metering.md as the code has it."""

from __future__ import annotations

import re

import pytest

from docs.generate import DOCS, LISTS, behind, renewed
from metering.errors import Reason, RejectedReading
from tests.oracle_reading import REASONS


def test_the_documentation_is_up_to_date() -> None:
    assert [page.name for page, _ in behind()] == [], "python -m docs.generate writes it"


def test_every_list_has_its_place() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert {name for name in LISTS if f"<!-- generated: {name} -->" in pages} == set(LISTS)


def test_a_list_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        renewed("<!-- generated: nothing -->\n<!-- end of nothing -->")


def test_what_surrounds_a_list_stays() -> None:
    page = renewed("before\n<!-- generated: reasons -->\nold\n<!-- end of reasons -->\nafter")
    assert page.startswith("before\n<!-- generated: reasons -->\n| reason |") and page.endswith("|\n<!-- end of reasons -->\nafter")
    assert renewed(page) == page


def test_the_table_has_every_reason_in_the_order_in_which_they_are_checked() -> None:
    assert re.findall(r"^\| `([a-z.]+)` \|", LISTS["reasons"](), re.MULTILINE) == [*REASONS, "sink.rejected"]


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_explained_by_one_line_of_a_table(reason: Reason) -> None:
    assert re.fullmatch(r"[^|\n]{10,140}\.", reason.meaning)


def test_a_detail_is_cut_to_what_a_header_may_hold() -> None:
    error = RejectedReading(Reason.SIZE, "x" * 300)
    assert (error.reason, error.detail) == ("size", "x" * 256)
