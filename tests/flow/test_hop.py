"""What a hop does with batches, positions and guards, without Kafka: only what it must never do by mistake."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn

import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from metering.rules import Rules
from streams.batch import SLICE_BYTES, Batch
from streams.brokers import Brokers
from streams.checkpoint import Destinations
from streams.exits import Exit
from streams.fold import Changes, Load
from streams.guard import GUARD_KEY, Guard
from streams.hop import FENCE_S, LOST, Hop
from streams.lane import Lane, LaneSettings
from streams.metrics import RECORDS, Spread
from streams.position import Position, position_key
from streams.source import CHECKPOINTED
from tables.stores import MemoryStore, Row
from tests.process import Process

TO = Destinations("readings", "table", "hours", "rejected", "late", "group")


class Left(Exception):
    """The process would have ended."""

    def __init__(self, code: Exit, cause: str) -> None:
        super().__init__(cause)
        self.code = code


def leave(code: Exit, cause: str) -> NoReturn:
    raise Left(code, cause)


def guard(**rules: Any) -> Guard:
    return Guard.of(rules=Rules(**rules), epoch=1, cluster="c", topics={"readings": "id"}, partitions=1, tz="2026a")


class Offsets:
    """A fold that remembers the offsets it was given."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def fold(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        self.seen += [record.offset for record in records]
        if -1 in self.seen:
            raise ZeroDivisionError

    @property
    def touched(self) -> int:
        return len(self.seen)

    def capture(self) -> Changes:
        return Changes()


class Table:
    """One partition's rows."""

    def __init__(self) -> None:
        self.rows = MemoryStore()

    def load(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def reached(self, partition: int) -> int:
        return 0 if self.rows.offset is None else self.rows.offset + 1

    def store(self, partition: int, rows: Sequence[Row], offset: int) -> None:
        self.rows.apply(rows, offset)


class Scene:
    """A hop whose one lane was fenced."""

    def __init__(self, kept: Position | None = None, *, go_on: bool = False) -> None:
        self.fold, self.table, self.stepped = Offsets(), Table(), list[tuple[str, int]]()
        if kept is not None:
            self.table.rows.apply([(position_key(0), kept.encode()), (GUARD_KEY, guard().encode())], 1)
        folds = self.make
        shared = LaneSettings(
            hop="hours", interval_s=3600, to=TO, guard=guard(), folds=folds, outcomes=("counted", "rejected"), rows=self.table, leave=leave
        )
        self.hop = Hop(
            shared, brokers=Brokers(), scope="app", step_back=lambda topic, partition: self.stepped.append((topic, partition)), go_on=go_on
        )
        self.lane = self.hop.lanes[0] = Lane(shared, 0, None)  # it makes no checkpoint here

    def make(self, partition: int, load: Load, share: float) -> Offsets:
        return self.fold


def batch(begin: int, end: int, serial: int = 1) -> Batch:
    records = [ConsumerRecord("readings", 0, at, 0, 1, b"k", b"v", None, 1, 1, ()) for at in range(begin, end)]
    return Batch(0, records, begin, end, serial)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_batches_are_folded_in_order_from_the_start_on() -> None:
    async def scene() -> None:
        it = Scene()
        it.hop.start(0, 10, 1)
        await it.hop.take(batch(10, 12))
        await it.hop.take(Batch(0, [], 12, 14, 1))  # markers only: the position moves
        await it.hop.take(batch(14, 15))
        assert (it.fold.seen, it.hop.position(0)) == ([10, 11, 14], 15)

    play(scene())


def test_all_that_may_become_of_a_record_is_told_with_0_but_not_before_the_hop_knows_what_was_counted() -> None:
    async def scene() -> None:
        it = Scene(Position(10, Counter(counted=10), guard().digest))
        assert records_told(it.hop) == {}
        it.hop.start(0, 10, 1)
        assert records_told(it.hop) == {"counted": 10, "rejected": 0, LOST: 0}

    play(scene())


def records_told(hop: Hop) -> dict[str, float | Spread]:
    return {sample.labels[2]: sample.value for sample in hop.samples() if sample.of is RECORDS}


@pytest.mark.parametrize("serial", [0, 2])
def test_a_batch_of_another_start_is_never_folded(serial: int) -> None:
    async def scene() -> None:
        it = Scene()
        await it.hop.take(batch(0, 1, serial=0))
        it.hop.start(0, 0, 1)
        await it.hop.take(batch(0, 5, serial))
        assert (it.fold.seen, it.hop.position(0)) == ([], 0)

    play(scene())


def test_a_batch_of_a_partition_that_was_revoked_is_never_folded() -> None:
    async def scene() -> None:
        it = Scene()
        it.hop.start(0, 0, 1)
        it.hop.lanes.clear()
        await it.hop.take(batch(0, 5))
        assert it.fold.seen == []

    play(scene())


def test_a_batch_from_elsewhere_seeks_back_once_and_is_not_folded() -> None:
    async def scene() -> None:
        it = Scene()
        it.hop.start(0, 10, 1)
        await it.hop.take(batch(12, 13))
        await it.hop.take(batch(13, 14))  # was under way: its start is over
        assert (it.fold.seen, it.stepped, it.hop.lanes[0].trips) == ([], [("readings", 0)], 1)
        it.hop.start(0, it.hop.position(0) or -1, 2)
        await it.hop.take(batch(10, 14, serial=2))
        assert it.fold.seen == [10, 11, 12, 13]

    play(scene())


def test_a_batch_from_elsewhere_twice_ends_the_process() -> None:
    async def scene() -> None:
        it = Scene()
        it.hop.start(0, 10, 1)
        await it.hop.take(batch(12, 13))
        it.hop.start(0, 10, 2)
        await it.hop.take(batch(12, 13, serial=2))

    with pytest.raises(Left) as left:
        play(scene())
    assert left.value.code is Exit.OUT_OF_STEP


def test_an_error_in_a_fold_ends_the_process() -> None:
    async def scene() -> None:
        it = Scene()
        it.hop.start(0, -1, 1)
        await it.hop.take(batch(-1, 1))

    with pytest.raises(Left) as left:
        play(scene())
    assert left.value.code is Exit.AGENT_FAILED


def test_the_position_is_the_tables() -> None:
    async def scene() -> None:
        kept = Position(77, Counter(counted=70), guard().digest)
        it = Scene(kept)
        assert it.hop.position(0) == 77
        it.hop.start(0, 77, 1)
        assert it.lane.outcomes == {"counted": 70}
        assert it.lane.saved == 77  # nothing new to write

    play(scene())


def test_without_a_table_there_is_no_position() -> None:
    assert Scene().hop.position(0) is None


def test_other_rules_end_the_process_and_say_which() -> None:
    it = Scene(Position(77, Counter(), guard(hold_ms=1).digest))
    it.table.rows.apply([(GUARD_KEY, guard(hold_ms=1).encode())], 2)
    with pytest.raises(Left, match=r"epoch 1 began otherwise: WATTFALL_HOLD_S \(rule hold_ms\) was 1, now 60000\. Put that back, or") as left:
        it.hop.position(0)
    assert left.value.code is Exit.RULES_CHANGED


def test_a_checkpoints_own_commit_is_no_position_once_the_table_is_gone() -> None:
    it = Scene()
    assert not it.hop.trusts_commits(CHECKPOINTED)
    assert it.hop.trusts_commits("replay")


class StuckHop(Hop):
    """The product's, whose brokers do not answer."""

    async def fence(self, partition: int, share: float) -> Lane:
        await asyncio.Event().wait()
        raise AssertionError


def test_a_fence_that_takes_longer_than_its_limit_ends_the_process() -> None:
    process, shared = Process(), Scene().hop.shared
    hop = StuckHop(dataclasses.replace(shared, leave=process.leave), brokers=Brokers(), scope="app", step_back=lambda *_: None)
    process.run(hop.open([0, 1]))
    process.later(FENCE_S - 1)
    assert process.left is None
    process.later(1)
    process.kill()
    assert process.left is Exit.FENCE_FAILED
    assert process.cause == "hours: could not fence [0, 1] within 10 s: TimeoutError()"


def test_a_lost_range_ends_the_process() -> None:
    with pytest.raises(Left, match=r"retention removed readings \[5, 9\)") as left:
        Scene().hop.lost(0, 5, 9)
    assert left.value.code is Exit.LOST_RANGE


def test_a_lost_range_is_counted_where_a_setting_allows_to_go_on() -> None:
    async def scene() -> None:
        it = Scene(Position(5, Counter(counted=5), guard().digest), go_on=True)
        it.hop.lost(0, 5, 9)
        it.hop.start(0, 9, 1)
        assert (it.lane.outcomes, it.lane.position) == ({"counted": 5, "lost": 4}, 9)
        assert it.lane.saved != 9  # to be written

    play(scene())


def test_a_row_is_found_while_its_checkpoint_is_under_way() -> None:
    it = Scene()
    it.table.rows.apply([(b"a", b"old"), (b"b", b"old")], 1)
    it.lane.flying = {b"a": b"new", b"b": None}
    assert (it.lane.load(b"a"), it.lane.load(b"b"), it.lane.load(b"c")) == (b"new", None, None)


def test_a_large_batch_is_folded_in_slices_with_positions_between_them() -> None:
    records = [ConsumerRecord("readings", 0, at, 0, 1, b"k", b"v" * (SLICE_BYTES // 4), None, 1, 1, ()) for at in (3, 5, 6, 9, 12, 20)]
    cut = [([record.offset for record in some], position) for some, position in Batch(0, records, 2, 25).slices()]
    assert cut == [([3, 5, 6, 9], 12), ([12, 20], 25)]
    assert list(Batch(0, [], 2, 25).slices()) == [([], 25)]


def test_a_lane_that_closes_takes_no_further_slice() -> None:
    async def scene() -> None:
        it = Scene()
        it.hop.start(0, 0, 1)
        records = [ConsumerRecord("readings", 0, at, 0, 1, b"k", b"v" * SLICE_BYTES, None, 1, 1, ()) for at in range(5)]
        taking = asyncio.create_task(it.hop.take(Batch(0, records, 0, 5, 1)))
        await asyncio.sleep(0)
        it.lane.closing = True
        await taking
        assert (it.fold.seen, it.lane.position) == ([0], 1)

    play(scene())


@pytest.mark.parametrize(("end", "recovered"), [(None, False), (0, True), (2, True), (3, False)])
def test_a_table_is_recovered_when_it_holds_all_that_its_changelog_had_at_the_fence(end: int | None, recovered: bool) -> None:
    it = Scene(Position(5, Counter(), guard().digest))  # its rows end at position 2
    ends = {TP(TO.table, 1): 0} | ({} if end is None else {TP(TO.table, 0): end})
    assert it.hop.recovered(0, ends) is recovered
