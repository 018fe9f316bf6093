"""The page that Prometheus is given."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from streams.metrics import ALL, BOUNDS, LAG, PROCESS_START, RECORDS, Named, Sample, Spread
from streams.page import text


def numbers(samples: list[Sample]) -> dict[str, float]:
    """What a reader makes of the page: by name and labels as they are written there."""
    found = {}
    for family in parsed(text(samples).decode()):
        for one in family.samples:
            found[f"{one.name}{sorted(one.labels.values())}"] = one.value
    return found


def test_samples_of_one_metric_stand_together_under_its_name_and_labels() -> None:
    samples = [Sample(RECORDS, ("hours", "3", "counted"), 7), Sample(LAG, ("readings", "3"), 2), Sample(RECORDS, ("hours", "3", "late"), 1)]
    assert numbers(samples) == {
        "wattfall_records_total['3', 'counted', 'hours']": 7,
        "wattfall_records_total['3', 'hours', 'late']": 1,
        "wattfall_lag['3', 'readings']": 2,
    }


def test_nothing_to_tell_is_an_empty_page() -> None:
    assert text([]) == b""


def test_a_spread_counts_up_to_each_bound() -> None:
    [histogram] = [named for named in ALL if named.kind == "histogram"]
    spread = Spread()
    for seconds in (0.1, 0.5, 0.6, 7_200.0):
        spread.see(seconds)
    found = numbers([Sample(histogram, ("hours",), spread)])
    assert found["wattfall_stored_after_seconds_bucket['0.5', 'hours']"] == 2
    assert found["wattfall_stored_after_seconds_bucket['1.0', 'hours']"] == 3
    assert found["wattfall_stored_after_seconds_bucket['3600.0', 'hours']"] == 3
    assert found["wattfall_stored_after_seconds_bucket['+Inf', 'hours']"] == 4
    assert found["wattfall_stored_after_seconds_count['hours']"] == 4
    assert found["wattfall_stored_after_seconds_sum['hours']"] == pytest.approx(7_201.2)
    assert len(spread.counts) == len(BOUNDS)


@pytest.mark.parametrize("named", ALL, ids=lambda named: named.name)
def test_every_metric_has_a_name_a_kind_and_a_meaning(named: Named) -> None:
    assert (named.name.startswith("wattfall_") or named is PROCESS_START) and not named.name.endswith("_total")
    assert named.kind in ("counter", "gauge", "histogram")
    assert named.about.endswith(".") and "|" not in named.about


def test_no_two_have_the_same_name() -> None:
    assert len({named.name for named in ALL}) == len(ALL)
