"""One suite for every store: what the table promises must not depend on where the rows are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.settings import SettingError, Settings
from tables.folders import lock, opener
from tables.stores import MemoryStore, RocksStore, Store

NOON = 1_790_000_000.0
DAY = 86_400.0


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "db", lambda: NOON)
    yield made
    made.close()


def test_an_empty_store_knows_no_offset(store: Store) -> None:
    assert store.offset is None
    assert store.get(b"a") is None
    assert list(store.items()) == []


def test_rows_and_offset_change_together(store: Store) -> None:
    store.apply([(b"a", b"1"), (b"b\0\xff", b"")], 7)
    assert (store.get(b"a"), store.get(b"b\0\xff"), store.offset) == (b"1", b"", 7)


def test_a_tombstone_removes(store: Store) -> None:
    store.apply([(b"a", b"1"), (b"b", b"2")], 1)
    store.apply([(b"a", None), (b"never", None)], 4)
    assert sorted(store.items()) == [(b"b", b"2")]
    assert store.offset == 4


def test_within_one_batch_the_last_of_a_key_counts(store: Store) -> None:
    store.apply([(b"a", b"1"), (b"a", None), (b"a", b"2"), (b"b", b"1"), (b"b", None)], 4)
    assert sorted(store.items()) == [(b"a", b"2")]


@pytest.mark.parametrize("again", [3, 2, 0])
def test_what_is_older_than_the_store_is_not_taken_again(store: Store, again: int) -> None:
    store.apply([(b"a", b"new")], 3)
    store.apply([(b"a", b"old"), (b"b", b"old")], again)
    assert sorted(store.items()) == [(b"a", b"new")]
    assert store.offset == 3


def test_a_stretch_that_reaches_back_may_be_applied_whole(store: Store) -> None:
    store.apply([(b"a", b"1"), (b"b", b"1")], 1)
    store.apply([(b"a", b"1"), (b"b", b"1"), (b"a", b"2")], 2)
    assert sorted(store.items()) == [(b"a", b"2"), (b"b", b"1")]


def test_a_closed_folder_keeps_its_rows(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "db", lambda: NOON)
    first.apply([(b"a", b"1")], 9)
    first.close()
    second = RocksStore(tmp_path / "db", lambda: NOON + DAY - 1)
    assert (second.get(b"a"), second.offset) == (b"1", 9)
    second.close()


@pytest.mark.parametrize("later", [DAY + 1, -DAY - 1, 400 * DAY])
def test_a_folder_that_was_long_unused_is_begun_anew(tmp_path: Path, later: float) -> None:
    first = RocksStore(tmp_path / "db", lambda: NOON)
    first.apply([(b"a", b"1")], 9)
    first.close()
    second = RocksStore(tmp_path / "db", lambda: NOON + later)
    assert (second.get(b"a"), second.offset) == (None, None)
    second.close()


def rocks(tmp_path: Path, topic_id: str, ends: dict[int, int]) -> Callable[[int], Store]:
    return opener(Settings(state_dir=tmp_path), "hours", topic_id, ends, lambda: NOON)


def test_a_copy_beyond_the_changelogs_end_is_thrown_away(tmp_path: Path) -> None:
    first = rocks(tmp_path, "id", {0: 100})(0)
    first.apply([(b"a", b"1")], 99)
    first.close()
    kept = rocks(tmp_path, "id", {0: 100})(0)
    assert kept.offset == 99
    kept.close()
    gone = rocks(tmp_path, "id", {0: 99})(0)
    assert gone.offset is None
    gone.close()


def test_a_store_that_this_process_wrote_may_be_beyond_the_end_it_began_with(tmp_path: Path) -> None:
    open_store = rocks(tmp_path, "id", {0: 100})
    first = open_store(0)
    first.apply([(b"a", b"1")], 500)
    first.close()
    again = open_store(0)
    assert again.offset == 500
    again.close()


def test_a_changelog_that_was_made_anew_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first = rocks(tmp_path, "old", {0: 100})(0)
    first.apply([(b"a", b"1")], 9)
    first.close()
    second = rocks(tmp_path, "new", {0: 100})(0)
    assert second.offset is None
    second.close()


def test_one_worker_a_folder(tmp_path: Path) -> None:
    held = lock(tmp_path / "state")
    with pytest.raises(SettingError, match=r"WATTFALL_STATE_DIR: .* is in use by another worker"):
        lock(tmp_path / "state")
    held.close()
    lock(tmp_path / "state").close()
