"""`python -m agents` as far as it goes without Kafka."""

from __future__ import annotations

import json
import os
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
    told = json.loads(ran.stderr)
    assert told["message"].startswith(f"{variable}={value!r}: {said}") and (told["exit_code"], told["exit_cause"]) == (2, "configuration")


def test_what_is_wrong_with_the_form_of_the_logs_is_said_in_the_other_one() -> None:
    environ = clean_environ() | {"WATTFALL_LOG_FORMAT": "xml"}
    ran = subprocess.run([sys.executable, "-m", "agents", "sinks"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert json.loads(ran.stderr)["message"] == "WATTFALL_LOG_FORMAT='xml': must be one of: auto, text, json"


def test_a_terminal_has_text() -> None:
    ours, theirs = os.openpty()
    environ = clean_environ() | {"WATTFALL_ZONE": "Mars/Olympus"}
    ran = subprocess.run([sys.executable, "-m", "agents", "sinks"], cwd=ROOT, env=environ, stderr=theirs, check=False)
    said = os.read(ours, 1000).decode()
    os.close(ours)
    os.close(theirs)
    assert ran.returncode == 2 and said.startswith("wattfall: WATTFALL_ZONE='Mars/Olympus': ") and said.endswith(" [exit 2: configuration]\r\n")


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
