"""What the soak takes for growth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.usage import Sample, Usage

STEADY = Sample(memory=100_000_000, files=30, threads=20, tasks=40)


def usage(samples: list[Sample]) -> Usage:
    made = Usage((), Path())
    made.samples["worker"] = samples
    return made


def test_what_is_used_for_warming_up_is_no_growth() -> None:
    cold = [Sample(1, 1, 1, 1)] * 25
    assert usage(cold + [STEADY] * 75).grown() == []


@pytest.mark.parametrize("what", ["memory", "files", "threads", "tasks"])
def test_what_grows_to_the_end_is_named(what: str) -> None:
    samples = [STEADY._replace(**{what: getattr(STEADY, what) * (100 + second) // 100}) for second in range(100)]
    [found] = usage(samples).grown()
    assert found.startswith(f"worker: {what} ")


def test_a_peak_in_the_middle_is_no_growth() -> None:
    peak = STEADY._replace(memory=150_000_000, files=60)
    assert usage([STEADY] * 60 + [peak] * 10 + [STEADY] * 30).grown() == []


def test_two_looks_are_no_proof() -> None:
    with pytest.raises(AssertionError, match="looked at 2 times only"):
        usage([STEADY] * 2).grown()
