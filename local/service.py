"""A part of the stack: how it is started, and how one knows that it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ANSWER_LIMIT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Service:
    """One server. It listens on 127.0.0.1:`port`; it serves once the answer to `question` has `answer` in it.

    `name` also names its log and its entry in pids.json. `environ` is all the environment it gets.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    port: int
    question: bytes
    answer: bytes

    async def answers(self) -> bool:
        """Whether it serves now."""
        try:
            return self.answer in await asyncio.wait_for(self._ask(), ANSWER_LIMIT_S)
        except (OSError, TimeoutError):
            return False

    async def _ask(self) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.question)
            return await reader.read(4096)
        finally:
            writer.close()
