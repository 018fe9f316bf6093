"""The local stores' folders: one worker a folder, one folder a partition and changelog.

A folder is named after the changelog's topic id: a topic that was made anew has a new one, and the old copy is never read again. The same holds for
a copy that is further than the changelog's end (see `opener`).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from settings.environ import SettingError
from streams.settings import Settings
from tables.stores import MemoryStore, RocksStore, Store, discard, is_taken


def lock(folder: Path) -> IO[str]:
    """Takes the folder for this process, for as long as the file is open. Raises SettingError if another worker has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = open(folder / "lock", "w")  # noqa: SIM115  # held for as long as the process lives
    except OSError as error:
        raise SettingError(f"WATTFALL_STATE_DIR: cannot use {folder}: {error.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise SettingError(f"WATTFALL_STATE_DIR: {folder} is in use by another worker; give each its own") from None
    return held


def opener(settings: Settings, table: str, topic_id: str, ends: Mapping[int, int], clock: Callable[[], float] = time.time) -> Callable[[int], Store]:
    """Makes the stores of one table. `ends`: the changelog's ends as of the start of the process; a copy beyond is thrown away.

    So is a copy that cannot be opened, unless it cannot because another has it open.
    """

    checked: set[int] = set()

    def open_store(partition: int) -> Store:
        if settings.store == "memory":
            return MemoryStore()
        folder = settings.folder / f"{table}-{topic_id}" / str(partition)
        try:
            store = RocksStore(folder, clock)
        except Exception as error:
            if is_taken(error):
                raise
            discard(folder, f"it cannot be opened ({error})")
            store = RocksStore(folder, clock)
        end = ends.get(partition, 0)
        if partition not in checked and store.offset is not None and store.offset >= end:
            store.close()
            discard(folder, f"it is at {store.offset}, and the changelog ends at {end}")
            store = RocksStore(folder, clock)
        checked.add(partition)
        return store

    return open_store
