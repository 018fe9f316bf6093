"""`python -m agents worker`: a parent that starts the two roles, forwards what it is told, and ends with the first of them that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import Final

from streams.exits import Exit, last_words

ROLES: Final = ("waterfall", "sinks")
STOP_S: Final = 18.0
POLL_S: Final = 0.1
PARENT_S: Final = 1.0
ARENAS: Final = "2"
"""glibc gives each thread that writes to DynamoDB a heap of its own, and they all grow; docker/Dockerfile has the same."""


def run(environ: Mapping[str, str]) -> int:
    """The children get this environment. Returns 0 after SIGTERM or SIGINT, else the exit code of the child that ended first."""
    told: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
    children = {role: start(role, environ) for role in ROLES}
    try:
        while not told:
            for role, child in children.items():
                code = child.poll()
                if code is not None:
                    code = code if code >= 0 else 128 - code
                    last_words(code, f"{role} ended with {code}; stopping")
                    return code
            time.sleep(POLL_S)
        return Exit.STOPPED
    finally:
        stop(list(children.values()))


def start(role: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A child of its own session: a terminal's Ctrl-C reaches only the parent, which forwards it once."""
    own = {"MALLOC_ARENA_MAX": ARENAS, **environ, "WATTFALL_PARENT": str(os.getpid())}
    port = environ.get("WATTFALL_METRICS_PORT", "")
    if role == "sinks" and port.isdigit() and int(port):
        own["WATTFALL_METRICS_PORT"] = str(int(port) + 1)
    return subprocess.Popen([sys.executable, "-m", "agents", role], env=own, start_new_session=True)


def end_with_parent(number: str) -> None:
    """In a child: stops it, as SIGTERM would, once the process of this number is no longer its parent; also while it waits for a broker."""

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_S)
        os.kill(os.getpid(), signal.SIGTERM)

    if number.isdigit():
        threading.Thread(target=watch, args=(int(number),), name="watches the parent", daemon=True).start()


def stop(children: list[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all, SIGKILL to what is still there after the limit."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_S
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
