"""A topic read once more, with a bar on a terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.brokers import Brokers
from streams.look_back import records

Take = Callable[[int, Sequence[Any]], Awaitable[None]]
"""Takes a partition's next records."""


def bar() -> Progress:
    """On standard error, if that is a terminal; gone when it is done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def reread(brokers: Brokers, topic: str, partitions: Sequence[int], take: Take, upto: Mapping[int, int] | None = None) -> None:
    """All committed records below `upto`, or below where the partitions end now; in order of each partition. Raises as `look_back.records`."""
    with bar() as progress:
        task = progress.add_task(topic, total=None)

        def show(done: int, size: int) -> None:
            progress.update(task, total=size, completed=done)

        async for tp, some in records(brokers, topic, partitions, show, upto):
            await take(tp.partition, some)
