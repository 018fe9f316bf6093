"""A process in memory: an event loop of its own that runs only when it is told to, in a time that all but stands still, and that can be killed.

Nothing of it happens between two calls, so whoever plays with several of them decides every order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Final, NoReturn, TypeVarTuple

from streams.exits import Exit

Ts = TypeVarTuple("Ts")
IDLE_TURNS: Final = 3
"""After so many turns in which nobody asked for another, everybody waits for something outside. (The first may only have found what is due.)"""

MOST_TURNS: Final = 10_000
TICK_S: Final = 1e-9


class Left(BaseException):
    """The process has ended itself: nothing catches it, as nothing survives `os._exit`."""


class StillLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is a number; `asked` counts what was asked to be done in the next turn."""

    now = 0.0
    asked = 0

    def time(self) -> float:
        """Seconds. Never twice the same: asyncio wakes who sleeps a nanosecond early, and whoever looked again would sleep for ever."""
        self.now += TICK_S
        return self.now

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        """As ever."""
        self.asked += 1
        return super().call_soon(callback, *args, context=context)

    async def idle(self) -> None:
        """Returns when nobody has anything to do but this."""
        turns = 0
        for _ in range(MOST_TURNS):
            asked = self.asked
            await asyncio.sleep(0)
            turns = turns + 1 if self.asked == asked + 1 else 0
            if turns == IDLE_TURNS:
                return
        raise AssertionError("somebody is busy for ever")


class Process:
    """`left`: why it has ended itself. `errors`: what went wrong unseen."""

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.loop.set_exception_handler(lambda loop, context: self._unseen(context))
        self.left: Exit | None = None
        self.cause = ""
        self.errors: list[str] = []

    def leave(self, code: Exit, cause: str) -> NoReturn:
        """The way out, as `streams.exits.leave`."""
        if self.left is None:
            self.left, self.cause = code, cause
        raise Left

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begins some work, and lets everything go on as far as it can."""
        task = self.loop.create_task(work)
        self.turn()
        return task

    def turn(self) -> None:
        """Lets everything go on as far as it can."""
        self.loop.run_until_complete(self.loop.idle())

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.loop.now += seconds
        self.turn()

    def kill(self) -> None:
        """Ends it wherever it is."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.wait(tasks)) if tasks else None
        self.loop.close()

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        """Killed when the block ends; nothing may have gone wrong unseen by then."""
        yield
        self.kill()
        assert self.errors == [], self.errors

    def _unseen(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Left):
            self.errors.append(f"{context['message']}: {error!r}")
