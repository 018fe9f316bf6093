"""Places where a test may kill or hold a worker: `WATTFALL_FAULT=<point>[:n]` or `WATTFALL_FAULT=pause:<point>:<seconds>[:n]`.

`<point>:n` kills the process (SIGKILL) when it comes by the point for the n-th time (default 1); `pause` holds it there for so many seconds, every
n-th time (default every time). Off, a point costs one look at a global that is None.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Final

from settings.environ import SettingError

POINTS: Final = (
    "before_fold",
    "after_fold",
    "before_transaction",
    "after_rows",
    "after_totals",
    "after_rejected",
    "after_refusals",
    "before_commit",
    "after_commit",
    "before_store",
    "after_store",
    "during_recovery",
    "before_fence",
    "after_fence",
    "before_start",
    "sink_before_put",
    "sink_after_put",
    "sink_before_commit",
    "erase_sent",
    "erase_settled",
    "erase_buried",
)


@dataclass(slots=True)
class Fault:
    """One armed point; `left` counts down to the next time it strikes."""

    point: str
    hold_s: float | None
    every: int
    left: int


armed: Fault | None = None


def arm(text: str) -> None:
    """Arms what the variable asks for; an empty text disarms. Raises SettingError for what cannot be armed."""
    global armed
    armed = None
    if text:
        try:
            armed = parse(text.split(":"))
        except (ValueError, IndexError):
            wanted = f"wanted is <point>[:n] or pause:<point>:<seconds>[:n] with a point of {', '.join(POINTS)}"
            raise SettingError(f"WATTFALL_FAULT={text!r}: {wanted}") from None


def parse(parts: list[str]) -> Fault:
    """`<point>[:n]` or `pause:<point>:<seconds>[:n]`. Raises ValueError or IndexError."""
    hold_s = None
    if parts[0] == "pause":
        hold_s, parts = float(parts[2]), [parts[1], *parts[3:]]
    if parts[0] not in POINTS or len(parts) > 2:
        raise ValueError
    every = int(parts[1]) if len(parts) == 2 else 1
    return Fault(parts[0], hold_s, every, every)


def hit(point: str) -> None:
    """Passes a point: returns at once, unless this very point is armed and due."""
    if armed is not None and armed.point == point:
        strike(armed)


def strike(fault: Fault) -> None:
    """Kills or holds the whole process if the fault's turn has come."""
    fault.left -= 1
    if fault.left > 0:
        return
    fault.left = fault.every
    sys.stderr.write(f"wattfall: fault at {fault.point}: {'killed' if fault.hold_s is None else f'held for {fault.hold_s:g} s'}\n")
    sys.stderr.flush()
    if fault.hold_s is None:
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        time.sleep(fault.hold_s)
