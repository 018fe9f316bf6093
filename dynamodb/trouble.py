"""What people are told: while DynamoDB takes nothing, once when it begins, every half minute, and once when it is over; and of what is not kept."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from dynamodb.errors import StoreBusy

log: Final = logging.getLogger("wattfall.dynamodb")
EVERY_S: Final = 30.0
OVER_S: Final = 3.0
"""So long nothing must be refused before it is called over: longer than the longest pause."""
EXPIRED_EVERY_S: Final = 60.0
sink_log: Final = logging.getLogger("wattfall.sink")


class Trouble:
    """One trouble after the other; time is an argument, seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._last = self._said = float("-inf")

    def met(self, now: float, cause: StoreBusy, waiting: int) -> None:
        """An attempt was refused."""
        self._last = now
        if self._since is None:
            self._since = now
        if now - self._said >= EVERY_S:
            self._said = now
            log.warning("DynamoDB takes nothing now, trying on: %s (%d items wait)", str(cause), waiting)

    @property
    def lasts(self) -> bool:
        """It is not over."""
        return self._since is not None

    def served(self, now: float) -> None:
        """An attempt was answered."""
        if self._since is not None and now - self._last >= OVER_S:
            log.info("DynamoDB takes totals again; refusals began %.1f s ago", now - self._since)
            self._since = None
            self._said = float("-inf")


class Expiry:
    """Hours that came when they were no longer to be kept, as a replay's may; time as above."""

    def __init__(self) -> None:
        self._untold = 0
        self._said = float("-inf")

    def met(self, now: float, end_s: int) -> None:
        """An hour that ended at `end_s` (epoch s) is not written."""
        self._untold += 1
        if now - self._said >= EXPIRED_EVERY_S:
            ended = datetime.fromtimestamp(end_s, UTC).strftime("%Y-%m-%dT%H:%MZ")
            text = "hours that are older than WATTFALL_KEEP_HOURS_MONTHS keeps are not written: %d, the last until %s"
            sink_log.warning(text, self._untold, ended)
            self._said, self._untold = now, 0
