"""The settings that decide what a number is: two workers with equal `Rules` and the same `LOGIC` give equal totals.

Whatever somebody may set and can change a total is a field of `Rules`. The rest of what can is code: constants here and where they are used
(metering/register.py, agents/fold_parts.py), and the steps themselves; `LOGIC` stands for all of it. Both go into what guards an epoch
(streams/guard.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOGIC: Final = 2
"""Counts up whenever the same readings may lead to another total than before, by a repaired bug or by another constant. 2: erases."""
MS_PER_HOUR: Final = 3_600_000
SILENCE_MS: Final = 40 * 24 * MS_PER_HOUR
"""Two register points further apart than this (40 days) have no line between them."""
DIP_MWH: Final = 10_000
"""A register may step back by so much (10 Wh) and still be the same register."""
FUTURE_MS: Final = 5 * 60_000
"""How far a device's clock may be ahead of the broker's."""
YEAR_2000_MS: Final = 946_684_800_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Milliseconds, milliwatts and milliwatt-hours; the defaults are the product's."""

    zone: str = "Europe/London"
    hold_ms: int = 60_000
    max_power_mw: int = 100_000_000
    register_step_mwh: int = 1_000_000
    restate_ms: int = 72 * MS_PER_HOUR
    estimate_after_ms: int = 1_800_000
