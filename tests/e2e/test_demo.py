"""`make demo ONCE=1`: the whole of it, as a user would run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.stack import ROOT, clean_environ

LIMIT_S = 240
STATE = ROOT / ".state" / "demo"


def started(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "demo", *options]
    return subprocess.Popen(command, cwd=ROOT, env=clean_environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def left_behind() -> list[str]:
    """Processes with the demo's folder in their command or environment; empty where there is no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            told = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:
            continue
        if str(STATE).encode() in told and int(path.name) != os.getpid():
            found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_every_total_is_equal_and_nothing_is_left_running() -> None:
    demo = started("--once")
    said, _ = demo.communicate(timeout=LIMIT_S)
    assert demo.returncode == 0, said
    assert "totals checked, " in said
    assert "demo-house by hour" in said and "demo-house by day" in said and "demo-house by month" in said and "cad-000001 live" in said
    assert left_behind() == []


def test_a_demo_that_is_killed_leaves_nothing_running() -> None:
    demo = started()
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("readings sent"):
            break
    assert left_behind() or not Path("/proc").exists()
    demo.send_signal(signal.SIGKILL)
    demo.wait()
    limit = time.monotonic() + 30
    while left_behind() and time.monotonic() < limit:
        time.sleep(0.2)
    assert left_behind() == []
