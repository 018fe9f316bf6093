"""Docker by its own command: the image that is built, and containers that are run, asked and ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from typing import Any, Final, Self

from tests.containers.ways import Way
from tests.stack import ROOT

ABSENT: Final = "no Docker answers: install one and let it run (Debian: apt-get install docker.io), or say by DOCKER_HOST where one does"
NO_BASE: Final = (
    "Where no registry of images is reached, WATTFALL_BASE_IMAGE names one with Python and pip that is here already; "
    "tests/containers/base.sh makes such a one of Debian's packages."
)
IMAGE: Final = "wattfall-test"
BUILD_LIMIT_S: Final = 1800.0
HEALTHY_LIMIT_S: Final = 90.0
"""More than what compose.yaml gives them to start."""
POLL_S: Final = 0.2
INSIDE: Final = (ROOT / "tests" / "containers" / "inside.py").read_text()
TAIL: Final = "25"


def docker(*arguments: str, typed: str = "", limit_s: float = 120.0) -> str:
    """What `docker …` prints; it has to end well."""
    done = subprocess.run(("docker", *arguments), input=typed, capture_output=True, text=True, timeout=limit_s, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build() -> str:
    """The image of docker/Dockerfile, on the base that it names or on WATTFALL_BASE_IMAGE; its name. It is kept, for the next time."""
    assert shutil.which("docker") and subprocess.run(("docker", "info"), capture_output=True, check=False).returncode == 0, ABSENT
    base = os.environ.get("WATTFALL_BASE_IMAGE")
    named = (f"--build-arg=BASE={base}",) if base else ()
    try:
        # The host's network: there are daemons without any other.
        docker("build", "--network=host", "--file=docker/Dockerfile", f"--tag={IMAGE}", *named, str(ROOT), limit_s=BUILD_LIMIT_S)
    except AssertionError as error:
        raise AssertionError(error if base else f"{error}\n{NO_BASE}") from None
    return IMAGE


def once(way: Way, environ: Mapping[str, str], *command: str, typed: str = "") -> str:
    """What a container says that ends by itself, and well: its own command, or another."""
    return docker("run", "--rm", "--interactive", *_options(way, environ), IMAGE, *(command or way.command), typed=typed)


def _options(way: Way, environ: Mapping[str, str]) -> list[str]:
    return ["--network=host", *way.options, *(f"--env={name}={value}" for name, value in {**way.environ, **environ}.items())]


class Container:
    """One that runs until it is told to end; use it as a context, after which nothing of it is left."""

    def __init__(self, name: str, way: Way, environ: Mapping[str, str]) -> None:
        self.name, self.way = name, way
        docker("create", f"--name={name}", *_options(way, environ), IMAGE, *way.command)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except AssertionError:
            self.remove()
            raise

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """With its volumes."""
        docker("rm", "--force", "--volumes", self.name)

    def start(self) -> Self:
        """Returns at once."""
        docker("start", self.name)
        return self

    def state(self, field: str) -> str:
        """Of `docker inspect`: "State.ExitCode"."""
        return docker("inspect", f"--format={{{{.{field}}}}}", self.name).strip()

    def runs(self, *command: str, typed: str = "") -> str:
        """What a command says that runs inside, as whoever the container runs as."""
        return docker("exec", "--interactive", self.name, *command, typed=typed)

    def finds(self, what: str) -> Any:
        """What one of the functions of tests/containers/inside.py finds in it."""
        return json.loads(self.runs("python", "-", what, typed=INSIDE))

    def healthy(self) -> Self:
        """Returns when its health check says so."""
        limit = time.monotonic() + HEALTHY_LIMIT_S
        while self.state("State.Health.Status") != "healthy":
            assert time.monotonic() < limit, f"{self.name} is not healthy: {self.state('State')}\n{self.tail}"
            time.sleep(POLL_S)
        return self

    def stop(self) -> float:
        """As `docker stop` does it; how many seconds that took."""
        began = time.monotonic()
        docker("stop", self.name)
        return time.monotonic() - began

    def crash(self) -> None:
        """SIGKILL to all that runs in it but process 1; returns when Docker has started it again."""
        before = int(self.state("RestartCount"))
        # This very command dies with the container.
        subprocess.run(("docker", "exec", self.name, "python", "-c", "import os; os.kill(-1, 9)"), capture_output=True, check=False)
        limit = time.monotonic() + HEALTHY_LIMIT_S
        while int(self.state("RestartCount")) == before or self.state("State.Status") != "running":
            assert time.monotonic() < limit, f"{self.name} was not started again: {self.state('State')}\n{self.tail}"
            time.sleep(POLL_S)

    @property
    def tail(self) -> str:
        """The end of what it said."""
        done = subprocess.run(("docker", "logs", "--tail", TAIL, self.name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout
