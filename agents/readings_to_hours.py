"""readings → hours: each reading into the trace of its device's hour, each touched hour's total into the topic hours.

topic readings ──► trace of the hour (table hours) ──► topic hours
              └──► topics rejected, late
"""

from __future__ import annotations

from typing import Any, Final

from agents.fold_hours import OUTCOMES, HoursFold
from agents.ground import Ground
from agents.wiring import add_hop
from streams.app import App
from streams.fold import Fold, Load

PART: Final = 0.75
"""Of the worker's memory for what is hot; days and months need little."""


def add_readings_to_hours(app: App, ground: Ground) -> None:
    """Declares the agent."""
    settings, topics, generation = ground.settings, ground.topics, ground.generation

    def fold(partition: int, load: Load, share: float) -> Fold:
        hot_bytes = int(settings.hot_bytes * PART * share)
        made = HoursFold(settings.rules, settings.epoch, partition, ground.partitions, load, hot_bytes)
        made.restrict(generation.since, generation.devices)
        return made

    hop, channel = add_hop(
        app,
        ground,
        name="hours",
        source=topics.readings,
        table=topics.hours_table,
        totals=topics.hours,
        interval_s=settings.checkpoint.hours,
        folds=fold,
        outcomes=OUTCOMES,
    )

    @app.agent(channel, name="readings_to_hours")
    async def readings_to_hours(batches: Any) -> None:
        await app.pour(batches, hop)
