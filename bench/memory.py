"""How much memory a device needs in readings_to_hours: growth of the resident set of a process of its own, over the turn of an hour.

Run as a process: `python -m bench.memory DEVICES READINGS_A_CHECKPOINT`. Every device has 72 hours open, sends 50 minutes of an hour and then one
reading every 10 s over the next full hour, all devices at the same pace: the most that a worker meets. The rows, which a worker has in RocksDB, are
in a dictionary here, whose size is taken off. Beside it the CPU of a reading at this interval, with its share of rows and totals.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from agents.fold_hours import HoursFold
from bench.loads import INTERVAL_S, Households, Message, records
from bench.rows import HOT_BYTES, START_S
from bench.stack import ROOT, BenchError
from metering.rules import Rules

LIMIT_S: Final = 180.0
OPEN_HOURS: Final = 72
CLOSING_S: Final = 3 * 3600
"""The oldest hours, which the turn closes, are whole; of those between there is one reading an hour, which makes no difference."""
ALREADY_S: Final = 50 * 60
SENT: Final = 90
"""Readings of a device over the turn of the hour: 15 minutes."""


def measure(devices: int, readings_a_checkpoint: int) -> dict[str, float]:
    """In a process of its own: `bytes` a device, `cpu_us` a reading. Raises BenchError."""
    arguments = [sys.executable, "-m", "bench.memory", str(devices), str(readings_a_checkpoint)]
    done = subprocess.run(arguments, check=False, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode:
        raise BenchError(f"measuring memory failed: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


class Partition:
    """One fold, and a dictionary in place of its store."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.fold = HoursFold(Rules(), 1, 0, 1, self.rows.get, HOT_BYTES)
        self.offset = 0

    def take(self, messages: list[Message], at_s: int) -> None:
        """Folds messages sent at this time."""
        self.fold.fold(records(messages, at_s, self.offset))
        self.offset += len(messages)

    def checkpoint(self) -> None:
        """Captures, and stores the rows."""
        for key, value in self.fold.capture().rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    @property
    def rows_bytes(self) -> int:
        """What the dictionary needs."""
        return sys.getsizeof(self.rows) + sum(sys.getsizeof(key) + sys.getsizeof(value) for key, value in self.rows.items())


def grow(devices: int, readings_a_checkpoint: int) -> dict[str, float]:
    """See `measure`."""
    partition, homes = Partition(), Households(devices)
    gc.collect()
    before = resident()
    opened_s = START_S + OPEN_HOURS * 3600
    closing, between = range(START_S, START_S + CLOSING_S, INTERVAL_S), range(START_S + CLOSING_S, opened_s, 3600)
    past = [*closing, *between, *range(opened_s, opened_s + ALREADY_S, INTERVAL_S)]
    for i in range(devices):
        values = [homes.values(i, (at_s - START_S) // INTERVAL_S) for at_s in past]
        partition.take([homes.arrays(i, [at_s * 1000 for at_s in past], values)], past[-1])
        partition.checkpoint()
    cpu, most = 0.0, 0
    for k in range(1, SENT + 1):
        at_s = past[-1] + k * INTERVAL_S
        messages = [homes.spread(i, at_s, INTERVAL_S, INTERVAL_S, START_S) for i in range(devices)]
        began = time.process_time()
        partition.take(messages, at_s)
        if k % readings_a_checkpoint == 0:
            partition.checkpoint()
        cpu += time.process_time() - began
        most = max(most, resident())
    return {"bytes": (most - before - partition.rows_bytes) / devices, "cpu_us": cpu / (devices * SENT) * 1e6}


def resident() -> int:
    """This process's resident set, in bytes. (The peak that the system keeps is no help: it begins with that of the parent.)"""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    text = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True).stdout
    return int(text) * 1024


if __name__ == "__main__":
    print(json.dumps(grow(int(sys.argv[1]), int(sys.argv[2]))))
