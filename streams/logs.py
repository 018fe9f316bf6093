"""What the libraries say, but not again and again: a broker that is away makes aiokafka say the same a hundred times a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 30.0


class Seldom(logging.Filter):
    """Lets a message of a kind pass at most once in `every_s`; the kind is its text before anything is filled in."""

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.every_s, self.clock = every_s, clock
        self.said: dict[str, float] = {}
        self.unsaid: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Counts what does not pass, and tells with the next that does."""
        kind, now = str(record.msg)[:40], self.clock()
        if now - self.said.get(kind, float("-inf")) < self.every_s:
            self.unsaid[kind] = self.unsaid.get(kind, 0) + 1
            return False
        self.said[kind] = now
        unsaid = self.unsaid.pop(kind, 0)
        if unsaid:
            record.msg, record.args = f"{record.getMessage()} [and {unsaid} times more since]", ()
        return True


def quieten(*names: str) -> None:
    """Filters whatever comes from these libraries, at the handlers, where all their loggers meet."""
    seldom = Seldom()
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: not record.name.startswith(names) or seldom.filter(record))
