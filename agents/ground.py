"""What a worker, or a command that does some of its work, asks the cluster before it starts: is everything there, and which log is it?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from settings.environ import SettingError
from streams.cluster import Cluster, ClusterError, NoBroker, admin, describe, having
from streams.exits import Exit, Leave, leave
from streams.generations import Generation, load, successor
from streams.guard import Guard
from streams.logs import safe
from streams.settings import Settings
from streams.topics import Topics

PAUSE_S: Final = 2.0
CODE_FACTS: Final = frozenset({"tz data", "decoder", "logic"})
LOOK_S: Final = 10.0
"""A worker asks so often whether its generation is over."""
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
    generations: Mapping[int, Generation]

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
            generation=self.generation.facts,
        )

    @property
    def generation(self) -> Generation:
        """The epoch of the settings: as its record says, or one that was simply begun."""
        return self.generations.get(self.settings.epoch, Generation(self.settings.epoch))


async def survey(settings: Settings, *, sinks: bool = False, patient: bool = True) -> Ground:
    """Waits while no broker answers, if `patient`. Raises ClusterError, one line for a person, if a topic is missing or does not fit."""
    attempts = 0
    while True:
        try:
            return await look(settings, sinks=sinks)
        except (NoBroker, KafkaError) as error:
            if not patient:
                raise
            if attempts % SAID_EVERY == 0:
                log.warning("waiting: %s", str(error) if isinstance(error, NoBroker) else f"WATTFALL_BROKERS={settings.brokers}: {safe(error)}")
            attempts += 1
            await asyncio.sleep(PAUSE_S)


async def look(settings: Settings, *, sinks: bool) -> Ground:
    """What there is now. Raises NoBroker and KafkaError where a broker is away, or goes on the way; ClusterError."""
    topics = Topics.of(settings)
    async with admin(settings.brokers) as client:
        cluster = await having(client, topics.sinks if sinks else topics.waterfall)
    changelogs = () if sinks else (topics.hours_table, topics.days_table, topics.months_table)
    return Ground(settings, topics, cluster, await ends(settings, cluster, changelogs), await known(settings, topics, cluster))


async def known(settings: Settings, topics: Topics, cluster: Cluster) -> dict[int, Generation]:
    """The generations that have a record."""
    return await load(settings.brokers, topics.generations) if topics.generations in cluster.topics else {}


def rule_facts(settings: Settings) -> dict[str, str]:
    """What a generation counts by, whatever the log: the part of the guard that comes from the environment and the code."""
    guard = Guard.of(rules=settings.rules, epoch=settings.epoch, cluster="", topics={}, partitions=0, tz=version("tzdata"))
    return {name: value for name, value in guard.facts.items() if name.startswith("rule ") or name in CODE_FACTS}


def check_rules(generation: Generation, settings: Settings) -> None:
    """Raises SettingError if a replay was begun by other rules than those of this environment."""
    differences = Guard(rule_facts(settings)).differences(Guard(generation.rules)) if generation.rules else []
    if differences:
        raise SettingError(f"the replay of WATTFALL_EPOCH={generation.epoch} began otherwise: {'; '.join(differences)}. Put that back")


def check_live(ground: Ground, *, sinks: bool) -> None:
    """Ends the process if a newer generation is live. Raises SettingError for other rules, ClusterError for sinks of a replay that is not live."""
    epoch = ground.settings.epoch
    check_rules(ground.generation, ground.settings)
    newer = successor(ground.generations, epoch)
    if newer is not None:
        leave(Exit.RETIRED, retired(epoch, newer))
    if sinks and not ground.generation.live:
        raise ClusterError(f"WATTFALL_EPOCH={epoch} is a replay that is not live; it becomes so with: python -m agents replay promote")


async def watch_retirement(ground: Ground, leave: Leave) -> None:
    """Ends the process once a newer generation is live. A broker that does not answer is the others' concern."""
    epoch = ground.settings.epoch
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            async with admin(ground.settings.brokers) as client:
                found = await known(ground.settings, ground.topics, await describe(client))
        except (KafkaError, ClusterError, OSError, TimeoutError):
            continue
        newer = successor(found, epoch)
        if newer is not None:
            leave(Exit.RETIRED, retired(epoch, newer))


def retired(epoch: int, newer: int) -> str:
    """For people."""
    return f"epoch {epoch} is over: epoch {newer} is live; start workers with WATTFALL_EPOCH={newer} and its rules"


async def ends(settings: Settings, cluster: Cluster, names: Iterable[str]) -> dict[str, dict[int, int]]:
    """Where the logs of these topics end, by topic and partition."""
    tps = [TopicPartition(name, partition) for name in names for partition in range(cluster.topics[name].partitions)]
    found: dict[str, dict[int, int]] = {}
    if tps:
        consumer = AIOKafkaConsumer(**settings.brokers.client)
        await consumer.start()
        try:
            for tp, end in (await consumer.end_offsets(tps)).items():
                found.setdefault(tp.topic, {})[tp.partition] = end
        finally:
            await consumer.stop()
    return found
