"""Work in the foreground of a terminal: it goes on until it is done, or until somebody asks the process to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Final

ENDINGS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(work: Coroutine[None, None, None]) -> bool:
    """Runs `work`; cancels it on the first of ENDINGS, and gives it all the time it wants to clean up. Returns whether it was done.

    A signal lands between two steps of the event loop, never inside of one, as KeyboardInterrupt would.
    """
    return asyncio.run(_until_asked(work))


async def _until_asked(work: Coroutine[None, None, None]) -> bool:
    task = asyncio.create_task(work)
    for number in ENDINGS:
        asyncio.get_running_loop().add_signal_handler(number, lambda: task.cancelling() or task.cancel())  # a second one must not hurry the first
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return not task.cancelled()
