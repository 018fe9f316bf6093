"""`python -m agents` as far as it goes without Kafka."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.stack import ROOT, clean_environ


@pytest.mark.parametrize(
    ("role", "variable", "value", "said"),
    [
        ("waterfall", "WATTFALL_ZONE", "Europe/Atlantis", "is no time zone; wanted is an IANA name such as Europe/Amsterdam"),
        ("worker", "WATTFALL_FAULT", "nowhere", "wanted is <point>[:n] or pause:<point>:<seconds>[:n] with a point of before_fold, "),
        ("sinks", "WATTFALL_SINK_THREADS", "²", "must be a whole number from 1 to 256"),
    ],
)
def test_a_setting_that_will_not_do_is_one_line(role: str, variable: str, value: str, said: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "agents", role], cwd=ROOT, env=clean_environ() | {variable: value}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"wattfall: {variable}={value!r}: {said}") and ran.stderr.count("\n") == 1, ran.stderr
