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


def test_a_stop_before_the_work_gets_lost_in_no_except_clause() -> None:
    script = """
import os, signal
from agents.__main__ import stop_at_once
signal.signal(signal.SIGTERM, stop_at_once)
try:
    os.kill(os.getpid(), signal.SIGTERM)
except BaseException:
    print("goes on")
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
