"""Time that passes only when everybody sleeps: no test waits for a clock."""

from __future__ import annotations

import asyncio

_TURNS = 150
"""So many turns of the loop let every task go on that is not asleep."""


class FakeTime:
    """`clock` and `sleep` for one loop; `now` in seconds."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._wakes: list[float] = []

    def clock(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Sleeps until nothing else can happen before; then it is later."""
        wake = self.now + seconds
        self._wakes.append(wake)
        try:
            while self.now < wake:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if wake == min(self._wakes):
                    self.now = max(self.now, wake)
        finally:
            self._wakes.remove(wake)
