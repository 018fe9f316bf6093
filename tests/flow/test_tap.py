"""A tap commits what is stored, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.batch import Batch
from streams.exits import Exit
from streams.metrics import Sample
from streams.tap import Tap


class Left(Exception):
    """The process would have ended."""

    def __init__(self, code: Exit, cause: str) -> None:
        super().__init__(cause)
        self.code = code


def leave(code: Exit, cause: str) -> NoReturn:
    raise Left(code, cause)


class Sink:
    """Takes everything; what is safe is said by the test."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []
        self.safe: dict[int, int] = {}
        self.dropped: list[int] = []
        self.broken = False
        self.drained = False

    async def offer(self, partition: int, end: int, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        if end < 0:
            raise RuntimeError("broken")
        self.taken.append((partition, end))

    def safe_position(self, partition: int) -> int | None:
        if self.broken:
            raise RuntimeError("broken")
        return self.safe.get(partition)

    async def drain(self, limit_s: float) -> None:
        self.drained = True
        self.safe = dict(self.taken)

    def drop(self, partition: int) -> None:
        self.dropped.append(partition)

    def samples(self) -> Iterable[Sample]:
        return ()

    def waits_for(self) -> Iterable[str]:
        return ()


class Scene:
    """A tap on one topic, and the commits it makes."""

    def __init__(self, *, stopping: bool = False, broken: bool = False, go_on: bool = False) -> None:
        self.sink, self.commits, self.broken = Sink(), list[dict[TopicPartition, int]](), broken
        self.tap = Tap("hours", self.sink, commit=self.commit, leave=leave, stopping=lambda: stopping, go_on=go_on)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.broken:
            raise ConnectionError
        self.commits.append(dict(offsets))


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_only_what_is_stored_is_committed_and_only_once() -> None:
    async def scene() -> None:
        it = Scene()
        it.tap.start(0, 5, 1)
        await it.tap.take(Batch(0, [], 5, 9, 1))
        await it.tap.commit_safe()
        it.sink.safe[0] = 7
        await it.tap.commit_safe()
        await it.tap.commit_safe()
        assert it.commits == [{TopicPartition("hours", 0): 7}]

    play(scene())


def test_a_batch_of_another_start_is_not_taken() -> None:
    async def scene() -> None:
        it = Scene()
        it.tap.start(0, 5, 2)
        await it.tap.take(Batch(0, [], 5, 9, 1))
        await it.tap.take(Batch(1, [], 0, 9, 2))
        assert it.sink.taken == []

    play(scene())


def test_a_batch_from_elsewhere_ends_the_process() -> None:
    async def scene() -> None:
        it = Scene()
        it.tap.start(0, 5, 1)
        await it.tap.take(Batch(0, [], 6, 9, 1))

    with pytest.raises(Left) as left:
        play(scene())
    assert left.value.code is Exit.OUT_OF_STEP


def test_a_broken_sink_ends_the_process() -> None:
    async def scene() -> None:
        it = Scene()
        it.tap.start(0, 5, 1)
        await it.tap.take(Batch(0, [], 5, -1, 1))

    with pytest.raises(Left) as left:
        play(scene())
    assert left.value.code is Exit.AGENT_FAILED


@pytest.mark.parametrize(("stopping", "committed"), [(False, [{TopicPartition("hours", 0): 6}]), (True, [{TopicPartition("hours", 0): 9}])])
def test_before_the_end_of_the_process_what_waits_is_stored(stopping: bool, committed: list[dict[TopicPartition, int]]) -> None:
    async def scene() -> None:
        it = Scene(stopping=stopping)
        await it.tap.open([0])
        it.tap.start(0, 5, 1)
        await it.tap.take(Batch(0, [], 5, 9, 1))
        it.sink.safe[0] = 6
        await it.tap.close()
        assert (it.sink.drained, it.commits, it.sink.dropped) == (stopping, committed, [0])
        await it.tap.take(Batch(0, [], 9, 10, 1))
        assert it.sink.taken == [(0, 9)]

    play(scene())


def test_a_commit_that_fails_is_made_again() -> None:
    async def scene() -> None:
        it = Scene(broken=True)
        it.tap.start(0, 5, 1)
        it.sink.safe[0] = 6
        await it.tap.commit_safe()
        it.broken = False
        await it.tap.commit_safe()
        assert it.commits == [{TopicPartition("hours", 0): 6}]

    play(scene())


def test_whatever_else_goes_wrong_with_the_commits_ends_the_process() -> None:
    async def scene() -> None:
        it = Scene()
        await it.tap.open([0])
        it.tap.start(0, 5, 1)
        it.sink.broken = True
        assert it.tap.task is not None
        await it.tap.task

    with pytest.raises(Left, match=r"hours: .* failed: RuntimeError") as left:
        play(scene())
    assert left.value.code is Exit.AGENT_FAILED


def test_the_commit_decides_where_a_partition_starts_until_it_runs() -> None:
    it = Scene()
    assert (it.tap.position(0), it.tap.trusts_commits("anything")) == (None, True)
    it.tap.start(0, 5, 1)
    assert it.tap.position(0) == 5


def test_a_lost_range_ends_the_process() -> None:
    with pytest.raises(Left, match=r"hours/0: retention removed \[5, 9\) before it was stored; WATTFALL_LOST_RANGE=continue") as left:
        Scene().tap.lost(0, 5, 9)
    assert left.value.code is Exit.LOST_RANGE


def test_a_lost_range_is_told_where_a_setting_allows_to_go_on(caplog: pytest.LogCaptureFixture) -> None:
    Scene(go_on=True).tap.lost(0, 5, 9)
    assert caplog.record_tuples == [("wattfall.tap", logging.ERROR, "hours/0: retention removed [5, 9) before it was stored; going on without it")]


def test_a_tap_closes_though_a_commit_fails_at_the_very_moment_that_it_is_cancelled() -> None:
    """What waits for an answer may prefer its error to the cancellation (asyncio.wait_for did): a tap that then goes on commits for ever, and its
    worker never comes back to the group."""
    under_way = asyncio.Event()

    async def commit(offsets: Mapping[TopicPartition, int]) -> None:
        if under_way.is_set():
            return
        under_way.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError from None

    async def main() -> None:
        scene = Scene()
        scene.tap.commit = commit
        await scene.tap.open([0])
        scene.tap.start(0, 0, 1)
        scene.sink.safe = {0: 7}
        await under_way.wait()
        async with asyncio.timeout(10):
            await scene.tap.close()

    play(main())
