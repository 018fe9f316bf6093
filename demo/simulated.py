"""Invented meters that send every ten seconds. What one says at an instant depends on nothing but its number and the instant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Final

EVERY_S: Final = 10
BEGUN_S: Final = 1_767_225_600
"""When all of them were installed, with their registers at 1,000 kWh: the first instant of 2026."""
STEPS: Final = 12
STEP_S: Final = 30


class Meter:
    """A household whose power repeats itself every six minutes, so that its register is exact at any instant."""

    def __init__(self, number: int) -> None:
        random = Random(f"simulated {number}")
        self.device = f"cad-{number:06}"
        self._levels = [random.choice((90, 140, 220, 350, 800, 2100)) + random.randrange(40) for _ in range(STEPS)]

    def power_w(self, at_s: int) -> int:
        """The power from `at_s` on, W."""
        return self._levels[(at_s - BEGUN_S) // STEP_S % STEPS]

    def import_wh(self, at_s: int) -> int:
        """The register, in whole Wh."""
        steps, rest = divmod(at_s - BEGUN_S, STEP_S)
        cycles, whole = divmod(steps, STEPS)
        joules = (cycles * sum(self._levels) + sum(self._levels[:whole])) * STEP_S + self._levels[whole] * rest
        return 1_000_000 + joules // 3600

    def message(self, at_s: int) -> str:
        """One reading."""
        return json.dumps({"device": self.device, "at": at_s * 1000, "power_w": self.power_w(at_s), "import_wh": self.import_wh(at_s)})


def instants(start_s: int, end_s: int) -> Iterator[int]:
    """The multiples of ten seconds in `[start_s, end_s)`."""
    return iter(range(-(-start_s // EVERY_S) * EVERY_S, end_s, EVERY_S))
