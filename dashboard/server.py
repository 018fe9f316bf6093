"""uvicorn as we run it: nobody keeps a connection who leaves us waiting, and where there are too many the one goes that has waited longest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import ClassVar, Final

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

STOP_S: Final = 3
BACKLOG: Final = 1000


class Punctual(H11Protocol):
    """uvicorn 0.54 waits for ever for a request that was begun and for a client that does not read; and with `limit_concurrency` it refuses
    whoever comes, the probe too, while others hold all connections and ask nothing.
    """

    patience_s: ClassVar[float] = 20.0
    """So long a client may take to send a request whole, and to read what we have for it."""
    most: ClassVar[int] = 900
    """Connections. Within 1,024 open files, which is what many systems allow, there is room for more streams to end and for DynamoDB's."""
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Makes room if need be; one whose answer is being made, or who looks on, is not sent away."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > self.most:
            waiting = (one for one in self.connections if isinstance(one, Punctual) and one._due and not one.transport.is_closing())
            min(waiting, key=lambda one: one._due.when() if one._due else 0.0).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """As ever."""
        super().connection_lost(exc)
        if self._due is not None:
            self._due.cancel()

    def data_received(self, data: bytes) -> None:
        """As ever."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """As ever."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """As ever."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """As ever."""
        super().resume_writing()
        self._look()

    def _look(self) -> None:
        """Whose turn it is: ours only while we make the answer to a whole request for somebody who reads it."""
        answering = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        if answering and not self.flow.write_paused:
            if self._due is not None:
                self._due.cancel()
            self._due = None
        elif self._due is None:
            self._due = self.loop.call_later(self.patience_s, self.transport.abort)


class Telling(Server):
    """Tells once it answers."""

    def __init__(self, config: Config, answering: Callable[[], None]) -> None:
        super().__init__(config)
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As ever."""
        await super().startup(sockets)
        self._answering()


def server(app: ASGIApp, answering: Callable[[], None] = lambda: None, protocol: type[Punctual] = Punctual) -> Server:
    """To be run with sockets that listen; `answering` is called once it does.

    Whose word is taken for a client's address is uvicorn's own setting, FORWARDED_ALLOW_IPS.
    """
    return Telling(
        Config(
            app,
            http=protocol,
            ws="none",
            log_config=None,  # uvicorn would have handlers of its own
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
        ),
        answering,
    )
