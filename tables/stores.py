"""Where a table's rows are on this machine: one store a partition, in memory or in RocksDB.

A store is a copy of the changelog up to an offset, and knows that offset: rows and offset change together, and never back. What is older than
the store's offset is not taken again, so recovery may hand over the same rows twice.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

import rocksdict

Row = tuple[bytes, "bytes | None"]
OFFSET_KEY: Final = b"\0\0offset"
STAMP_KEY: Final = b"\0\0stamp"
STALE_S: Final = 86_400.0
"""A folder that was not written for a day is not used again: the changelog's tombstones (kept for seven days) may be gone that it has not seen."""
BROKEN: Final = "broken"
"""The file in a folder that says that a row could not be read; the next start begins anew."""
TAKEN: Final = ("IO error: While lock file: ", "IO error: lock hold by current process")
"""How RocksDB's message (rocksdict 0.3.29) begins where another process, or this one, has the folder open. A damaged block's has "lock" in it too."""
BUFFER_BYTES: Final = 8 * 1024 * 1024
ARENA_BYTES: Final = 64 * 1024
"""A buffer grows by so much: by the megabyte that is usual, many stores would be over the bound before they held anything."""
MEMORY_BYTES: Final = 16 * 1024 * 1024
"""At least, of all stores of a process together: blocks that were read, and at most half of it rows that are in no file yet."""
MEMORY: Final = rocksdict.Cache(MEMORY_BYTES)
BUFFERS: Final = rocksdict.WriteBufferManager.new_write_buffer_manager_with_cache(MEMORY_BYTES // 2, False, MEMORY)
log = logging.getLogger("wattfall.table")


class Store(Protocol):
    """The rows of one partition."""

    def get(self, key: bytes) -> bytes | None:
        """One row."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All rows, in no particular order."""

    def apply(self, rows: Iterable[Row], offset: int) -> None:
        """Takes rows (None = tombstone) and the changelog's offset of the last of them, at once; nothing if the store is that far already."""

    @property
    def offset(self) -> int | None:
        """The changelog's offset of the last row that is in, or None for an empty store."""

    def close(self) -> None:
        """Ends its use."""


class MemoryStore:
    """A dictionary: for unit tests and toys."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._offset: int | None = None

    def get(self, key: bytes) -> bytes | None:
        """One row."""
        return self._rows.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All rows."""
        return list(self._rows.items())

    def apply(self, rows: Iterable[Row], offset: int) -> None:
        """See `Store`."""
        if self._offset is not None and offset <= self._offset:
            return
        for key, value in rows:
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value
        self._offset = offset

    @property
    def offset(self) -> int | None:
        """See `Store`."""
        return self._offset

    def close(self) -> None:
        """Forgets everything."""
        self._rows, self._offset = {}, None


class RocksStore:
    """A RocksDB folder. A write-ahead log that is not synced: after a power cut the tail may be missing, and is recovered from the changelog."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder, self._clock = folder, clock
        if (folder / BROKEN).exists():
            discard(folder, "a row of it could not be read")
        self._db = open_database(folder)
        try:
            stamp = self._db.get(STAMP_KEY)
            kept = self._db.get(OFFSET_KEY)
        except Exception:
            self._db.close()  # or this process would hold the folder's lock for as long as the error is looked at
            raise
        if stamp is not None and abs(clock() - float(stamp)) > STALE_S:
            self._db.close()
            discard(folder, f"its last write is {abs(clock() - float(stamp)) / 3600:.0f} hours from now")
            self._db, kept = open_database(folder), None
        self._offset = None if kept is None else int(kept)

    def get(self, key: bytes) -> bytes | None:
        """One row. If it cannot be read, the folder is not used again: without that, each start would fail at the same row."""
        try:
            return self._db.get(key)
        except rocksdict.DbClosedError:
            raise
        except Exception:
            (self._folder / BROKEN).touch()
            raise

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All rows, in the order of their keys."""
        return [(bytes(key), value) for key, value in self._db.items() if key not in (OFFSET_KEY, STAMP_KEY)]  # type: ignore[arg-type]

    def apply(self, rows: Iterable[Row], offset: int) -> None:
        """One write batch, the offset in it."""
        if self._offset is not None and offset <= self._offset:
            return
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(OFFSET_KEY, b"%d" % offset)
        batch.put(STAMP_KEY, b"%d" % self._clock())
        self._db.write(batch)
        self._offset = offset

    @property
    def offset(self) -> int | None:
        """See `Store`."""
        return self._offset

    def close(self) -> None:
        """Releases the folder's lock."""
        self._db.close()


class LocalRows:
    """One hop's local rows, a store a partition that is ours: `streams.lane.Rows`."""

    stores: dict[int, Store]

    def load(self, partition: int, key: bytes) -> bytes | None:
        """One row of an assigned partition, or None. Raises KeyError for a partition that is not ours."""
        return self.stores[partition].get(key)

    def reached(self, partition: int) -> int:
        """The changelog's position up to which the rows are there; 0 where there are none, or the store is not open yet."""
        store = self.stores.get(partition)
        return 0 if store is None or store.offset is None else store.offset + 1

    def store(self, partition: int, rows: Sequence[Row], offset: int) -> None:
        """Takes what a committed checkpoint wrote. Raises KeyError once the partition was revoked."""
        self.stores[partition].apply(rows, offset)


def share_memory(size: int) -> None:
    """So many bytes for all stores of this process together, but not less than `MEMORY_BYTES`."""
    MEMORY.set_capacity(max(size, MEMORY_BYTES))
    BUFFERS.set_buffer_size(max(size, MEMORY_BYTES) // 2)


def is_taken(error: Exception) -> bool:
    """A folder could not be opened only because it is open already, here or in another process."""
    return str(error).startswith(TAKEN)


def discard(folder: Path, why: str) -> None:
    """Deletes a copy that is no good, if it is there; all of it is in the changelog."""
    log.warning("deleting the local copy %s: %s; it is made again from the changelog", folder, why)
    if folder.exists():
        shutil.rmtree(folder)


def open_database(folder: Path) -> rocksdict.Rdict:
    """RocksDB with small buffers and shared memory: its defaults are made for one database a machine, and a worker has one a partition and table."""
    folder.mkdir(parents=True, exist_ok=True)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(BUFFER_BYTES)
    options.set_write_buffer_manager(BUFFERS)
    options.set_arena_block_size(ARENA_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(64)
    options.set_keep_log_file_num(2)
    options.set_max_background_jobs(2)
    table = rocksdict.BlockBasedOptions()
    table.set_bloom_filter(10, block_based=False)
    table.set_block_cache(MEMORY)
    options.set_block_based_table_factory(table)
    return rocksdict.Rdict(str(folder), options=options)
