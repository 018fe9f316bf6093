"""docs/operations.md, typed from top to bottom: each command does what the page says, on one deployment, in the order of the page."""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from metering.partition import partition_of
from streams.exits import Exit
from tests.faults.verdict import judge
from tests.faults.workers import Deployment, deployment
from tests.stack import ROOT, Stack

PAGE: Final = (ROOT / "docs" / "operations.md").read_text()
TYPED: Final = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:python -m|export|make|kubectl) [^`]+)`")
ELSEWHERE: Final = {
    *("make bench", "make alerts", "make containers", "python -m bench views"),
    *("kubectl apply -k .", "kubectl delete job topics tables --ignore-not-found", "kubectl create secret generic people --from-file=people"),
    *("WATTFALL_DASHBOARD_DIR=people python -m dashboard person ada --devices home", "python -m dashboard person ada --devices home --password"),
    *("python -m dashboard serve", "python -m dashboard token ada"),
}
"""Takes minutes, needs Prometheus, a Docker or a cluster, is typed by tests/e2e/test_dashboard.py."""
WORKERS: Final = ("waterfall", "sinks", "worker", "audit", "replay start", "replay start --device home")
"""Go on until they are stopped."""
DEVICES: Final = ("home", "shed")
HOURS: Final = 5


def commands() -> Iterator[str]:
    """What the page says to type, as often as it does."""
    yield from (match[1] for match in TYPED.finditer(PAGE))


class Operator:
    """Types commands, and what goes on in a terminal of its own. `here`: the deployment as the environment has it now."""

    def __init__(self, here: Deployment) -> None:
        self.first = self.here = here
        self.done: set[str] = set()

    async def types(self, command: str) -> None:
        """Does it, unless nothing was started or stopped since it was done; it has to end well."""
        if command in self.done:
            return
        self.done.add(command)
        words = shlex.split(command)
        where = self.here
        while "=" in words[0] or words[0] == "export":
            if (word := words.pop(0)) == "export":
                self.here = self.of(words.pop(0))
                return
            where = self.of(word)
        package, *arguments = words[2:]
        if "--at" in arguments:
            arguments[-1] = f"{partition_of(DEVICES[0].encode(), where.settings.partitions)}/0"
        if package == "agents" and " ".join(arguments) in WORKERS:
            await (await where.seat(" ".join(arguments)).start()).says("audit: " if arguments == ["audit"] else "taking from")
            self.done.clear()
        elif arguments[0] == "reconcile":
            await where.done()  # who types this has not just started the workers
            await where.must(package, *arguments)
        elif arguments == ["replay", "drop"]:
            await self.stop(where)
            await where.must(package, *arguments)
            self.done.clear()
        elif arguments == ["replay", "status"]:
            async with asyncio.timeout(60):
                while (await where.run(package, *arguments)).code:
                    await asyncio.sleep(2)  # a process that only asks is a burden to those it waits for
        else:
            await where.must(package, *arguments)

    def of(self, setting: str) -> Deployment:
        """The deployment with this in the environment; WATTFALL_EPOCH only."""
        name, _, value = setting.partition("=")
        assert name == "WATTFALL_EPOCH", setting
        if value == str(self.first.settings.epoch):
            return self.first
        folder = self.first.folder / f"e{value}"
        folder.mkdir(exist_ok=True)
        return Deployment(self.first.stack, self.first.name, folder, self.first.guard, {name: value})

    async def stop(self, where: Deployment) -> None:
        """What goes before a drop: the generation has no workers."""
        for seat in where.seats:
            if seat.process is not None and seat.process.returncode is None:
                assert await seat.term(20) == Exit.STOPPED


def readings(path: Path) -> Path:
    """The last hours of some devices, a line a minute."""
    now = int(time.time())
    lines = [f"{device},{at},{100 + at % 900}" for at in range(now - HOURS * 3600, now, 60) for device in DEVICES]
    path.write_text("\n".join(["device,at,power_w", *lines]) + "\n")
    return path


async def test_the_page_can_be_typed_from_top_to_bottom(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        operator = Operator(here)
        for command in commands():
            if command == "python -m agents lag --wait 900":
                await here.must("ingest", str(readings(tmp_path / "readings.csv")))
            if command == "WATTFALL_EPOCH=1 python -m agents replay drop":
                assert {await seat.ended() for seat in here.seats} == {Exit.RETIRED}
            if command not in ELSEWHERE:
                await operator.types(command)
        verdict = await judge(operator.here, live=False)
        left = len(DEVICES) - 1  # one is erased
        assert operator.here.settings.epoch == 2 and verdict.totals >= left * (HOURS + 2)
        await operator.stop(operator.here)


def test_the_page_says_to_type_nothing_else() -> None:
    """A command in another form would not be typed by the test."""
    assert set(commands()) > ELSEWHERE
    assert [line for line in re.findall(r"`[^`\n]*-m (?:agents|dynamodb|bench)\b[^`\n]*`", PAGE) if not TYPED.fullmatch(line)] == []
