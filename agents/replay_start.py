"""`python -m agents replay start`: makes a new generation beside the live one, that then counts from where it has to begin.

Its record is written last: what was interrupted before is done again, what was interrupted later goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from agents.ground import check_rules, ends, known, rule_facts
from agents.replay import first_month, month_from
from dynamodb.span import NoSpan, parse_span
from metering.period import Calendar
from settings.environ import SettingError
from streams.checkpoint import transactional_producer
from streams.cluster import Cluster, ClusterError, admin, answering, create, describe, having
from streams.exits import Exit
from streams.generations import Generation, found, successor
from streams.lane import FENCING
from streams.settings import Settings
from streams.topics import Topics, generations, specs

LOOK_BACK_S: Final = 45 * 86_400
"""Before the first month that is asked for: a register's line may be forty days long (metering/rules.py), and its hours stay open for some more."""
AHEAD_S: Final = 86_400
REPLAYED: Final = "replay"
"""Marks a position that a replay set, which is where its hop begins."""


@dataclass(frozen=True, slots=True)
class Asked:
    """From when on (epoch s, None: as early as can be), and a trial's devices."""

    start_s: int | None
    devices: tuple[str, ...]

    @classmethod
    def of(cls, zone: str, start: str | None, devices: Sequence[str]) -> Asked:
        """From what was typed; dates are of this zone. Raises SettingError."""
        try:
            return cls(None if start is None else parse_span(start, Calendar(zone))[0], tuple(sorted(set(devices))))
        except NoSpan as error:
            raise SettingError(f"--from {error}") from None


@dataclass(frozen=True, slots=True)
class Log:
    """The readings' partitions: where each begins and ends, where a replay reads on from, and the oldest that is whole (epoch s, None: all is)."""

    begins: Mapping[int, int]
    positions: Mapping[int, int]
    ends: Mapping[int, int]
    oldest_s: int | None


def run(settings: Settings, asked: Asked, *, dry_run: bool) -> Exit | None:
    """Makes the generation, or finds it made; None if the worker may go on. Raises ClusterError, SettingError."""
    with answering(settings.brokers):
        return asyncio.run(start(settings, asked, dry_run))


async def start(settings: Settings, asked: Asked, dry_run: bool) -> Exit | None:
    """The command."""
    topics = Topics.of(settings)
    async with admin(settings.brokers) as client:
        cluster = await having(client, [topics.readings])
        if dry_run:
            made, log = await made_or_planned(settings, topics, cluster, asked)
            tell(settings, topics, made, log)
            return Exit.STOPPED
        await create(client, [generations(topics.generations)], 1, settings.replication)
        producer = transactional_producer(settings.brokers, f"{settings.app}-generations")
        await producer.start()
        try:
            made, log = await made_or_planned(settings, topics, await describe(client), asked)
            tell(settings, topics, made, log)
            if log is not None:
                await create(client, specs(topics), cluster.topics[topics.readings].partitions, settings.replication)
                await begin_at(settings, f"{settings.scope}-waterfall", topics.readings, log.positions)
                await found(producer, topics.generations, made)
        except FENCING:
            raise ClusterError("another `replay start` began meanwhile; start this one again, and it joins in") from None
        finally:
            await producer.stop()
    return None


async def made_or_planned(settings: Settings, topics: Topics, cluster: Cluster, asked: Asked) -> tuple[Generation, Log | None]:
    """The generation as it is, or as it is to be, then with where it begins to read. Raises SettingError if it cannot be what was asked for."""
    others = await known(settings, topics, cluster)
    check(settings, others)
    made = others.get(settings.epoch)
    if made is None:
        await check_unused(settings, topics, cluster)
        return await plan(settings, topics, cluster, asked)
    check_rules(made, settings)
    if differs(made, asked, settings.rules.zone):
        raise SettingError(f"{told(made, settings.rules.zone)} already, and otherwise than asked: start it as it was, or drop it before")
    return made, None


def tell(settings: Settings, topics: Topics, made: Generation, log: Log | None) -> None:
    """What there is, or is to be, and how much work that is."""
    print(told(made, settings.rules.zone), flush=True)
    if log is not None:
        print(f"{sum(log.ends.values()) - sum(log.positions.values()):,} of {topics.readings} to be read", flush=True)


def check(settings: Settings, known: Mapping[int, Generation]) -> None:
    """Is this an epoch that can be replayed? Raises SettingError."""
    newer = successor(known, settings.epoch)
    if newer is not None or settings.epoch == 1:
        live = newer or 1
        raise SettingError(f"WATTFALL_EPOCH={settings.epoch}: a replay needs an epoch of its own, later than the live one: {live + 1}")


async def check_unused(settings: Settings, topics: Topics, cluster: Cluster) -> None:
    """Nothing was counted in this epoch, unless by a replay. Raises SettingError."""
    if await counted(settings, topics, cluster):
        raise SettingError(f"WATTFALL_EPOCH={settings.epoch} was begun by workers, not by a replay; take the next")


async def counted(settings: Settings, topics: Topics, cluster: Cluster) -> bool:
    """Workers have counted something in this epoch: its first table holds something."""
    if topics.hours_table not in cluster.topics:
        return False
    return any((await ends(settings, cluster, [topics.hours_table]))[topics.hours_table].values())


async def plan(settings: Settings, topics: Topics, cluster: Cluster, asked: Asked) -> tuple[Generation, Log]:
    """The generation that is to be made, and where it begins to read. Raises SettingError if nothing could be counted before some time to come."""
    log = await look(settings, topics.readings, cluster.topics[topics.readings].partitions, asked.start_s)
    calendar, now_s = Calendar(settings.rules.zone), int(time.time())
    since = first_month(calendar, log.oldest_s, asked.start_s)
    if since is not None and since > now_s:
        raise SettingError(f"the first month that could be counted begins on {calendar.date(since)}: of the present one not all readings are there")
    rules = rule_facts(settings)
    return Generation(settings.epoch, since, asked.devices, live=False, begins=log.positions, began_ms=now_s * 1000, rules=rules), log


async def look(settings: Settings, topic: str, partitions: int, start_s: int | None) -> Log:
    """Where the readings begin and end, and where a replay begins: a day behind where retention is, which must not overtake it."""
    tps = [TopicPartition(topic, partition) for partition in range(partitions)]
    async with AIOKafkaConsumer(**settings.brokers.client) as consumer:
        begins, lasts = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        oldest = await consumer.offsets_for_times({tp: 0 for tp in tps if begins[tp] > 0})
        now_ms = int(time.time() * 1000)
        removed = [now_ms if first is None else first.timestamp for first in oldest.values()]
        whole_s = -(-max(removed) // 1000) + AHEAD_S if removed else None
        from_s = max(0, whole_s or 0, 0 if start_s is None else start_s - LOOK_BACK_S)
        then = await consumer.offsets_for_times(dict.fromkeys(tps, from_s * 1000)) if from_s else {}
    positions = begins | {tp: lasts[tp] if at is None else at.offset for tp, at in then.items()}
    first, there, last = ({tp.partition: at for tp, at in some.items()} for some in (begins, positions, lasts))
    return Log(first, there, last, whole_s)


async def begin_at(settings: Settings, group: str, topic: str, positions: Mapping[int, int]) -> None:
    """Sets where a group begins that has no members yet. Raises KafkaError."""
    await commit(settings, group, {TopicPartition(topic, partition): OffsetAndMetadata(at, REPLAYED) for partition, at in positions.items()})


async def commit(settings: Settings, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
    """Commits for a group from outside. Raises CommitFailedError if it has members, and KafkaError."""
    async with AIOKafkaConsumer(**settings.brokers.client, group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)


def differs(made: Generation, asked: Asked, zone: str) -> bool:
    """Something else was asked for than what is there. A month need not be named again."""
    wanted = None if asked.start_s is None else month_from(Calendar(zone), asked.start_s)
    return asked.devices != made.devices or wanted is not None and (made.since is None or wanted > made.since)


def told(generation: Generation, zone: str) -> str:
    """What a generation is, for people."""
    whom = f"a trial of {', '.join(generation.devices)}" if generation.is_trial else "all devices"
    state = "is live" if generation.live else "is replayed"
    if generation.since is None:
        return f"epoch {generation.epoch} {state}: {whom}, from the first reading on"
    first = Calendar(zone).date(generation.since)
    instant = datetime.fromtimestamp(generation.since, UTC).strftime("%Y-%m-%dT%H:%MZ")
    return f"epoch {generation.epoch} {state}: {whom}, from {first:%Y-%m} on ({instant}); what begins before is neither counted nor replaced"
