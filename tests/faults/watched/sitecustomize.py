"""In a worker whose PYTHONPATH has this folder, each event loop counts its tasks every second, into WATCHED/<pid>."""

from __future__ import annotations

import asyncio
import os
from asyncio.base_events import BaseEventLoop
from pathlib import Path

FOLDER = Path(os.environ["WATCHED"])
counts: dict[int, int] = {}
runs = BaseEventLoop.run_forever


def count(loop: BaseEventLoop) -> None:
    counts[id(loop)] = len(asyncio.all_tasks(loop))
    written = FOLDER / f"{os.getpid()}-{id(loop)}.tmp"
    written.write_text(str(sum(counts.values())))
    written.rename(FOLDER / str(os.getpid()))
    loop.call_later(1.0, count, loop)


def run_forever(self: BaseEventLoop) -> None:
    self.call_soon(count, self)
    runs(self)


BaseEventLoop.run_forever = run_forever  # type: ignore[method-assign]
