"""A role of Wattfall as a process of its own, as it is run in earnest: what it said and when, and the CPU it used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.stack import ROOT, BenchError

STOP_S: Final = 20.0


class Role:
    """A running process. Its lines are kept with the time at which each came (monotonic, s) and the CPU it had used by then (s)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[tuple[float, float, str]] = []
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def cpu_s(self) -> float:
        """User and system time so far."""
        return cpu_seconds(self.process.pid)

    def begun(self) -> list[int]:
        """The processes that it has begun, as they are now."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], check=False, capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def await_lines(self, pattern: str, count: int, limit_s: float) -> list[tuple[float, float, str]]:
        """The first `count` lines that match. Raises BenchError with the last words if they do not come."""
        wanted = re.compile(pattern)
        until = time.monotonic() + limit_s
        with self._arrived:
            while len(found := [line for line in self.lines if wanted.search(line[2])]) < count:
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    words = " | ".join(text for _, _, text in self.lines[-4:])
                    raise BenchError(f"waited for {count} × {pattern!r} of process {self.process.pid} (exit code {self.process.poll()}): {words}")
                self._arrived.wait(min(left, 0.5))
        return found[:count]

    def stop(self) -> None:
        """SIGTERM, and the end. Raises BenchError if that is not its exit code 0."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(1.0)
        if self.process.returncode:
            words = " | ".join(text for _, _, text in self.lines[-4:])
            raise BenchError(f"a worker ended with {self.process.returncode}: {words}")

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._arrived:
                self.lines.append((time.monotonic(), self.cpu_s, line.rstrip()))
                self._arrived.notify_all()


@contextmanager
def started(*arguments: str, environ: Mapping[str, str]) -> Iterator[Role]:
    """`python -m …` until the block ends, then stopped in order; killed if the block fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    role = Role(process)
    try:
        yield role
        role.stop()
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, 0 once it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    text = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout.strip()
    parts = [float(part) for part in text.replace("-", ":").split(":")] if text else []
    return sum(part * size for part, size in zip(reversed(parts), (1, 60, 3600, 86_400), strict=False))
