"""What processes use as time passes: memory, file descriptors, threads and tasks, and whether that grows."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from tests.faults.workers import Seat

EVERY_S: Final = 2.0
WARM: Final = 0.25
"""So much of the time is warm-up."""
MEMORY_GROWTH: Final = 1.05
SPARE: Final = 2
"""So many more descriptors, threads or tasks are chance: a connection that is just being made, a request under way."""


class Sample(NamedTuple):
    """One look at one process.

    `memory` is its own, without the files that are mapped; `files`: descriptors but for RocksDB's tables, which come and go as it merges them.
    """

    memory: int
    files: int
    threads: int
    tasks: int


class Usage:
    """Looks at who sits in the seats. `folder` is where the workers count their tasks (tests/faults/watched)."""

    def __init__(self, seats: Sequence[Seat], folder: Path) -> None:
        self.seats, self.folder = seats, folder
        self.samples: dict[str, list[Sample]] = {seat.name: [] for seat in seats}

    async def watch(self, seconds: float) -> None:
        """Looks again and again for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for seat in self.seats:
                self.samples[seat.name].append(self.look(seat.pid))
            await asyncio.sleep(EVERY_S)

    def look(self, pid: int) -> Sample:
        """As it is now."""
        process = psutil.Process(pid)
        with process.oneshot():
            files = process.num_fds() - sum(file.path.endswith(".sst") for file in process.open_files())
            memory = process.memory_info()
            return Sample(memory.rss - getattr(memory, "shared", 0), files, process.num_threads(), int((self.folder / str(pid)).read_text()))

    def grown(self) -> list[str]:
        """Whose use is more in the last quarter of the time after the warm-up than in the first."""
        found = []
        for name in self.samples:
            memory = self.quarters(name, statistics.median, lambda sample: sample.memory)
            if memory[-1] > memory[0] * MEMORY_GROWTH:
                found.append(f"{name}: memory by quarters {megabytes(memory)}")
            for what in ("files", "threads", "tasks"):
                counts = self.quarters(name, max, lambda sample, what=what: getattr(sample, what))  # type: ignore[misc]
                if counts[-1] > counts[0] + SPARE:
                    found.append(f"{name}: {what} from {counts[0]:.0f} to {counts[-1]:.0f}")
        return found

    def quarters(self, name: str, of: Callable[[list[float]], float], what: Callable[[Sample], float]) -> list[float]:
        """One number for each quarter of the time after the warm-up."""
        values = [what(sample) for sample in self.samples[name]]
        warm = values[int(len(values) * WARM) :]
        assert len(warm) >= 8, f"{name} was looked at {len(values)} times only"
        size = len(warm) // 4
        return [of(warm[at * size : (at + 1) * size]) for at in range(4)]

    def __str__(self) -> str:
        lines = []
        for name in self.samples:
            memory = self.quarters(name, statistics.median, lambda sample: sample.memory)
            counts = self.samples[name][-1]
            lines.append(f"{name} {megabytes(memory)}, {counts.files} files, {counts.threads} threads, {counts.tasks} tasks")
        return "; ".join(lines)


def megabytes(values: Sequence[float]) -> str:
    """For people."""
    return f"{', '.join(f'{value / 1e6:.1f}' for value in values)} MB"
