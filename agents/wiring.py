"""Puts one hop together: its table, its store, its lanes and its agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from metering.rules import Rules
from streams.app import App
from streams.checkpoint import Destinations
from streams.cluster import Cluster
from streams.fold import FoldFactory
from streams.guard import Guard
from streams.hop import Hop
from streams.lane import LaneSettings
from streams.settings import Settings
from streams.topics import Topics
from tables.folders import opener
from tables.windowed import WindowedTable


@dataclass(frozen=True, slots=True)
class Ground:
    """What every hop of a worker stands on: read from the cluster before the worker starts. `ends`: the changelogs' ends, by topic and partition."""

    settings: Settings
    topics: Topics
    cluster: Cluster
    ends: Mapping[str, Mapping[int, int]]

    @property
    def partitions(self) -> int:
        """Equal for all topics."""
        return self.cluster.topics[self.topics.readings].partitions

    @property
    def guard(self) -> Guard:
        """The log that is read here, and the rules."""
        return guard(self.settings.rules, self.settings.epoch, self.cluster, self.topics)


def guard(rules: Rules, epoch: int, cluster: Cluster, topics: Topics) -> Guard:
    """What must not change within an epoch."""
    sources = {name: cluster.topics[name].ident for name in (topics.readings, topics.hours, topics.days)}
    partitions = cluster.topics[topics.readings].partitions
    return Guard.of(rules=rules, epoch=epoch, cluster=cluster.ident, topics=sources, partitions=partitions, tz=version("tzdata"))


def add_hop(app: App, ground: Ground, *, name: str, source: str, table: str, totals: str, interval_s: float, folds: FoldFactory) -> Any:
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
    shared = LaneSettings(hop=name, interval_s=interval_s, to=to, guard=ground.guard, folds=folds, rows=rows, leave=app.leave)
    hop = Hop(
        shared,
        brokers=settings.brokers,
        scope=settings.scope,
        step_back=app.step_back,
        go_on=app.goes_on,
    )
    return hop, app.add_source(hop)
