"""When a lane makes a checkpoint: after its interval, as soon as much is touched, and once a day; and never for longer than its limit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from metering.rules import Rules
from streams.batch import Batch, Record
from streams.checkpoint import CHECKPOINT_S, Destinations
from streams.exits import Exit
from streams.fold import Changes
from streams.guard import Guard
from streams.lane import IDLE_S, TOUCHED, Lane, LaneSettings
from streams.position import Position, position_key
from tables.stores import LocalRows, MemoryStore
from tests.memory_kafka import Broker, Producer
from tests.process import Process

TO = Destinations("readings", "table", "hours", "rejected", "late", "group")
GUARD = Guard.of(rules=Rules(), epoch=1, cluster="c", topics={}, partitions=1, tz="2026.6")
HOUR_S = 3600.0


class Heap:
    """A fold in which every record touches a quarter of the rows that one checkpoint may have."""

    touched = 0

    def fold(self, records: Sequence[Record]) -> None:
        self.touched += len(records) * TOUCHED // 4

    def capture(self) -> Changes:
        self.touched = 0
        return Changes()


class Rows(LocalRows):
    def __init__(self) -> None:
        self.stores = {0: MemoryStore()}


class Scene:
    """A lane that makes a checkpoint every hour, and whose table says that it is at 10."""

    def __init__(self) -> None:
        self.process, self.broker = Process(), Broker()
        self.producer = Producer(self.broker, "owner")
        self.lane = Lane(LaneSettings("hours", HOUR_S, TO, GUARD, lambda *_: Heap(), (), Rows(), self.process.leave), 0, self.producer)
        self.process.run(self.begin())

    async def begin(self) -> None:
        await self.producer.start()
        self.lane.start(10, 1, Counter(), 10)

    def take(self, *offsets: int) -> asyncio.Task[None]:
        """A batch of each of them; done when the lane has taken them."""

        async def take() -> None:
            for at in offsets:
                assert await self.lane.take(Batch(0, [ConsumerRecord("readings", 0, at, 0, 1, b"k", b"v", None, 1, 1, ())], at, at + 1, 1))

        return self.process.run(take())

    @property
    def checkpoints(self) -> list[int]:
        """The positions of those that were made."""
        return [
            Position.decode(record.value).position for record in self.broker.records(TopicPartition(TO.table, 0)) if record.key == position_key(0)
        ]

    @property
    def committed(self) -> int | None:
        """The group's offset."""
        found = self.broker.committed.get((TO.group, TopicPartition(TO.source, 0)))
        return found and found.offset


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    with made.process.to_its_end():
        yield made


def test_a_checkpoint_comes_when_its_interval_is_over(scene: Scene) -> None:
    assert scene.take(10, 11).done()
    assert scene.checkpoints == []
    scene.process.later(HOUR_S)
    assert (scene.checkpoints, scene.committed) == ([12], 12)


def test_a_checkpoint_comes_before_its_time_once_so_much_is_touched_as_one_may_have(scene: Scene) -> None:
    scene.take(10, 11, 12)
    assert scene.checkpoints == []
    scene.take(13)
    assert scene.checkpoints == [14]
    scene.take(14, 15, 16, 17, 18)
    assert scene.checkpoints == [14, 18]


def test_while_one_is_under_way_no_more_is_taken_than_the_next_may_have(scene: Scene) -> None:
    scene.producer.hold_at = "commit"
    scene.take(10, 11, 12, 13)
    taking = scene.take(14, 15, 16, 17, 18, 19)
    assert (scene.checkpoints, scene.lane.position, taking.done()) == ([], 18, False)
    assert scene.producer.held is not None
    scene.producer.held.set_result(None)
    scene.process.turn()
    assert (scene.checkpoints, scene.lane.position, taking.done()) == ([14, 18], 20, True)


def test_where_nothing_comes_the_position_is_written_once_a_day_and_no_oftener(scene: Scene) -> None:
    """Else the producer's name and the group's offset would be forgotten within a week."""
    for day in range(1, 4):
        for _ in range(23):
            scene.process.later(HOUR_S)
        assert scene.checkpoints == [10] * (day - 1)
        scene.process.later(IDLE_S - 22 * HOUR_S)
        assert (scene.checkpoints, scene.committed) == ([10] * day, 10)


def test_a_checkpoint_that_takes_longer_than_its_limit_ends_the_process(scene: Scene) -> None:
    scene.producer.hold_at = "commit"
    scene.take(10, 11, 12, 13)
    scene.process.later(CHECKPOINT_S - 1)
    assert scene.process.left is None
    scene.process.later(1)
    assert scene.process.left is Exit.CHECKPOINT_FAILED
