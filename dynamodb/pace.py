"""How fast DynamoDB may be asked; pure, time is an argument (seconds of any monotonic clock).

One pause for all: when an answer says "not now", nobody asks until it is over, it doubles from 50 ms to 2 s, and half as many ask at once.
Each answer that is no refusal ends the doubling; every so many of them, one more may ask.
"""

from __future__ import annotations

from typing import Final

SHORTEST_S: Final = 0.05
LONGEST_S: Final = 2.0


class Pace:
    """`limit`: how many requests may be in flight, from 1 to `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pause_s = SHORTEST_S
        self._last_busy = float("-inf")
        self._resume = float("-inf")
        self._answers = 0
        self.limit = most

    def answered(self) -> None:
        """A request was answered."""
        self._pause_s = SHORTEST_S
        self._answers += 1
        if self._answers >= self.limit:
            self._answers = 0
            self.limit = min(self._most, self.limit + 1)

    def busy(self, asked: float, now: float, jitter: float, at_least: float | None = None) -> None:
        """A request that was made at `asked` was not served. `jitter`, from 0 to 1, lengthens the pause from half to whole.

        Requests made before the last pause began tell nothing new: a burst that fails together is one failure.
        """
        if asked >= self._last_busy:
            pause = self._pause_s * (0.5 + jitter / 2)
            self._pause_s = min(LONGEST_S, self._pause_s * 2)
            self._last_busy = now
            self._resume = max(self._resume, now + pause)
            self._answers = 0
            self.limit = max(1, self.limit // 2)
        if at_least is not None:
            self._resume = max(self._resume, now + at_least)

    def wait(self, now: float) -> float:
        """Seconds until the next request may be made; 0 if now."""
        return max(0.0, self._resume - now)
