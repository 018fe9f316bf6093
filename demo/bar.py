"""How far everything is, from what the consumer groups have committed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from streams.lag import Lag, Meter, Stage
from streams.settings import Settings
from streams.topics import Topics

POLL_S: Final = 0.25


@contextlib.asynccontextmanager
async def following(environ: Mapping[str, str], console: Console) -> AsyncIterator[None]:
    """Draws as long as the block lasts, on a terminal: readings that are counted, and totals that are stored."""
    drawing = asyncio.create_task(draw(environ, console)) if console.is_terminal else None
    try:
        yield
    finally:
        if drawing is not None:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)


async def draw(environ: Mapping[str, str], console: Console) -> None:
    """Until it is cancelled."""
    settings = Settings.from_environ(environ)
    topics = Topics.of(settings)
    waterfall, sinks = f"{settings.scope}-waterfall", f"{settings.scope}-sinks"
    counted = [Stage(topics.readings, (waterfall,))]
    stored = [Stage(topic, (sinks,)) for topic in (topics.hours, topics.days, topics.months)]
    columns = (TextColumn("  {task.description:<17}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars = {progress.add_task("readings counted", total=None): counted, progress.add_task("totals stored", total=None): stored}
        async with Meter(settings.brokers, {stage.topic: settings.partitions for stages in bars.values() for stage in stages}) as meter:
            while True:
                for bar, stages in bars.items():
                    end, position = _sum(await meter.now(stages))
                    progress.update(bar, total=end or None, completed=position)
                await asyncio.sleep(POLL_S)


def _sum(lags: list[Lag]) -> tuple[int, int]:
    return sum(lag.end for lag in lags), sum(lag.position for lag in lags)
