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


def started(state: Path, *options: str) -> subprocess.Popen[str]:
    """Beside whatever demo somebody watches: on a folder of its own."""
    command = [sys.executable, "-m", "demo", "--state", str(state), *options]
    return subprocess.Popen(command, cwd=ROOT, env=clean_environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def left_behind(state: Path) -> list[str]:
    """Processes with the folder in their command or environment; empty where there is no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            told = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:
            continue
        if str(state).encode() in told and int(path.name) != os.getpid():
            found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_every_total_is_equal_and_nothing_is_left_running(tmp_path: Path) -> None:
    demo = started(tmp_path / "demo", "--once")
    said, _ = demo.communicate(timeout=LIMIT_S)
    assert demo.returncode == 0, said
    assert "totals checked, " in said
    assert "demo-house by hour" in said and "demo-house by day" in said and "demo-house by month" in said and "cad-000001 live" in said
    assert left_behind(tmp_path) == []


def test_a_demo_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    demo = started(tmp_path / "demo")
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("readings sent"):
            break
    assert left_behind(tmp_path) or not Path("/proc").exists()
    demo.send_signal(signal.SIGKILL)
    demo.wait()
    limit = time.monotonic() + 30
    while left_behind(tmp_path) and time.monotonic() < limit:
        time.sleep(0.2)
    assert left_behind(tmp_path) == []


def test_a_folder_that_no_demo_made_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    demo = started(tmp_path)
    said, _ = demo.communicate(timeout=LIMIT_S)
    assert demo.returncode == 2
    assert "there is something that no demo made" in said
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
