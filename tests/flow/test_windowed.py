"""What a table takes of its changelog while it recovers: every record once, and none without those before it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

import faust
import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams.batch import Batch
from streams.exits import Exit
from tables.stores import MemoryStore
from tables.windowed import WindowedTable


class Left(Exception):
    """The process would have ended."""


def leave(code: Exit, cause: str) -> NoReturn:
    raise Left(code, cause)


def table(kept: int | None = None) -> WindowedTable:
    """With one partition, whose store is a copy up to the changelog's offset `kept`."""
    made = WindowedTable(faust.App("table"), name="hours", changelog="log", partitions=2, opener=lambda _: MemoryStore(), leave=leave)
    made.stores[0] = MemoryStore()
    if kept is not None:
        made.store(0, [(b"k", b"kept")], kept)
    return made


def batch(begin: int, end: int, *offsets: int, after: int | None, partition: int = 0) -> Batch:
    records = [ConsumerRecord("log", partition, at, 0, 1, b"k", b"%d" % at, None, 1, 1, ()) for at in offsets]
    return Batch(partition, records, begin, end, after=after)


@pytest.mark.parametrize(
    ("kept", "taken"),
    [
        (None, [batch(0, 3, 0, 1, after=None), batch(3, 9, 8, after=1)]),  # markers and compaction leave holes
        (4, [batch(4, 6, 4, after=None), batch(6, 9, 6, after=4)]),  # the record that was kept, its marker, and on
        (4, [batch(6, 9, 6, after=4)]),  # Faust passes over a batch whose last record is kept
        (None, [batch(70, 75, 71, after=None)]),  # all before was compacted away
        (None, [batch(0, 3, 1, after=1)]),  # sought a second time, and what the first brought was thrown away
    ],
)
def test_what_follows_is_taken(kept: int | None, taken: list[Batch]) -> None:
    it = table(kept)
    for some in taken:
        it.recover(some)
    last = taken[-1].records[-1].offset
    assert it.load(0, b"k") == b"%d" % last
    assert it.reached(0) == last + 1


@pytest.mark.parametrize(("kept", "wrong"), [(4, batch(8, 9, 8, after=6)), (None, batch(8, 9, 8, after=6)), (4, batch(6, 9, 6, after=None))])
def test_a_gap_in_what_was_delivered_ends_the_process(kept: int | None, wrong: Batch) -> None:
    it = table(kept)
    with pytest.raises(Left) as left:
        it.apply_changelog_batch([SimpleNamespace(message=SimpleNamespace(topic="log"), value=wrong)])
    assert left.value.args[0] is Exit.RECOVERY_FAILED
    assert it.reached(0) == (0 if kept is None else kept + 1)


def test_what_is_another_tables_or_of_a_partition_that_went_is_passed_over() -> None:
    it = table(4)
    gone, others = batch(0, 9, 8, after=None, partition=1), batch(5, 9, 8, after=None)
    it.apply_changelog_batch(
        [SimpleNamespace(message=SimpleNamespace(topic=topic), value=some) for topic, some in (("log", gone), ("other", others))]
    )
    assert (it.reached(0), it.reached(1)) == (5, 0)


@pytest.mark.parametrize(("kept", "said"), [(None, None), (3, 3), (4, 4), (9, 4)])
def test_a_copy_that_is_ahead_of_what_can_be_read_is_whole(kept: int | None, said: int | None) -> None:
    """The broker has lost the marker of a transaction; the records below position 5 can be read."""
    it, tp = table(kept), TP("log", 0)
    app: Any = it.app
    app.consumer = SimpleNamespace(still_open={tp}, ends={tp: 5})
    assert it.persisted_offset(tp) == said
    app.consumer = SimpleNamespace(still_open=set(), ends={tp: 5})
    assert it.persisted_offset(tp) == kept
