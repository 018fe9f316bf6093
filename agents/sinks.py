"""The role sinks: everything that goes into DynamoDB, in one process."""

from __future__ import annotations

import asyncio

from agents.ground import Ground, check_live, survey, watch_retirement
from agents.readings_to_live import add_readings_to_live, lives
from agents.store_sink import FaultyStore, Rejecter, StoreSink, Values
from agents.stored_guard import check_tables
from agents.totals_to_dynamodb import add_totals_to_dynamodb, totals
from dynamodb.client import writing_client
from dynamodb.settings import Settings as DynamoSettings
from dynamodb.store import DynamoStore
from dynamodb.writes import Store
from metering.period import Calendar
from metering.total import Grain
from streams import faults
from streams.app import App, run
from streams.settings import Settings


def run_sinks(settings: Settings, kept: DynamoSettings) -> None:
    """Checks topics and tables, then runs until it is asked to stop. Raises SettingError, ClusterError and TableUnfit before it starts."""
    ground = asyncio.run(survey(settings, sinks=True))
    check_live(ground, sinks=True)
    check_tables(kept, ground.guard, settings.epoch)
    app = App(settings, role="sinks", partitions=ground.partitions)
    store: Store = DynamoStore(writing_client(kept.threads), kept)
    if faults.armed is not None:
        store = FaultyStore(store)
    add_sinks(app, ground, store, kept)
    app.keep_watch(lambda: watch_retirement(ground, app.leave))
    run(app)


def add_sinks(app: App, ground: Ground, store: Store, kept: DynamoSettings) -> None:
    """Declares the agents: the live values and the totals of each level into the store, each at its own interval."""
    topics, flush, rules = ground.topics, kept.flush, ground.settings.rules
    rejected = Rejecter(ground.settings.brokers, topics.rejected)

    def sink(name: str, values: Values, flush_s: float) -> StoreSink:
        return StoreSink(name, values, store, kept, flush_s=flush_s, rejected=rejected, leave=app.leave)

    add_readings_to_live(app, topics.readings, sink("live", lives(rules, ground.partitions, ground.settings.epoch), flush.live))
    calendar = Calendar(rules.zone)
    for grain, topic, flush_s in zip(Grain, topics.levels, (flush.hours, flush.days, flush.months), strict=True):
        add_totals_to_dynamodb(app, topic, sink(f"{grain}s", totals(topic, grain, calendar), flush_s))
