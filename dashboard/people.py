"""Who may see which devices: the file people.json in the dashboard's folder.

    {"ada": {"devices": ["home", "barn"], "password": "$argon2id$…"}}

A person is named by what the claim `sub` of a token says. `password` is there for those who log in with one. What is changed in the file
holds from the next request on: who is taken out sees nothing any more, and a new password ends the sessions that began with the old. An entry
that cannot be used is nobody's; where the file is no JSON object at all, what it said before holds. The log says of both as long as they last.
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

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from metering.reading import DEVICE

FILE: Final = "people.json"
SHORTEST_PASSWORD: Final = 10
DEVICES: Final = "1 to 128 of A-Z a-z 0-9 . _ : -, and not . or .."
"""What a device may be called."""
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
    """The file as it is now; one that is not there names nobody. Raises PeopleError where it is there and is no JSON object from the beginning."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._seen: tuple[int, ...] = ()
        self._people: dict[str, Person] = {}
        self._unusable: list[int] = []
        self._renew()

    def of(self, name: str) -> Person | None:
        """None for whom the file does not name."""
        try:
            self._renew()
        except PeopleError as error:
            _log.error("%s; what it said before holds", str(error))
        if self._unusable:
            _log.error("who may see what: %s", self._unusables())
        return self._people.get(name)

    def put(self, name: str, devices: Sequence[str] | None, password: str | None) -> Person:
        """Writes a person's devices and password into the file as it is by then; None leaves what is there. Raises PeopleError."""
        wanted, hashed = None if devices is None else _named(devices), None if password is None else _hash(password)
        with alone(self.path.parent):
            self._renew()
            if self._unusable:
                raise PeopleError(self._unusables())
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
            self._seen, self._people, self._unusable = (), {}, []
            return
        stamp = (now.st_mtime_ns, now.st_size, now.st_ino)
        if stamp != self._seen:
            self._people, self._unusable = _read(self.path)
            self._seen = stamp

    def _unusables(self) -> str:
        """By their numbers, which may stand in any log."""
        entries = ", ".join(map(str, self._unusable))
        wanted = f'{{"devices": [names], "password": an argon2 hash}}, a name has {DEVICES}'
        return f"{self.path}: nobody's, since it cannot be used: entry {entries}; wanted is {wanted}"


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


def _read(path: Path) -> tuple[dict[str, Person], list[int]]:
    """The people, and which entries, counted from 1, are none. Raises PeopleError."""
    try:
        entries = {name: _person(said) for name, said in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise PeopleError(f"{path}: {error}") from None
    found = {name: person for name, person in entries.items() if person is not None}
    return found, [number for number, person in enumerate(entries.values(), 1) if person is None]


def _person(said: Any) -> Person | None:
    devices, password = (said.get("devices", []), said.get("password", "")) if isinstance(said, dict) else (None, None)
    if not isinstance(devices, list) or not isinstance(password, str):
        return None
    try:
        if password:
            extract_parameters(password)
        return Person(_named(devices), password)
    except ValueError:
        return None


def _named(devices: Iterable[Any]) -> tuple[str, ...]:
    """Each once. What no reading can name is no device, and `.` and `..` are places to whoever asks by HTTP."""
    for one in devices:
        if not isinstance(one, str) or not DEVICE.fullmatch(one) or one in (".", ".."):
            raise PeopleError(f"{one!r} is no device; wanted is {DEVICES}")
    return tuple(dict.fromkeys(devices))
