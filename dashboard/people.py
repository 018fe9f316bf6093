"""Who may see which devices: the file people.json in the dashboard's folder.

    {"ada": {"devices": ["home", "barn"], "password": "$argon2id$…"}}

A person is named by what the claim `sub` of a token says. `password` is there for those who log in with one. What is changed in the file
holds from the next request on: who is taken out sees nothing any more, and a new password ends the sessions that began with the old.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from metering.reading import DEVICE

FILE: Final = "people.json"
SHORTEST_PASSWORD: Final = 10
_HASHER: Final = PasswordHasher()
_log: Final = logging.getLogger(__name__)


class PeopleError(ValueError):
    """The file cannot be used: one line that says where and why."""


class Person(NamedTuple):
    """The devices in their order, and the argon2 hash of the password; empty where the person has none."""

    devices: tuple[str, ...] = ()
    password: str = ""

    @property
    def mark(self) -> str:
        """Changes with the password, and tells nothing of it."""
        return hashlib.sha256(self.password.encode()).hexdigest()[:16]


class People:
    """The file as it is now. A file that is not there names nobody; one that became unusable is as it was before, and the log says so."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._seen: tuple[int, ...] = ()
        self._people: dict[str, Person] = {}
        self._renew()

    def of(self, name: str) -> Person | None:
        """None for whom the file does not name."""
        try:
            self._renew()
        except PeopleError as error:
            _log.error("%s; what it said before holds", error)
        return self._people.get(name)

    def put(self, name: str, devices: Sequence[str] | None, password: str | None) -> Person:
        """Writes a person's devices and password into the file as it is by then; None leaves what is there. Raises PeopleError."""
        wanted, hashed = None if devices is None else _named(devices), None if password is None else _hash(password)
        with alone(self.path.parent):
            self._renew()
            old = self._people.get(name, Person())
            person = Person(old.devices if wanted is None else wanted, old.password if hashed is None else hashed)
            kept = {who: {"devices": one.devices, "password": one.password} for who, one in {**self._people, name: person}.items()}
            write(self.path, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
        self._renew()
        return person

    def _renew(self) -> None:
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            self._seen, self._people = (), {}
            return
        stamp = (now.st_mtime_ns, now.st_size, now.st_ino)
        if stamp != self._seen:
            self._seen = stamp
            self._people = _read(self.path)


def knows(person: Person | None, password: str) -> bool:
    """Whether this is the person's password. Takes some 50 ms of CPU and 64 MB in any case: for a thread, few at a time."""
    stored = person.password if person else ""
    try:
        return _HASHER.verify(stored or _nobodys(), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """Checked where there is no password, so that nobody learns from the time an answer takes who exists."""
    return _HASHER.hash("")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While the block runs nobody else is in one for the same folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, text: str) -> None:
    """A file that only its owner reads, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def _hash(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise PeopleError(f"a password needs at least {SHORTEST_PASSWORD} characters")
    return _HASHER.hash(password)


def _read(path: Path) -> dict[str, Person]:
    try:
        return {name: _person(said) for name, said in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise PeopleError(f"{path}: {error}") from None


def _person(said: Any) -> Person:
    devices, password = said.get("devices", []), said.get("password", "")
    if not isinstance(devices, list) or not isinstance(password, str):
        raise ValueError('a person is {"devices": [names], "password": an argon2 hash}')
    return Person(_named(devices), password)


def _named(devices: Iterable[Any]) -> tuple[str, ...]:
    """Each once. What no reading can name is no device, and `.` and `..` are places to whoever asks by HTTP."""
    for one in devices:
        if not isinstance(one, str) or not DEVICE.fullmatch(one) or one in (".", ".."):
            raise PeopleError(f"{one!r} is no device; wanted is 1 to 128 of A-Z a-z 0-9 . _ : -, and not . or ..")
    return tuple(dict.fromkeys(devices))
