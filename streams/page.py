"""What a worker answers over HTTP, for Prometheus and for whoever restarts containers: /metrics, /live and /ready. No reading is in any of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from streams import metrics

TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Page:
    """`samples` are collected, and `waits_for` is asked, at each request, in the worker's own loop: a loop that hangs does not answer."""

    def __init__(self, port: int, samples: Callable[[], Iterable[metrics.Sample]], waits_for: Callable[[], Iterable[str]]) -> None:
        self.port, self.samples, self.waits_for = port, samples, waits_for
        self.runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Begins to answer. Raises OSError if the port cannot be had."""
        app = web.Application()
        app.add_routes([web.get("/metrics", self.metrics), web.get("/live", self.live), web.get("/ready", self.ready)])
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, port=self.port).start()

    async def metrics(self, request: web.Request) -> web.Response:
        """All samples."""
        return web.Response(body=metrics.text(self.samples()), headers={"Content-Type": TYPE})

    async def live(self, request: web.Request) -> web.Response:
        """The loop turns. Whatever else could hang ends the process by itself, with a cause."""
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        """503 while the worker waits for something, which is named."""
        waits = list(self.waits_for())
        return web.Response(status=503 if waits else 200, text="\n".join(waits or ["ok"]) + "\n")
