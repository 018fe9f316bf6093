"""How long a worker that starts again needs before it goes on: with its local store kept, and from Kafka alone.

Measured from the moment at which its partitions are assigned and fenced to the moment at which it takes readings again.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.role import Role, started
from bench.stack import BenchError
from bench.throughput import JOIN_LIMIT_S, TAKING, Run

FENCED: Final = r"fenced \d+ partitions"


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds; `empty_s` is what the same takes a worker that has nothing to recover."""

    kept_s: float
    kafka_s: float
    empty_s: float


def start_again(run: Run, empty: Run) -> Recovery:
    """The worker of a run, stopped in order before, is started twice: as it was left, then without its folder. Then one that never ran."""
    kept = _start(run)
    folder = Path(run.environ["WATTFALL_STATE_DIR"])
    if not any(folder.rglob("CURRENT")):
        raise BenchError(f"no local store was kept in {folder}")
    shutil.rmtree(folder)
    kafka = _start(run)
    empty.fill((), lambda done: None)
    return Recovery(kept, kafka, _start(empty))


def _start(run: Run) -> float:
    with started("agents", "waterfall", environ=run.environ) as role:
        taking = role.await_lines(TAKING, 1, JOIN_LIMIT_S)[0][0]
        return taking - _fenced(role)


def _fenced(role: Role) -> float:
    """When the last fence before was up."""
    return max(at for at, _, line in role.lines if re.search(FENCED, line))
