"""hours → days: each hour's total into its day, each touched day's total into the topic days.

topic hours ──► the day's hours (table days) ──► topic days
"""

from __future__ import annotations

from typing import Any, Final

from agents.fold_parts import OUTCOMES, PartsFold
from agents.ground import Ground
from agents.wiring import add_hop
from metering.period import Calendar
from metering.total import Grain
from streams.app import App
from streams.fold import Fold, Load

PART: Final = 0.125
"""Of the worker's memory for what is hot."""


def add_hours_to_days(app: App, ground: Ground) -> None:
    """Declares the agent."""
    settings, topics = ground.settings, ground.topics
    calendar = Calendar(settings.rules.zone)

    def fold(partition: int, load: Load, share: float) -> Fold:
        return PartsFold(Grain.DAY, calendar, settings.rules, settings.epoch, load, int(settings.hot_bytes * PART * share))

    hop, channel = add_hop(
        app,
        ground,
        name="days",
        source=topics.hours,
        table=topics.days_table,
        totals=topics.days,
        interval_s=settings.checkpoint.days,
        folds=fold,
        outcomes=OUTCOMES,
    )

    @app.agent(channel, name="hours_to_days")
    async def hours_to_days(batches: Any) -> None:
        await app.pour(batches, hop)
