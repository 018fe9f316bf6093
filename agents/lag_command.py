"""`python -m agents lag [--wait S]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from streams.brokers import Brokers
from streams.cluster import admin, answering, having
from streams.exits import Exit
from streams.lag import Lag, Meter, Stage
from streams.settings import Settings
from streams.topics import Topics


def run(settings: Settings, wait_s: float | None) -> Exit:
    """Prints a table; with `wait_s` returns STOPPED when all is done, FAILED when it took longer. Raises ClusterError."""
    with answering(settings.brokers):
        return asyncio.run(measure(settings, wait_s))


async def measure(settings: Settings, wait_s: float | None) -> Exit:
    """The command itself."""
    topics = Topics.of(settings)
    stages = flow(settings, topics)
    async with admin(settings.brokers) as client:
        cluster = await having(client, [stage.topic for stage in stages])
    seen: dict[tuple[str, str], Lag] = {}
    waiting = Waiting(settings.brokers)
    code = Exit.STOPPED
    async with Meter(settings.brokers, {stage.topic: cluster.topics[stage.topic].partitions for stage in stages}) as meter:
        if wait_s is None:
            remember(seen, await meter.now(stages))
        else:
            try:
                async with asyncio.timeout(wait_s):
                    await meter.settle(stages, lambda lags: remember(seen, waiting.over(lags)), waiting.begin)
            except TimeoutError:
                code = Exit.FAILED
    show(list(seen.values()), code, wait_s)
    return code


class Waiting:
    """Says once, each time that the brokers stop answering, that they do not."""

    def __init__(self, brokers: Brokers) -> None:
        self.brokers, self.said = brokers, False

    def begin(self) -> None:
        """Nobody answers."""
        if not self.said:
            print(f"wattfall: waiting: WATTFALL_BROKERS={self.brokers}: no broker answers", file=sys.stderr)
        self.said = True

    def over(self, lags: list[Lag]) -> list[Lag]:
        """Somebody does."""
        self.said = False
        return lags


def flow(settings: Settings, topics: Topics) -> list[Stage]:
    """Each topic in the order of the flow, with the groups that read it."""
    hops, sinks = f"{settings.scope}-waterfall", f"{settings.scope}-sinks"
    stages = [Stage(topic, (hops, sinks)) for topic in (topics.readings, topics.hours, topics.days)]
    return [*stages, Stage(topics.months, (sinks,))]


async def waited(meter: Meter, stages: Iterable[Stage], wait_s: float, doing: str) -> str:
    """Waits until the groups have passed what is there now; who is still behind after so many seconds, for people, or nothing."""
    with Console(stderr=True).status(doing) as shown:

        def show(lags: list[Lag]) -> None:
            shown.update(f"waiting for what is on its way: {lags[0].topic}, {sum(one.behind for one in lags):,} records")

        behind = await meter.behind(stages, wait_s, show)
    return ", ".join(f"{one.group} is {one.behind:,} behind in {one.topic}" for one in behind)


def remember(seen: dict[tuple[str, str], Lag], lags: list[Lag]) -> None:
    """Keeps the newest of each."""
    for lag in lags:
        seen[lag.topic, lag.group] = lag


def show(lags: list[Lag], code: Exit, wait_s: float | None) -> None:
    """A small table on standard output."""
    table = Table("topic", "group")
    for name in ("end", "position", "behind"):
        table.add_column(name, justify="right")
    for lag in lags:
        table.add_row(lag.topic, lag.group, str(lag.end), str(lag.position), str(lag.behind))
    console = Console(width=None if Console().is_terminal else 100)
    console.print(table)
    if code is Exit.FAILED:
        console.print(f"not done after {wait_s:g} s")
