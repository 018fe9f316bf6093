"""What is told of the long runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from docs.generate import PROOF
from tests.faults.prove import BESIDES, Report, Result, digest, page
from tests.faults.scenarios import SCENARIOS
from tests.stack import ROOT


def test_a_row_has_the_sum_and_the_waits() -> None:
    outcomes = {"counted": 1_000, "duplicate": 20, "rejected": 3}
    ran = Result(
        "crash",
        7,
        1.0,
        took_s=61.4,
        landed={"SIGKILL": 2},
        sent=900,
        readings=1_023,
        outcomes=outcomes,
        totals=1_234,
        waits=[3.0, 5.0, 4.0],
        refused=9,
        held=1,
        played=2,
    )
    row = page([ran]).splitlines()[-1]
    assert row == "| crash | 1 of 2 | 7 | 61 | SIGKILL × 2 | 900 | 1,023 = 1,000 + 20 + 0 + 3 + 0 | 1,234; 0, 0, 0 | 4.0 s, at most 5.0 s | 9 |"


def test_a_scenario_that_failed_is_not_called_equal() -> None:
    assert "| FAILED 5; 1, 0, 2 |" in page([Result("crash", 7, 1.0, totals=5, kinds={"missing": 1, "different": 2}, wrong="something")])
    assert "| FAILED |" in page([Result("crash", 7, 1.0, wrong="something before the verdict")])


def test_failures_of_before_are_not_forgotten(tmp_path: Path) -> None:
    for wrong in ("", "something", "", ""):
        one = Report("this", tmp_path / "report.json").keep(Result("crash", 1, 1.0, wrong=wrong))
    assert (one.held, one.played, one.product) == (3, 4, "this")


def test_a_short_run_does_not_take_the_place_of_a_long_one(tmp_path: Path) -> None:
    for scale in (1.0, 0.1):
        Report("this", tmp_path / "report.json").keep(Result("crash", 1, scale))
    assert {long: one.scale for (_, long), one in Report("this", tmp_path / "report.json").last.items()} == {True: 1.0, False: 0.1}


def test_results_of_another_product_are_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps([{"product": "other", "name": "storm", "of": "another form"}]))
    report = Report("this", file)
    assert report.last == {}
    report.keep(Result("crash", 1, 1.0))
    assert Report("this", file).last.keys() == {("crash", True)}


def test_the_whole_is_all_scenarios_in_their_long_form_and_held(tmp_path: Path) -> None:
    report = Report("this", tmp_path / "report.json")
    for name in SCENARIOS:
        assert report.whole() == []
        report.keep(Result(name, 1, 1.0))
    assert [one.name for one in report.whole()] == list(SCENARIOS)
    report.keep(Result("crash", 1, 1.0, wrong="something"))
    assert report.whole() == []


def test_each_scenario_is_named_where_it_is_said_what_is_claimed() -> None:
    claims = PROOF.read_text().partition("## What is not claimed")[0]
    named = {name.strip() for some in re.findall(r"`make prove` \(([a-z, ]+)(?:: [a-z]+)?\)", claims) for name in some.split(",")}
    assert named == set(SCENARIOS)


def test_the_product_has_a_name_and_nothing_that_makes_it_is_missing() -> None:
    assert re.fullmatch("[0-9a-f]{16}", digest())
    assert all(list(ROOT.glob(each)) for each in BESIDES)
