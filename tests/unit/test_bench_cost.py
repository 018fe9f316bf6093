"""The price of a choice of intervals, and what is counted of a fleet, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.cost import Plan, duration, plans
from bench.prices import WRITE
from bench.report import AT_LEAST, AT_MOST, keep, missed
from bench.rows import HOPS, Fleet, count
from dynamodb.settings import Flushes
from streams.settings import Intervals

MILLION = 1_000_000


@pytest.mark.parametrize(("place", "dollars"), [(0, 648_000), (1, 108_000), (2, 61_200), (3, 34_650), (4, 3_600)])
def test_a_million_devices_for_thirty_days(place: int, dollars: int) -> None:
    plan = plans(Plan("yours"))[place]
    assert round(plan.writes * MILLION * WRITE) == dollars


def test_the_longest_interval_on_the_way_decides() -> None:
    plan = Plan("", message_s=10, checkpoints=Intervals(hours=30, days=60, months=600), flushes=Flushes(live=20, hours=10, days=300, months=0))
    assert plan.every_s == (20, 30, 300, 600)
    assert replace(plan, message_s=1800).every_s == (1800, 1800, 1800, 1800)


def test_yours_is_the_last_and_the_readings_are_yours_everywhere() -> None:
    yours = Plan("yours", interval_s=30, message_s=60)
    assert plans(yours)[-1] is yours
    assert {plan.interval_s for plan in plans(yours)} == {30}
    assert min(plan.message_s for plan in plans(yours)) == 60


def test_durations_are_said_in_the_largest_unit() -> None:
    assert [duration(seconds) for seconds in (0, 10, 90, 60, 900, 3600, 5400)] == ["at once", "10 s", "90 s", "1 min", "15 min", "1 h", "90 min"]


def test_a_rarer_checkpoint_writes_less() -> None:
    often, rarely = (count(Fleet(checkpoints=Intervals(hours=seconds)), devices=3)["hours"] for seconds in (10, 60))
    assert rarely.rows < often.rows <= 250
    assert rarely.rows <= 50
    assert rarely.totals < often.totals / 5


def test_every_hop_is_counted() -> None:
    written = count(Fleet(message_s=1800), devices=3)
    assert list(written) == list(HOPS)
    assert all(per.rows > 0 and per.totals > 0 and per.wire > 0 for per in written.values())


def test_results_add_up_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "build" / "bench.json"
    keep({"single.readings_per_s": 1.0, "floor.readings_per_s": 2.0}, file)
    assert keep({"single.readings_per_s": 3.0}, file) == {"single.readings_per_s": 3.0, "floor.readings_per_s": 2.0}


def test_what_is_missed_is_named_and_what_was_not_measured_is_not() -> None:
    assert missed({}) == []
    assert missed({name: limit - 0.1 for name, limit in AT_LEAST.items()}) == list(AT_LEAST)
    assert missed({name: limit + 0.1 for name, limit in AT_MOST.items()}) == list(AT_MOST)
    assert missed(AT_LEAST | AT_MOST) == []
