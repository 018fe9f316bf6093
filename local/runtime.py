"""What is made once and kept in the user's cache folder: the checked jars, and the broker's start-up cache."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local import foreground, jars, kafka
from local.console import say
from local.errors import LocalError
from local.folder import owned
from local.guard import Guard
from local.stack import launch

TRAINING_LIMIT_S: Final = 120.0


def cache_folder() -> Path:
    """WATTFALL_CACHE, else the system's place for what can be made again."""
    named = os.environ.get("WATTFALL_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "wattfall"


def prepare() -> kafka.Runtime:
    """All that is needed to start the broker; fetched and made where it is missing.

    Raises LocalError when the jars cannot be had, KeyboardInterrupt when asked to end.
    Without a start-up cache the broker works too, it only starts slower.
    """
    folder = cache_folder().absolute() / f"kafka-{kafka.tag()}"
    with _alone(folder):
        runtime = kafka.Runtime(tuple(jars.provide(folder / "jars")), folder / "kafka.aot")
        if not runtime.cache.exists():
            say("making Kafka's start-up cache (once)")
            try:
                if not foreground.run(_train(runtime, folder / "training")):
                    raise KeyboardInterrupt
            except LocalError as error:
                say(f"no start-up cache, so Kafka starts slower: {error}")
    return runtime


async def _train(runtime: kafka.Runtime, scratch: Path) -> None:
    """A broker is started and stopped; its JVM writes the cache as it ends, with a second JVM, and must not be killed before."""
    shutil.rmtree(scratch, ignore_errors=True)
    new = scratch / "kafka.aot"
    with owned(scratch) as folder:
        service = await kafka.service(folder, folder.ports(), runtime, f"-XX:AOTCacheOutput={new}")
        log = folder.log("kafka")
        async with Guard(folder.lock) as guard:
            process = await launch(guard, service, log)
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), TRAINING_LIMIT_S)
            except TimeoutError:
                raise LocalError(f"the training run did not end within {TRAINING_LIMIT_S:g} s; see {log}") from None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
    if not new.exists():
        raise LocalError(f"the training run wrote nothing; see {log}")
    new.replace(runtime.cache)
    shutil.rmtree(scratch)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time makes things in the cache folder; the others wait and find them made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LocalError(f"the cache folder {folder}: {error.strerror}; WATTFALL_CACHE names another") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
