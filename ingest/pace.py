"""When a reading is due, if the past is to be played again at a chosen speed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


class Pace:
    """Plays `speed` seconds of the readings' time in a second. The first reading is due at once; one out of order too."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._origin: tuple[int, float] | None = None

    def wait(self, at: object, now: float) -> float:
        """How many seconds from `now` (any clock that only goes forward) the reading of `at` is due; 0 if it is, or if `at` is no time."""
        instant = instant_ms(at)
        if instant is None:
            return 0.0
        if self._origin is None:
            self._origin = instant, now
        begin, began = self._origin
        return max(0.0, began + (instant - begin) / 1000 / self.speed - now)


def instant_ms(at: object) -> int | None:
    """Epoch milliseconds of a reading's `at`, or None where it is none: that is for others to refuse."""
    if isinstance(at, int):
        return at
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        return None
    return None if moment is None else int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def side_by_side(streams: Iterable[Iterable[tuple[object, T]]]) -> Iterator[T]:
    """Several streams as one, in order of time; what has no time, or goes back, comes right after what it followed."""

    def timed(stream: Iterable[tuple[object, T]]) -> Iterator[tuple[int, T]]:
        newest = -(2**63)
        for at, entry in stream:
            newest = max(newest, instant_ms(at) or newest)
            yield newest, entry

    return (entry for _, entry in heapq.merge(*map(timed, streams), key=lambda pair: pair[0]))
