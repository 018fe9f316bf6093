"""The broker's jars: exactly those of jars.lock, kept in the user's cache folder.

A jar comes from the local Maven repository if it is there, else jgo fetches it; no Java and no Maven is needed. Nothing is used
whose SHA-256 is not the locked one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from local.console import say, track
from local.errors import LocalError

LOCK: Final = Path(__file__).with_name("jars.lock")
CONNECTIONS: Final = 8
MAVEN: Final = Path("~/.m2/repository")


class Jar(NamedTuple):
    """A line of jars.lock; `path` is a Maven repository's: group/…/artifact/version/artifact-version.jar."""

    sha256: str
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def coordinates(self) -> tuple[str, str, str]:
        """Group, artifact, version."""
        group, artifact, version, _ = self.path.rsplit("/", 3)
        return group.replace("/", "."), artifact, version

    def is_at(self, path: Path) -> bool:
        """Whether this very jar, to the last bit, is the file at `path`."""
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def locked() -> list[Jar]:
    """What jars.lock names, in the order of the class path."""
    return [Jar(*line.split()) for line in LOCK.read_text().splitlines()]


def provide(folder: Path) -> list[Path]:
    """The jars in `folder`, fetched where they are missing or not what they should be.

    One process at a time. Raises LocalError when one cannot be had.
    """
    jars = locked()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not jar.is_at(folder / jar.name)]
    if missing:
        say(f"fetching {len(missing)} jars of Apache Kafka into {folder} (once)")
        staging = folder.with_suffix(".new")
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was interrupted
        staging.mkdir()
        for done in track(_placed(missing, staging), len(missing), "fetching Kafka"):
            done.replace(folder / done.name)
        shutil.rmtree(staging)
    return [folder / jar.name for jar in jars]


def _placed(jars: Iterable[Jar], staging: Path) -> Iterator[Path]:
    """Each jar as a checked file in `staging`, several at a time."""
    _trust_what_the_system_trusts()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            yield from pool.map(lambda jar: _place(jar, staging), jars)
        finally:
            pool.shutdown(cancel_futures=True)


def _place(jar: Jar, staging: Path) -> Path:
    known = MAVEN.expanduser() / jar.path
    found = known if jar.is_at(known) else _fetch(jar, staging / "repository")
    if not jar.is_at(found):
        raise LocalError(f"{jar.path}: what was fetched is not the file that {LOCK.name} names")
    return Path(shutil.copyfile(found, staging / jar.name))


def _fetch(jar: Jar, repository: Path) -> Path:
    from jgo.config import GlobalSettings  # here, because it is slow to import and hardly ever needed
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    remotes = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(repo_cache=repository, remote_repos=remotes, timeout=30)
    group, artifact, version = jar.coordinates
    try:
        return context.project(group, artifact).at_version(version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise LocalError(
            f"cannot fetch {jar.name} ({type(error).__name__}): is the network there? Without one, bring the jars of {LOCK.name} in {MAVEN};"
            " a mirror is named in jgo's own settings, section [repositories]"
        ) from error


def _trust_what_the_system_trusts() -> None:
    """`requests` knows only its own list of authorities, not a company's that was added to the system's."""
    bundle = ssl.get_default_verify_paths().cafile
    if bundle:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", bundle)
