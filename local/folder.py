"""The state folder: what one stack keeps between two runs, and the lock that makes it one stack.

DIR/lock                one owner at a time; holds its process id
DIR/ports.json          the ports, so that clients find a restarted stack where it was
DIR/pids.json           {"kafka": …, "dynamodb": …} while the stack runs
DIR/kafka, DIR/dynamodb the data
DIR/*.log               what the servers said
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from local.errors import LocalError

PORTS: Final = range(20_000, 30_000)
"""Below the range from which a system picks the near end of connections (Linux from 32768, macOS and Windows from 49152): a client
that tries again and again to reach a stopped broker on a port of that range can end up connected to itself, and hold the port."""
HANDOVER_S: Final = 25.0
"""How long the guard of an owner that was killed may need to stop what it left."""


class Ports(NamedTuple):
    """Where the parts listen, on 127.0.0.1."""

    broker: int
    controller: int
    dynamodb: int


class Folder:
    """A state folder that this process owns; made by `owned`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def ports(self) -> Ports:
        """The ports of the last time, or free ones. Raises LocalError when one of the last time is taken by somebody else."""
        saved = self.path / "ports.json"
        if not saved.exists():
            ports = Ports(*_free_ports(len(Ports._fields)))
            _write(saved, ports._asdict())
            return ports
        try:
            ports = Ports(**json.loads(saved.read_text()))
        except (ValueError, TypeError) as error:
            raise LocalError(f"{saved} cannot be read ({error}); delete it to get new ports") from error
        for name, port in ports._asdict().items():
            if not _is_free(port):
                raise LocalError(
                    f"port {port}, where this stack had its {name}, is taken by another program; stop that, or delete {saved} to get new ports"
                )
        return ports

    def tell_pids(self, pids: Mapping[str, int]) -> None:
        _write(self.path / "pids.json", pids)

    def forget_pids(self) -> None:
        (self.path / "pids.json").unlink(missing_ok=True)


@contextmanager
def owned(path: Path) -> Iterator[Folder]:
    """The folder at `path`, made if need be, locked until the block ends and every process that was given the lock is gone.

    Raises LocalError when another stack runs on it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LocalError(f"--state {path}: {error.strerror}") from error
    try:
        _take(lock, path)
        yield Folder(path, lock)
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    """Where the last owner was killed, its guard holds the lock a moment longer: that is waited for."""
    limit = time.monotonic() + HANDOVER_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = int(os.pread(lock, 20, 0) or b"0")
            if time.monotonic() > limit or _lives(owner):
                raise LocalError(f"--state {path}: another stack runs on this folder (process {owner}); stop it, or name another folder") from None
            time.sleep(0.1)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: closed connections do not count
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_ports(count: int) -> list[int]:
    found = [port for port in random.sample(PORTS, 50 * count) if _is_free(port)]
    if len(found) < count:
        raise LocalError(f"no free ports between {PORTS.start} and {PORTS.stop} on 127.0.0.1")
    return found[:count]


def _write(path: Path, content: Mapping[str, int]) -> None:
    """Whole or not at all: others read these files at any moment."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(path)
