"""Reading in a thread of its own, so that a slow pipe never holds up what is being sent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_AHEAD: Final = 20_000
LINGER_S: Final = 0.02


class Ahead(Generic[T]):
    """Goes through an iterable in a thread, at most `MOST_AHEAD` entries before the one who takes them. To be made in a running loop."""

    def __init__(self, entries: Iterable[T]) -> None:
        self._entries = entries
        self._ready: list[T] = []
        self._ended = False
        self._error: BaseException | None = None
        self._lock = threading.Condition()
        self._loop = asyncio.get_running_loop()
        self._some = asyncio.Event()
        threading.Thread(target=self._read, name="reading", daemon=True).start()  # daemon: it may be waiting for a terminal

    async def take(self) -> list[T]:
        """All that is ready; waits for the first of it, and a moment for company. Empty at the end. Raises what reading raised."""
        while True:
            await self._some.wait()
            if not self._ended:
                await asyncio.sleep(LINGER_S)
            with self._lock:
                taken, self._ready = self._ready, []
                if not self._ended:
                    self._some.clear()
                self._lock.notify()
            if taken:
                return taken
            if self._error is not None:
                raise self._error
            if self._ended:
                return []

    def _read(self) -> None:
        try:
            for entry in self._entries:
                self._give(entry)
        except BaseException as error:
            self._error = error
        with self._lock:
            self._ended = True
        self._wake()

    def _give(self, entry: T) -> None:
        with self._lock:
            self._ready.append(entry)
            first = len(self._ready) == 1
            while len(self._ready) >= MOST_AHEAD:
                self._lock.wait()
        if first:
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody is waiting
            self._loop.call_soon_threadsafe(self._some.set)
