"""days → months: each day's total into its month, each touched month's total into the topic months.

topic days ──► the month's days (table months) ──► topic months
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


def add_days_to_months(app: App, ground: Ground) -> None:
    """Declares the agent."""
    settings, topics = ground.settings, ground.topics
    calendar = Calendar(settings.rules.zone)

    def fold(partition: int, load: Load, share: float) -> Fold:
        return PartsFold(Grain.MONTH, calendar, settings.rules, settings.epoch, load, int(settings.hot_bytes * PART * share))

    hop, channel = add_hop(
        app,
        ground,
        name="months",
        source=topics.days,
        table=topics.months_table,
        totals=topics.months,
        interval_s=settings.checkpoint.months,
        folds=fold,
        outcomes=OUTCOMES,
    )

    @app.agent(channel, name="days_to_months")
    async def days_to_months(batches: Any) -> None:
        await app.pour(batches, hop)
