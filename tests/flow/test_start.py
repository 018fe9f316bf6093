"""Where and when a partition starts: not before its state is there, not for an assignment that is over, and at the position that the state says."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NoReturn

import pytest
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from faust.types import TP

from streams.app import App
from streams.batch import Batch
from streams.exits import Exit
from streams.metrics import Sample
from streams.settings import Settings
from streams.transport import BEHIND_S, BEHIND_TIMES, Consumer
from tests.process import Process

READINGS = TP("readings", 0)
LIMIT_S = 60.0


class Taker:
    """A source. `at`: where its state says that it is, None if there is no state; `started`: with which serial it began where."""

    topic = "readings"

    def __init__(self) -> None:
        self.at: int | None = 7
        self.is_recovered = True
        self.trusted = True
        self.started: list[tuple[int, int]] = []
        self.missed: list[tuple[int, int]] = []

    async def open(self, partitions: Collection[int]) -> None:
        pass

    async def close(self) -> None:
        pass

    def recovered(self, partition: int, ends: Mapping[TP, int]) -> bool:
        return self.is_recovered

    def position(self, partition: int) -> int | None:
        return self.at

    def trusts_commits(self, metadata: str) -> bool:
        return self.trusted

    def lost(self, partition: int, begin: int, end: int) -> None:
        self.missed.append((begin, end))

    def start(self, partition: int, position: int, serial: int) -> None:
        self.started.append((position, serial))

    async def take(self, batch: Batch) -> None:
        pass

    def samples(self) -> Iterator[Sample]:
        return iter(())

    def waits_for(self) -> Iterator[str]:
        return iter(())


class Thread:
    """The consumer's own thread, and its client, as far as the start rule and Faust know them. `asked`: what it was told to do.

    While `answers` is not set, it is still at it.
    """

    beacon = None

    def __init__(self) -> None:
        self.begin, self.end, self.committed = 0, 20, dict[TP, OffsetAndMetadata]()
        self.asked: list[tuple[str, Any]] = []
        self.answers = asyncio.Event()
        self.answers.set()

    def _ensure_consumer(self) -> Thread:
        return self

    async def call_thread(self, call: Any, argument: Any) -> Any:
        await self.answers.wait()
        return call(argument)

    def beginning_offsets(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.begin)

    def end_offsets(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.end)

    def committed_offsets(self, tps: Collection[TopicPartition]) -> dict[TP, OffsetAndMetadata]:
        return self.committed

    def assignment(self) -> set[TP]:
        return {READINGS}

    def seek(self, tp: TP, offset: int) -> None:
        self.asked.append(("seek", offset))

    async def seek_to_committed(self) -> dict[TP, int]:
        self.asked.append(("seek", "committed"))
        return {}

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        self.asked.append(("commit", dict(offsets)))
        return True


class SmallConsumer(Consumer):
    """The product's, on another thread."""

    thread: Thread

    def _new_consumer_thread(self) -> Any:
        self.thread = Thread()
        return self.thread


class SmallApp(App):
    """The product's, in a process in memory."""

    def __init__(self, process: Process) -> None:
        self.process = process
        super().__init__(Settings(start_limit_s=LIMIT_S), role="small", partitions=1)

    def leave(self, code: Exit, cause: str) -> NoReturn:
        self.process.leave(code, cause)


class Scene:
    """One partition was assigned, and waits for its start."""

    def __init__(self) -> None:
        self.process, self.taker, self.batches = Process(), Taker(), list[Batch]()
        self.app = SmallApp(self.process)
        self.channel = self.app.add_source(self.taker)
        self.process.run(self.connect())

    async def connect(self) -> None:
        self.consumer = SmallConsumer(self.app.transport, self.deliver, self.nothing, self.nothing)
        self.app.consumer, self.thread = self.consumer, self.consumer.thread
        self.consumer.unstarted = {READINGS}

    async def deliver(self, message: Any) -> None:
        self.batches.append(message.value)

    async def nothing(self, *_: Any) -> None:
        pass

    def start(self) -> asyncio.Task[None]:
        """A look of the fetch loop's."""
        return self.process.run(self.consumer._start())


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    with made.process.to_its_end():
        yield made


def test_a_partition_starts_where_its_state_says(scene: Scene) -> None:
    assert scene.start().done()
    assert (scene.taker.started, scene.thread.asked, scene.consumer.unstarted) == ([(7, 1)], [("seek", 7)], set())


def test_nobody_starts_before_the_state_is_there(scene: Scene) -> None:
    scene.taker.is_recovered = False
    assert scene.start().done()
    assert (scene.taker.started, scene.thread.asked, scene.consumer.unstarted) == ([], [], {READINGS})
    scene.taker.is_recovered = True
    scene.start()
    assert scene.taker.started == [(7, 1)]


@pytest.mark.parametrize("change", [("consumer_generation_id", 1), ("rebalancing", True)], ids=lambda change: change[0])
def test_nobody_starts_if_the_group_has_changed_while_the_broker_was_asked(scene: Scene, change: tuple[str, Any]) -> None:
    """The position may be that of a state that is no longer ours."""
    scene.thread.answers.clear()
    starting = scene.start()
    setattr(scene.app, *change)
    scene.thread.answers.set()
    scene.process.turn()
    assert starting.done()
    assert (scene.taker.started, scene.thread.asked, scene.consumer.unstarted) == ([], [], {READINGS})


def test_a_partition_that_was_taken_away_while_the_broker_was_asked_does_not_start(scene: Scene) -> None:
    scene.thread.answers.clear()
    scene.start()
    scene.consumer.unstarted.clear()
    scene.thread.answers.set()
    scene.process.turn()
    assert (scene.taker.started, scene.thread.asked) == ([], [])


@pytest.mark.parametrize(
    ("at", "committed", "trusted", "begin", "started"),
    [
        (7, 12, True, 0, 7),  # the state's word is the last
        (None, 12, True, 0, 12),  # without one a replay's, or a sink's
        (None, 12, False, 3, 3),  # but no checkpoint's: what it made is gone
        (None, None, True, 3, 3),
        (0, None, True, 0, 0),
        (20, None, True, 0, 20),  # all is taken
    ],
)
def test_the_position_is_the_states_else_what_was_committed_else_the_logs_beginning(
    scene: Scene, at: int | None, committed: int | None, trusted: bool, begin: int, started: int
) -> None:
    scene.taker.at, scene.taker.trusted, scene.thread.begin = at, trusted, begin
    if committed is not None:
        scene.thread.committed = {READINGS: OffsetAndMetadata(committed, "")}
    scene.start()
    assert (scene.taker.started, scene.taker.missed) == ([(started, 1)], [])


def test_what_retention_has_removed_is_said_and_the_rest_is_taken(scene: Scene) -> None:
    scene.thread.begin = 11
    scene.start()
    assert (scene.taker.missed, scene.taker.started, scene.thread.asked) == ([(7, 11)], [(11, 1)], [("seek", 11)])


def test_a_position_beyond_the_end_is_looked_at_again_since_a_new_leader_may_not_know_its_end(scene: Scene) -> None:
    scene.thread.end = 6
    for _ in range(BEHIND_TIMES - 1):
        starting = scene.start()
        scene.process.later(BEHIND_S)
        assert starting.done() and scene.taker.started == [] and scene.process.left is None
    scene.thread.end = 7
    scene.start()
    assert scene.taker.started == [(7, 1)]


def test_a_position_that_stays_beyond_the_end_is_of_another_log_and_ends_the_process(scene: Scene) -> None:
    scene.thread.end = 6
    for _ in range(BEHIND_TIMES):
        scene.start()
        scene.process.later(BEHIND_S)
    assert (scene.process.left, scene.taker.started) == (Exit.LOGS_MIXED, [])
    assert "readings/0 is at 7, but the topic ends at 6" in scene.process.cause


def test_only_what_is_fetched_after_the_start_is_delivered_and_it_carries_the_starts_serial(scene: Scene) -> None:
    def fetched() -> Batch:
        batch = Batch(0, [ConsumerRecord("readings", 0, 7, 0, 1, b"k", b"v", None, 1, 1, ())], 7, 8)
        scene.process.run(scene.consumer._deliver({READINGS: batch}))
        return batch

    fetched()
    scene.start()
    first = fetched()
    scene.consumer.start_again(*READINGS)
    fetched()
    scene.start()
    second = fetched()
    assert scene.batches == [first, second]
    assert [batch.serial for batch in scene.batches] == [1, 2]


def test_faust_neither_commits_nor_seeks_whatever_it_thinks_is_done(scene: Scene) -> None:
    """Were it ever to: its acks are off (`App.pour`), and it is never asked to commit."""

    async def as_faust_does() -> None:
        scene.app.topics.add(scene.channel)
        await scene.app.topics._update_indices()  # type: ignore[attr-defined]
        assert scene.app.topics.acks_enabled_for(READINGS.topic)
        message = scene.consumer._message(READINGS, Batch(0, [ConsumerRecord("readings", 0, 7, 0, 1, b"k", b"v", None, 1, 1, ())], 7, 8))
        message.incref()
        message.ack(scene.consumer)
        await scene.consumer.commit()
        await scene.consumer.perform_seek()

    scene.start()
    assert scene.process.run(as_faust_does()).done()
    assert scene.thread.asked == [("seek", 7)]


def test_what_is_assigned_has_to_start_within_the_limit(scene: Scene) -> None:
    scene.process.run(scene.app.open_sources({READINGS}))
    scene.process.later(LIMIT_S - 1)
    assert scene.process.left is None
    scene.process.later(1)
    assert scene.process.left is Exit.NOT_STARTED
    assert "not started 60 s after the assignment: readings/0" in scene.process.cause


@pytest.mark.parametrize("ends", ["started", "revoked"])
def test_what_has_started_or_is_gone_within_the_limit_need_not(scene: Scene, ends: str) -> None:
    scene.process.run(scene.app.open_sources({READINGS}))
    scene.start() if ends == "started" else scene.process.run(scene.app.close_sources())
    scene.process.later(2 * LIMIT_S)
    assert scene.process.left is None
