"""What a worker, or a command that does some of its work, asks the cluster before it starts: is everything there, and which log is it?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.cluster import Cluster, ClusterError, NoBroker, admin, describe, missing
from streams.guard import Guard
from streams.settings import Settings
from streams.topics import Topics

PAUSE_S: Final = 2.0
SAID_EVERY: Final = 15
"""Attempts: a line every half minute."""
log = logging.getLogger("wattfall.ground")


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
        """The log that is read here and the rules: what must not change within an epoch."""
        return Guard.of(
            rules=self.settings.rules,
            epoch=self.settings.epoch,
            cluster=self.cluster.ident,
            topics={name: self.cluster.topics[name].ident for name in (self.topics.readings, *self.topics.levels)},
            partitions=self.partitions,
            tz=version("tzdata"),
        )


async def survey(settings: Settings, *, sinks: bool = False, patient: bool = True) -> Ground:
    """Waits while no broker answers, if `patient`. Raises ClusterError, one line for a person, if a topic is missing or does not fit."""
    topics = Topics.of(settings)
    wanted = topics.sinks if sinks else topics.waterfall
    for attempt in count():
        try:
            async with admin(settings.brokers) as client:
                cluster = await describe(client)
            break
        except NoBroker as error:
            if not patient:
                raise
            if attempt % SAID_EVERY == 0:
                log.warning("waiting: %s", error)
            await asyncio.sleep(PAUSE_S)
    faults = missing(cluster, wanted)
    if faults:
        raise ClusterError("; ".join(faults))
    changelogs = () if sinks else (topics.hours_table, topics.days_table, topics.months_table)
    return Ground(settings, topics, cluster, await ends(settings, cluster, changelogs))


async def ends(settings: Settings, cluster: Cluster, names: Iterable[str]) -> dict[str, dict[int, int]]:
    """Where the logs of these topics end, by topic and partition."""
    tps = [TopicPartition(name, partition) for name in names for partition in range(cluster.topics[name].partitions)]
    found: dict[str, dict[int, int]] = {}
    if tps:
        consumer = AIOKafkaConsumer(bootstrap_servers=list(settings.brokers))
        await consumer.start()
        try:
            for tp, end in (await consumer.end_offsets(tps)).items():
                found.setdefault(tp.topic, {})[tp.partition] = end
        finally:
            await consumer.stop()
    return found
