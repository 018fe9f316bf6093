"""What is told of the long runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.prove import Result, after, kept, page


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


def test_failures_of_before_are_not_forgotten() -> None:
    last: dict[str, Result] = {}
    for wrong in ("", "something", "", ""):
        last["crash"] = after(last, Result("crash", 1, 1.0, wrong=wrong), "this")
    assert (last["crash"].held, last["crash"].played, last["crash"].product) == (3, 4, "this")


def test_results_of_another_product_are_not_kept(tmp_path: Path) -> None:
    report = tmp_path / "prove.json"
    report.write_text(json.dumps([vars(Result("crash", 1, 1.0, product="this")), vars(Result("storm", 2, 1.0, product="other"))]))
    assert kept("this", report).keys() == {"crash"}
    assert kept("this", tmp_path / "none.json") == {}
