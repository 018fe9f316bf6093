"""Live readings as server-sent events (the HTML standard's EventSource): what is written, to whom, and for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Final

from fastapi import HTTPException

from dashboard.access import Access, Known
from dashboard.problems import retry
from dashboard.stored import Stored
from dashboard.watch import Watch

IDLE_S: Final = 10.0
"""At least so often something is written, so that both ends notice when the other has gone."""
LONGEST_S: Final = 900.0
"""Then it ends, and the browser comes again, with what it is allowed by then."""
MOST: Final = 8
"""Streams of one person at the same time."""
MOST_OF_ALL: Final = 600
"""Fewer than the connections that a server keeps, so that there is room for whoever only asks."""
AGAIN_MS: Final = 2000


class Streams:
    """`monotonic`: seconds."""

    def __init__(self, watch: Watch, stored: Stored, access: Access, monotonic: Callable[[], float]) -> None:
        self._watch, self._stored, self._access, self._monotonic = watch, stored, access, monotonic
        self._of: Counter[str] = Counter()

    @contextmanager
    def admitted(self, person: str) -> Iterator[None]:
        """A place, for as long as the block runs. Raises HTTPException: 429 for whoever has too many, 503 where all are taken."""
        if self._of[person] >= MOST:
            raise HTTPException(429, f"More than {MOST} streams at the same time.", retry(AGAIN_MS / 1000))
        if self._of.total() >= MOST_OF_ALL:
            raise HTTPException(503, "Too many look on at the same time.", retry(IDLE_S))
        self._of[person] += 1
        try:
            yield
        finally:
            self._of[person] -= 1
            self._of += Counter()  # forgets whoever has none

    async def of(self, known: Known, device: str) -> AsyncGenerator[str, None]:
        """The events of a device, as long as it is theirs."""
        end = self._monotonic() + LONGEST_S
        yield f"retry: {AGAIN_MS}\n\n"
        async with aclosing(self._watch.follow(device, IDLE_S)) as following:
            async for seen in following:
                if self._monotonic() > end or not self._access.still(known, device):
                    return
                if seen is None:
                    yield ": nothing new\n\n"
                elif seen.trouble:
                    yield "event: trouble\ndata: {}\n\n"
                else:
                    yield f"event: live\ndata: {self._stored.answer(device, seen.live).model_dump_json()}\n\n"
