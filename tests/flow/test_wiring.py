"""What the parts of a worker are given: each level its own interval, and all of them the whole log as what must not change."""

from __future__ import annotations

import pytest

from agents.days_to_months import add_days_to_months
from agents.ground import Ground
from agents.hours_to_days import add_hours_to_days
from agents.readings_to_hours import add_readings_to_hours
from agents.sinks import add_sinks
from agents.store_sink import StoreSink
from dynamodb.settings import Flushes
from dynamodb.settings import Settings as DynamoSettings
from streams.app import App
from streams.cluster import Cluster, Topic
from streams.hop import Hop
from streams.settings import Intervals, Settings
from streams.tap import Tap
from streams.topics import Topics
from tests.memory_store import MemoryStore

SETTINGS = Settings(checkpoint=Intervals(1.0, 2.0, 3.0))
TOPICS = Topics.of(SETTINGS)


def ground(**anew: str) -> Ground:
    """All topics there are, of which some were made anew: their ids, by name."""
    there = {name: Topic(name, anew.get(name, "id-1"), 2) for name in TOPICS.waterfall}
    return Ground(SETTINGS, TOPICS, Cluster("cluster", there), {}, {})


def waterfall(on: Ground) -> list[Hop]:
    """In the order of the flow."""
    app = App(SETTINGS, role="waterfall", partitions=on.partitions)
    for add in (add_readings_to_hours, add_hours_to_days, add_days_to_months):
        add(app, on)
    return [hop for hop in app.sources.values() if isinstance(hop, Hop)]


def test_each_hop_reads_the_level_before_it_and_has_its_own_interval() -> None:
    hops = waterfall(ground())
    assert [(hop.shared.to.source, hop.shared.to.table, hop.shared.to.totals, hop.shared.interval_s) for hop in hops] == [
        (TOPICS.readings, TOPICS.hours_table, TOPICS.hours, 1.0),
        (TOPICS.hours, TOPICS.days_table, TOPICS.days, 2.0),
        (TOPICS.days, TOPICS.months_table, TOPICS.months, 3.0),
    ]


def test_each_sink_reads_its_level_and_has_its_own_interval() -> None:
    app = App(SETTINGS, role="sinks", partitions=2)
    add_sinks(app, ground(), MemoryStore(), DynamoSettings(flush=Flushes(1.0, 2.0, 3.0, 4.0)))
    sinks = {topic: tap.sink for topic, tap in app.sources.items() if isinstance(tap, Tap)}
    assert {topic: (sink.name, sink.flush_s) for topic, sink in sinks.items() if isinstance(sink, StoreSink)} == {
        TOPICS.readings: ("live", 1.0),
        TOPICS.hours: ("hours", 2.0),
        TOPICS.days: ("days", 3.0),
        TOPICS.months: ("months", 4.0),
    }


@pytest.mark.parametrize("topic", [TOPICS.readings, *TOPICS.levels])
def test_a_topic_that_was_made_anew_is_another_log_to_all_of_them(topic: str) -> None:
    """An offset of the old one says nothing in the new one, and offsets are what totals are ordered by."""
    before, after = ground(), ground(**{topic: "id-2"})
    for was, now in zip(waterfall(before), waterfall(after), strict=True):
        assert now.shared.guard.differences(was.shared.guard) == [f"topic {topic} was id-1, now id-2"]
    assert after.guard.differences(before.guard) == [f"topic {topic} was id-1, now id-2"]
