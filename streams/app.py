"""The Faust application of a role: its settings, its sources, and the one way out."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import faust
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.brokers import Brokers
from streams.exits import Exit, end, leave
from streams.logs import safe
from streams.metrics import BEGAN, PROCESS_START, START, UNSTARTED, Sample
from streams.page import Page
from streams.settings import Settings
from streams.source import Source
from streams.transport import Consumer, RecordBatches

FETCH_BYTES = 512 * 1024
QUEUED = 4  # batches a topic (streams/fetch.py): more would only be memory
NEVER_S = 86_400.0 * 365
REJOIN_S = 15.0  # more than a last checkpoint takes; who does not come back to the group by then is out
METADATA_S = 5.0
"""So often a consumer asks which topics and partitions there are. A leader of the group to whom a broker that just starts has not named them all
deals out nothing; at the next answer that is another it deals anew. With the client's own 300 s everybody would wait for so long."""
COLLECTED = 10_000, 20, 100
"""New objects before Python looks for cycles among them, and how seldom among older ones. What a worker remembers is millions of small objects, none
of them in a cycle: with Python's own (700, 10, 10) it looks through all of them again and again, for a third of the worker's time. But what botocore
makes for a request is in a cycle: with 50,000 a sink keeps tens of megabytes of it."""
log = logging.getLogger("wattfall.app")


class App(faust.App):
    """`sources`: who takes which topic; declare them with `add_source` before the worker starts.

    `held` is kept for as long as the process lives (the folder's lock).
    """

    consumer: Consumer

    def __init__(self, settings: Settings, *, role: str, partitions: int) -> None:
        self.settings, self.role = settings, role
        self.sources: dict[str, Source] = {}
        self.watches: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.stopping = False
        self.held: object = None
        self.waiting: asyncio.TimerHandle | None = None
        self.assigned_at: float | None = None
        self.start_s = 0.0
        brokers = ";".join(f"wattfall://{server}" for server in settings.brokers.servers)
        super().__init__(f"{settings.scope}-{role}", broker=brokers, **conf(settings, partitions))

    def _create_directories(self) -> None:
        """None: the stores make their own (tables/folders.py)."""

    async def on_start(self) -> None:
        """Before anything else: the page, if there is to be one."""
        if self.settings.metrics_port:
            try:
                await Page(self.settings.metrics_port, self.samples, self.waits_for).open()
            except OSError as error:
                self.leave(Exit.CONFIGURATION, f"WATTFALL_METRICS_PORT={self.settings.metrics_port}: {error}")
        for work in self.watches:
            self.add_future(work())
        await super().on_start()

    def samples(self) -> Iterator[Sample]:
        """What this worker tells of itself."""
        consumer = self._consumer
        yield Sample(PROCESS_START, (), BEGAN)
        if isinstance(consumer, Consumer):
            yield Sample(UNSTARTED, (), len(consumer.unstarted))
            yield Sample(START, (), self.start_s)
            yield from consumer.samples()
        for source in self.sources.values():
            yield from source.samples()

    def waits_for(self) -> Iterator[str]:
        """Why it is not ready, if it is not."""
        consumer = self._consumer
        if self.assigned_at is None or not isinstance(consumer, Consumer):
            yield "not in its group yet"
        elif consumer.unstarted:
            yield f"recovering: {len(consumer.unstarted)} partitions are not taken from yet"
        for source in self.sources.values():
            yield from source.waits_for()

    def has_started(self) -> None:
        """All that is assigned is taken from now."""
        if self.assigned_at is not None:
            self.start_s = asyncio.get_running_loop().time() - self.assigned_at

    def add_source(self, source: Source) -> faust.TopicT:
        """Registers who takes a topic; returns the channel for the agent that reads it."""
        self.sources[source.topic] = source
        return self.topic(source.topic, schema=RecordBatches())

    def keep_watch(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs beside the agents, from the start on."""
        self.watches.append(work)

    async def pour(self, stream: Any, source: Source) -> None:
        """The body of every agent: hands each batch to its source. No exception leaves it, or Faust would ack the batch and lose it."""
        try:
            events: AsyncIterable[Any] = stream.noack().events()
            async for event in events:
                await source.take(event.value)
        except Exception as error:
            log.exception("%s", source.topic)
            self.leave(Exit.AGENT_FAILED, f"the agent of {source.topic} failed: {safe(error)}")

    def leave(self, code: Exit, cause: str) -> NoReturn:
        """Ends the process. While it stops anyway, whatever goes wrong is no failure: nothing that was not durable is lost."""
        leave(Exit.STOPPED if self.stopping else code, cause)

    @property
    def goes_on(self) -> bool:
        """A setting allows to go on without a range that retention removed."""
        return self.settings.lost_range == "continue"

    async def commit_positions(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commits for the group; for sinks."""
        await self.consumer.commit_positions(offsets)

    def step_back(self, topic: str, partition: int) -> None:
        """Starts a partition again, at its source's position."""
        self.consumer.start_again(topic, partition)

    async def open_sources(self, tps: set[TP]) -> None:
        """Assigned: fences everything at once."""
        self.assigned_at = asyncio.get_running_loop().time()
        topics = {tp.topic for tp in tps}
        opened = [self.sources[topic].open({tp.partition for tp in tps if tp.topic == topic}) for topic in sorted(topics)]
        try:
            await asyncio.gather(*opened)
        except Exception as error:
            self.leave(Exit.FENCE_FAILED, f"assignment failed: {safe(error)}")
        self.watch(bool(tps))

    async def close_sources(self) -> None:
        """Revoked, or stopping: the last checkpoints."""
        self.watch(False)
        try:
            await asyncio.gather(*[source.close() for source in self.sources.values()])
        except Exception as error:
            self.leave(Exit.CHECKPOINT_FAILED, f"revocation failed: {safe(error)}")

    def watch(self, on: bool) -> None:
        """Ends the process if what is assigned has not started after the limit."""
        if self.waiting is not None:
            self.waiting.cancel()
        self.waiting = asyncio.get_running_loop().call_later(self.settings.start_limit_s, self._late) if on else None

    def _late(self) -> None:
        unstarted = sorted(f"{tp.topic}/{tp.partition}" for tp in self.consumer.unstarted)
        if unstarted:
            self.leave(Exit.NOT_STARTED, f"not started {self.settings.start_limit_s:g} s after the assignment: {', '.join(unstarted[:8])}")


def conf(settings: Settings, partitions: int) -> dict[str, Any]:
    """Faust's settings: everything switched off that this product does itself."""
    heartbeat = min(3.0, settings.session_timeout_s / 4)
    return {
        "autodiscover": False,
        "broker_client_id": settings.scope,
        "broker_commit_interval": NEVER_S,
        "broker_credentials": credentials(settings.brokers),
        "broker_heartbeat_interval": heartbeat,
        "broker_rebalance_timeout": max(REJOIN_S, 3 * settings.session_timeout_s),
        "broker_session_timeout": settings.session_timeout_s,
        "broker_request_timeout": max(90.0, settings.session_timeout_s),
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.member,
        "consumer_max_fetch_size": FETCH_BYTES,
        "consumer_metadata_max_age_ms": int(METADATA_S * 1000),
        "datadir": Path(settings.folder) / "faust",
        "stream_buffer_maxsize": QUEUED,
        "stream_recovery_delay": 0.0,
        "stream_wait_empty": False,
        "table_standby_replicas": 0,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": partitions,
        "web_enabled": False,
    }


def credentials(brokers: Brokers) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """How one gets in, as Faust has it."""
    if brokers.login is not None:
        login = brokers.login
        return faust.SASLCredentials(username=login.username, password=login.password, ssl_context=brokers.tls, mechanism=login.mechanism)
    return None if brokers.tls is None else faust.SSLCredentials(brokers.tls)


class Worker(faust.Worker):
    """Runs an app without banner, spinner or web server; SIGTERM and SIGINT stop it in order and with exit code 0."""

    STOP_S = 15.0
    app: App

    def __init__(self, app: App) -> None:
        super().__init__(app, quiet=True, override_logging=False, redirect_stdouts=False, loglevel="WARN")
        self.spinner = None

    async def start(self) -> None:
        """As ever; a broker that goes between the look around and the first connection is a cause that has a name."""
        try:
            await super().start()
        except KafkaError as error:
            self.app.leave(Exit.FETCH_FAILED, f"the broker does not answer any more: {safe(error)}")

    def change_workdir(self, path: Path) -> None:
        """Nothing: the folder is where it was started."""

    def _on_sigint(self) -> None:
        self._stop()

    def _on_sigterm(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if not self.app.stopping:
            self.app.stopping = True
            log.info("%s: stopping", self.app.role)
            self.loop.call_later(self.STOP_S, self._end)
            self._stopping = asyncio.ensure_future(self._last(), loop=self.loop)

    async def _last(self) -> None:
        """The last checkpoints, a goodbye to the group, and out."""
        await self.app.close_sources()
        consumer: Any = self.app._consumer
        if consumer is not None and consumer._thread._consumer is not None:
            try:
                await asyncio.wait_for(consumer._thread.call_thread(consumer._thread._consumer.stop), 5.0)
            except Exception as error:
                log.warning("%s: left the group without a goodbye: %s", self.app.role, error)
        self._end()

    def _end(self) -> None:
        log.info("%s: stopped", self.app.role)
        end(Exit.STOPPED)


def run(app: App) -> NoReturn:
    """Runs the app until it is asked to stop, or something is wrong. Never returns."""
    app.finalize()
    gc.freeze()
    gc.set_threshold(*COLLECTED)
    Worker(app).execute_from_commandline()
    leave(Exit.AGENT_FAILED, "the worker ended by itself")
