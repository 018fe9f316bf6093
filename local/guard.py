"""The guard: nothing that `local` starts outlives it, however it ends.

A small process of its own. It is the leader of the process group into which every other process is born, so there is no moment in
which one exists and is not guarded. It reads its standard input, whose other end only its parent holds: when that ends (a clean
stop, a crash, SIGKILL, all the same) it asks the whole group to stop, waits, and kills what is left. Works wherever there are
process groups, so on macOS too, where a process cannot ask for a signal at its parent's death.

Every child holds the writing end of a second pipe, `alive`; when its reading end says "end of file", all of them are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STOP_LIMIT_S: Final = 20.0
"""How long a stop may take; the DynamoDB server writes its tables to disk meanwhile."""


class Guard:
    """Starts processes that end when the `async with` block, or this process, ends.

    `keep` are file descriptors that stay open until all of them are gone (the lock on the state folder).
    """

    def __init__(self, *keep: int) -> None:
        self._keep = keep

    async def __aenter__(self) -> Self:
        reader, self._alive = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", __file__, str(reader)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(reader, *self._keep),
                process_group=0,
            )
        finally:
            os.close(reader)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._alive)
        assert self._process.stdin is not None
        self._process.stdin.close()
        if await self._process.wait() != 0:  # it was killed itself, or had to kill: either way nobody may be left
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def start(self, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
        """Starts `argv` with nothing but `environ`; what it says is added to `log`."""
        with log.open("ab") as sink:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(environ),
                pass_fds=(self._alive,),
                process_group=self._process.pid,
            )

    async def gone(self) -> None:
        """Returns when the guard itself has ended, which nobody asked for."""
        await self._process.wait()


def watch(alive: int) -> None:
    """The guard's whole life."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    os.killpg(0, signal.SIGCONT)  # one that was stopped has to wake up to end
    gone, _, _ = select.select([alive], [], [], STOP_LIMIT_S)
    if not gone:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
