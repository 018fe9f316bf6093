"""Several processes that answer on one socket, and their keeper, the process that was started: it answers nobody itself.

Each is `python -m dashboard serve` once more, told the number of the socket. Its standard input ends when its keeper does, in whatever way, and then
it stops in order. A line on its standard output says that it answers. One that answered and is gone is replaced; one that never did would be gone
again, so then all of them stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from functools import partial
from typing import Final

SOCKET: Final = "--socket"
STOP_S: Final = 12.0
"""So long one may take to stop, then it is killed: streams are cut off before, and DynamoDB is waited for no longer than that."""
_log: Final = logging.getLogger(__name__)


async def keep(count: int, listening: socket.socket, answering: Callable[[], None]) -> int:
    """Keeps so many until SIGTERM, then returns 0; or until one cannot begin, then its exit code, that of a signal 128 more than its number.

    `answering` is called when all of them answer for the first time.
    """
    silent = set(range(count))

    def answers(place: int) -> None:
        if place in silent:
            silent.remove(place)
            if not silent:
                answering()

    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    stop = asyncio.create_task(asked.wait())
    places = [asyncio.create_task(_one_after_the_other(listening.fileno(), partial(answers, place))) for place in silent]
    try:
        done, _ = await asyncio.wait([stop, *places], return_when=asyncio.FIRST_COMPLETED)
        return next((place.result() for place in places if place in done), 0)
    finally:
        for each in (stop, *places):
            each.cancel()
        await asyncio.wait(places)


def end_with_keeper() -> None:
    """In one of them: stops it as SIGTERM would, once its keeper wants it to or is gone; also while it begins."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watches the keeper", daemon=True).start()


def say_answering() -> None:
    """In one of them: tells its keeper."""
    print(flush=True)


async def _one_after_the_other(number: int, answers: Callable[[], None]) -> int:
    """Ends with one that never answered, and returns its exit code."""
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dashboard", "serve", SOCKET, str(number)),
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=(number,),
            start_new_session=True,  # a terminal's Ctrl-C reaches the keeper alone
        )
        try:
            if answered := await _answers(process):
                answers()
            await process.communicate()
        finally:
            await _stop(process)
        code = process.returncode or 0
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        if not answered:
            code = 128 - code if code < 0 else code or 1
            _log.critical("a process ended before it answered anybody (%s); stopping", how, extra={"exit": code})
            return code
        _log.error("process %d has ended (%s); another takes its place", process.pid, how)


async def _answers(process: Process) -> bool:
    """Waits until it answers; whether it does before it ends."""
    assert process.stdout is not None
    return bool(await process.stdout.readline())


async def _stop(process: Process) -> None:
    """Lets it end in order; kills it if it does not. Nothing is done to one that has ended."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.communicate(), STOP_S)
    except TimeoutError:
        _log.error("process %d did not stop within %g s", process.pid, STOP_S)
        process.kill()
        await process.communicate()
