"""What a worker answers over HTTP, for Prometheus and for whoever restarts containers: /metrics, /live and /ready. No reading is in any of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.metrics import ALL, Named, Sample, Spread

TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Page:
    """`samples` are collected, and `waits_for` is asked, at each request, in the worker's own loop: a loop that hangs does not answer."""

    def __init__(self, port: int, samples: Callable[[], Iterable[Sample]], waits_for: Callable[[], Iterable[str]]) -> None:
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
        return web.Response(body=text(self.samples()), headers={"Content-Type": TYPE})

    async def live(self, request: web.Request) -> web.Response:
        """The loop turns. Whatever else could hang ends the process by itself, with a cause."""
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        """503 while the worker waits for something, which is named."""
        waits = list(self.waits_for())
        return web.Response(status=503 if waits else 200, text="\n".join(waits or ["ok"]) + "\n")


class Once(Collector):
    """Samples that were collected."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.found: dict[Named, list[Sample]] = {named: [] for named in ALL}
        for sample in samples:
            self.found[sample.of].append(sample)

    def collect(self) -> Iterable[Metric]:
        """Those of one metric together, in the list's order."""
        return [family(named, samples) for named, samples in self.found.items() if samples]


def family(named: Named, samples: Iterable[Sample]) -> Metric:
    """As the library has it."""
    if named.kind == "histogram":
        spreads = HistogramMetricFamily(named.name, named.about, labels=named.labels)
        for sample in samples:
            assert isinstance(sample.value, Spread)
            spreads.add_metric(sample.labels, list(sample.value.buckets()), sample.value.sum)
        return spreads
    make = CounterMetricFamily if named.kind == "counter" else GaugeMetricFamily
    numbers = make(named.name, named.about, labels=named.labels)
    for sample in samples:
        assert not isinstance(sample.value, Spread)
        numbers.add_metric(sample.labels, sample.value)
    return numbers


def text(samples: Iterable[Sample]) -> bytes:
    """The page, in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Once(samples))
    return generate_latest(registry)
