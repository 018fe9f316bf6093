"""One suite for every store: what the table promises must not depend on where the rows are."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settings.environ import SettingError
from streams.settings import Settings
from tables.folders import lock, opener
from tables.stores import BUFFERS, MEMORY_BYTES, MemoryStore, RocksStore, Store
from tests.stack import ROOT

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
def test_a_folder_that_was_long_unused_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture, later: float) -> None:
    first = RocksStore(tmp_path / "db", lambda: NOON)
    first.apply([(b"a", b"1")], 9)
    first.close()
    second = RocksStore(tmp_path / "db", lambda: NOON + later)
    assert (second.get(b"a"), second.offset) == (None, None)
    second.close()
    assert "its last write is " in caplog.text


def rocks(tmp_path: Path, topic_id: str, ends: dict[int, int]) -> Callable[[int], Store]:
    return opener(Settings(state_dir=tmp_path), "hours", topic_id, ends, lambda: NOON)


def test_a_copy_beyond_the_changelogs_end_is_thrown_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = rocks(tmp_path, "id", {0: 100})(0)
    first.apply([(b"a", b"1")], 99)
    first.close()
    kept = rocks(tmp_path, "id", {0: 100})(0)
    assert kept.offset == 99
    kept.close()
    gone = rocks(tmp_path, "id", {0: 99})(0)
    assert gone.offset is None
    gone.close()
    assert "is at 99, and the changelog ends at 99" in caplog.text


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


def key(number: int) -> bytes:
    return b"key %05d" % number


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder of a closed copy with 5,000 rows in a file of their own."""
    made = rocks(tmp_path, "id", {0: 100})(0)
    made.apply([(key(number), b"%d" % number * 40) for number in range(5_000)], 99)
    made._db.flush()  # type: ignore[attr-defined]
    made.close()
    return tmp_path / "wattfall-e1" / "hours-id" / "0"


def turn_over(folder: Path, files: str, begin: float, end: float) -> None:
    """Every bit of a part of the files; the bounds are shares of a file's length."""
    for path in folder.glob(files):
        content = path.read_bytes()
        first, last = int(begin * len(content)), int(end * len(content))
        path.write_bytes(content[:first] + bytes(byte ^ 0xFF for byte in content[first:last]) + content[last:])


@pytest.mark.parametrize(
    ("files", "begin", "end", "said"),
    [
        ("*.sst", 0, 0.01, "block checksum mismatch"),
        ("*.sst", 0.5, 1, "Bad table magic number"),
        ("MANIFEST-*", 0.1, 0.2, "checksum mismatch"),
        ("CURRENT", 0, 1, "CURRENT"),
    ],
)
def test_a_copy_that_cannot_be_opened_is_thrown_away_and_why_is_said(
    tmp_path: Path, copy: Path, caplog: pytest.LogCaptureFixture, files: str, begin: float, end: float, said: str
) -> None:
    turn_over(copy, files, begin, end)
    store = rocks(tmp_path, "id", {0: 100})(0)
    assert (store.offset, store.get(key(1))) == (None, None)
    store.apply([(b"a", b"1")], 99)
    store.close()
    (record,) = [record for record in caplog.records if record.name == "wattfall.table"]
    assert record.levelno == logging.WARNING
    assert str(copy) in record.getMessage() and said in record.getMessage()


def test_a_copy_of_which_a_row_could_not_be_read_is_thrown_away_at_the_next_start(
    tmp_path: Path, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turn_over(copy, "*.sst", 0.5, 0.55)
    first = rocks(tmp_path, "id", {0: 100})(0)
    assert first.offset == 99
    with pytest.raises(Exception, match="Corruption"):
        for number in range(5_000):
            first.get(key(number))
    first.close()
    second = rocks(tmp_path, "id", {0: 100})(0)
    assert second.offset is None
    second.close()
    assert "could not be read" in caplog.text


def test_a_closed_copy_is_not_taken_for_a_broken_one(tmp_path: Path, copy: Path) -> None:
    first = rocks(tmp_path, "id", {0: 100})(0)
    first.close()
    with pytest.raises(Exception, match="closed"):
        first.get(key(1))
    second = rocks(tmp_path, "id", {0: 100})(0)
    assert second.offset == 99
    second.close()


def test_a_copy_that_another_holds_is_left_as_it_is(tmp_path: Path, copy: Path) -> None:
    held = rocks(tmp_path, "id", {0: 100})(0)
    with pytest.raises(Exception, match="lock"):
        rocks(tmp_path, "id", {0: 100})(0)
    assert held.get(key(1))
    held.close()
    kept = rocks(tmp_path, "id", {0: 100})(0)
    assert kept.offset == 99
    kept.close()


def test_a_copy_that_another_process_holds_is_left_as_it_is(tmp_path: Path, copy: Path) -> None:
    script = "import sys; from pathlib import Path; from tables.stores import open_database; db = open_database(Path(sys.argv[1])); print(); input()"
    with subprocess.Popen([sys.executable, "-c", script, str(copy)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Exception, match="lock"):
            rocks(tmp_path, "id", {0: 100})(0)
        other.communicate(b"\n")
    kept = rocks(tmp_path, "id", {0: 100})(0)
    assert kept.offset == 99
    kept.close()


def test_one_worker_a_folder(tmp_path: Path) -> None:
    held = lock(tmp_path / "state")
    with pytest.raises(SettingError, match=r"WATTFALL_STATE_DIR: .* is in use by another worker"):
        lock(tmp_path / "state")
    held.close()
    lock(tmp_path / "state").close()


def test_rows_that_are_in_no_file_yet_share_one_bound_whatever_the_number_of_stores(tmp_path: Path) -> None:
    stores = [RocksStore(tmp_path / str(number), lambda: NOON) for number in range(12)]
    value = b"x" * 10_000
    for turn in range(40):
        for store in stores:
            store.apply([(key(turn * 10 + row), value) for row in range(10)], turn)
    give_up, turn = time.monotonic() + 30, 40
    while BUFFERS.get_usage() > MEMORY_BYTES and time.monotonic() < give_up:
        time.sleep(0.05)  # what is over the bound is on its way into a file, and a store that was on its way then goes with its next write
        for store in stores:
            store.apply([(key(0), value)], turn)
        turn += 1
    assert 0 < BUFFERS.get_usage() <= MEMORY_BYTES, "a third of what was written"
    assert all(store.get(key(0)) == value for store in stores)
    for store in stores:
        store.close()
