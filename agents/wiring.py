"""Puts one hop together: its table, its store and its lanes."""

from __future__ import annotations

from typing import Any

from agents.ground import Ground
from streams.app import App
from streams.checkpoint import Destinations
from streams.fold import FoldFactory
from streams.hop import Hop
from streams.lane import LaneSettings
from tables.folders import opener
from tables.windowed import WindowedTable


def add_hop(
    app: App,
    ground: Ground,
    *,
    name: str,
    source: str,
    table: str,
    totals: str,
    interval_s: float,
    folds: FoldFactory,
    outcomes: tuple[str, ...],
) -> Any:
    """Declares a hop's table and its source; returns the hop and the channel that its agent reads."""
    settings, topics = ground.settings, ground.topics
    ident = ground.cluster.topics[table].ident
    rows = WindowedTable(
        app,
        name=name,
        changelog=table,
        partitions=ground.partitions,
        opener=opener(settings, name, ident, ground.ends.get(table, {})),
        leave=app.leave,
    )
    app.tables.add(rows)
    to = Destinations(source=source, table=table, totals=totals, rejected=topics.rejected, late=topics.late, group=app.conf.id)
    shared = LaneSettings(hop=name, interval_s=interval_s, to=to, guard=ground.guard, folds=folds, outcomes=outcomes, rows=rows, leave=app.leave)
    hop = Hop(
        shared,
        brokers=settings.brokers,
        scope=settings.scope,
        step_back=app.step_back,
        go_on=app.goes_on,
    )
    return hop, app.add_source(hop)
