"""All that is run in one way: first what makes topics and tables, of their own in the local stack, then every role."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

from local.guard import Guard
from tests.containers.docker import Container, once
from tests.containers.ways import JOBS, ROLES, Way
from tests.faults.verdict import Verdict, judge
from tests.faults.workers import Deployment
from tests.stack import Stack

ZONE: Final = "Europe/London"
DAY: Final = "2025-11-24"
BEGINS: Final = 1_763_942_400
HOUR_S: Final = 3_600
MINUTE_S: Final = 60
POWER_W: Final = {"home": 600, "shed": 75, "barn": 1_310, "attic": 9}
"""Of each device, all the time: an hour of `home` is 0.6 kWh."""
HOME_KWH: Final = 0.6
INGEST: Final = ("python", "-m", "ingest", "--format", "csv", "-")


class Flow:
    """`ways` says how each is run; `containers` are the roles that run, which is none yet."""

    def __init__(self, stack: Stack, folder: Path, ways: Callable[[str], Way], **changes: str) -> None:
        name = f"t{uuid.uuid4().hex[:10]}"
        # The guard has nothing to do: no process is started but in containers.
        self.here = Deployment(stack, name, folder, Guard(), {"WATTFALL_ZONE": ZONE, "WATTFALL_REPLICATION": "1", **changes})
        self.ways = ways
        self.environ = {name: value for name, value in self.here.environ.items() if name.startswith(("WATTFALL_", "AWS_"))}
        self.containers: dict[str, Container] = {}
        self.made = self.sent = 0

    def begin(self) -> Self:
        """Makes topics and tables, as the jobs do it."""
        for job in JOBS:
            once(self.ways(job), self.environ)
        return self

    def own(self) -> dict[str, str]:
        """The environment of one container; on the host's network each has ports of its own."""
        metrics, page = _free_ports()
        ports = {"WATTFALL_METRICS_PORT": metrics, "WATTFALL_DASHBOARD_PORT": page, "WATTFALL_DASHBOARD_URL": f"http://127.0.0.1:{page}"}
        return self.environ | ports

    def container(self, role: str, **changes: str) -> Container:
        """One of them, not started yet."""
        self.made += 1
        return Container(f"{self.here.name}-{self.made}-{role}", self.ways(role), self.own() | changes)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Every role, when all are healthy."""
        with contextlib.ExitStack() as ending:
            self.containers = {role: ending.enter_context(self.container(role)) for role in ROLES}
            self.healthy()
            yield self

    def healthy(self) -> None:
        """Returns when all are."""
        for one in self.containers.values():
            one.healthy()

    def send(self, hours: int) -> None:
        """More readings, by a container too."""
        once(self.ways("topics"), self.environ, *INGEST, typed=self.readings(hours))

    def readings(self, hours: int) -> str:
        """The next hours' of every device, one a minute, as CSV."""
        begins = BEGINS + self.sent * HOUR_S
        self.sent += hours
        instants = range(begins, BEGINS + self.sent * HOUR_S, MINUTE_S)
        lines = [f"{device},{at},{power}" for at in instants for device, power in POWER_W.items()]
        return "\n".join(["device,at,power_w", *lines]) + "\n"

    def verdict(self) -> Verdict:
        """When all that was sent is stored: all of it compared with what the oracle says."""
        try:
            asyncio.run(self.here.done())
            verdict = asyncio.run(judge(self.here))
        except AssertionError as error:
            error.add_note("\n".join(f"--- {one.name}\n{one.tail}" for one in self.containers.values()))
            raise
        assert verdict.outcomes["counted"] == self.sent * (HOUR_S // MINUTE_S) * len(POWER_W)
        return verdict


def _free_ports() -> tuple[str, str]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("", 0))
        other.bind(("", 0))
        return str(one.getsockname()[1]), str(other.getsockname()[1])
