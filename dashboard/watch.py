"""Live readings for those who look on: each device that is looked at is asked for at intervals, once, however many look at it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, NamedTuple

from dashboard.problems import log_unread
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from metering.live import Live

_log: Final = logging.getLogger(__name__)


class Seen(NamedTuple):
    """`live`: None where there is no reading. `trouble`: it could not be read, and `live` is the last that could."""

    live: Live | None
    trouble: bool = False


class _Channel:
    """One device that somebody looks at."""

    def __init__(self) -> None:
        self.followers = 0
        self.seen: Seen | None = None
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def tell(self, seen: Seen) -> None:
        """Wakes the followers, if it is something new."""
        if seen != self.seen:
            self.seen = seen
            self.changed.set()
            self.changed = asyncio.Event()


class Watch:
    """`read` brings a device's live reading and raises StoreError or NoItem; it is called every `every_s` for each device that is followed."""

    def __init__(self, read: Callable[[str], Awaitable[Live | None]], every_s: float) -> None:
        self._read, self._every_s = read, every_s
        self._channels: dict[str, _Channel] = {}

    def __len__(self) -> int:
        """Devices that are followed."""
        return len(self._channels)

    async def follow(self, device: str, idle_s: float) -> AsyncGenerator[Seen | None, None]:
        """What is there, and then each change of it; None where nothing has changed for `idle_s`. Ends with its consumer, who closes it."""
        channel = self._channels.setdefault(device, _Channel())
        channel.followers += 1
        if channel.task is None:
            channel.task = asyncio.create_task(self._ask(device, channel))
        told: Seen | None = None
        try:
            while True:
                changed = channel.changed
                if channel.seen is not None and channel.seen != told:
                    told = channel.seen
                    yield told
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), idle_s)
                except TimeoutError:
                    yield None
        finally:
            channel.followers -= 1
            if not channel.followers:
                channel.task.cancel()
                del self._channels[device]

    async def _ask(self, device: str, channel: _Channel) -> None:
        while True:
            try:
                channel.tell(Seen(await self._read(device)))
            except Exception as error:  # whatever it is, they are told, and the next look may bring it
                if isinstance(error, StoreError | NoItem):
                    log_unread(error)
                else:
                    _log.exception("a live reading cannot be read")
                channel.tell(Seen(channel.seen.live if channel.seen else None, trouble=True))
            await asyncio.sleep(self._every_s)
