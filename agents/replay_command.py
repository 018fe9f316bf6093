"""`python -m agents replay status` and `drop`, and what the other commands about a generation share."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import orjson
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteGroupsRequest
from rich.console import Console
from rich.table import Table

from agents.ground import check_rules, known
from agents.lag_command import waited
from agents.replay import Stage, left_s
from agents.replay_start import counted, told
from settings.environ import SettingError
from streams import lag
from streams.cluster import Cluster, ClusterError, admin, answering, delete, describe, missing
from streams.exits import Exit
from streams.generations import Generation, forget, predecessor, successor
from streams.lag import Meter
from streams.settings import Settings
from streams.topics import Topics

FEW: Final = 1_000
"""Records that are always on their way."""
GONE: Final = 69
"""Kafka's GROUP_ID_NOT_FOUND."""
BUSY: Final = 68
"""Kafka's NON_EMPTY_GROUP."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A replay and the cluster that it is in."""

    settings: Settings
    topics: Topics
    cluster: Cluster
    known: Mapping[int, Generation]
    generation: Generation
    begun: frozenset[int]

    @property
    def age_s(self) -> float:
        """Since it was made, pauses and all."""
        return max(0.0, time.time() - self.generation.began_ms / 1000)

    @property
    def partitions(self) -> int:
        """Equal for all topics."""
        return self.cluster.topics[self.topics.readings].partitions

    @property
    def before(self) -> Settings:
        """Those of the generation whose place it is to take; its rules are its workers' own."""
        epoch = self.settings.epoch
        return replace(self.settings, epoch=predecessor(self.known, epoch, self.begun.__contains__))

    def has(self, settings: Settings) -> bool:
        """The level topics of that generation are there."""
        return all(topic in self.cluster.topics for topic in Topics.of(settings).levels)


def ran(settings: Settings, command: Coroutine[Any, Any, T]) -> T:
    """Runs a command to its end. Raises ClusterError instead of what the client raises."""
    with answering(settings.brokers):
        return asyncio.run(command)


async def place(settings: Settings) -> Place:
    """The replay that the settings name. Raises SettingError where there is none, ClusterError where a topic is missing."""
    topics = Topics.of(settings)
    async with admin(settings.brokers) as client:
        cluster = await describe(client)
    found = await known(settings, topics, cluster)
    generation = found.get(settings.epoch)
    if generation is None:
        others = ", ".join(map(str, sorted(found))) or "none"
        raise SettingError(f"WATTFALL_EPOCH={settings.epoch} is no replay (there are: {others}); one begins with: python -m agents replay start")
    if faults := missing(cluster, [topics.readings, *topics.levels]):
        raise ClusterError("; ".join(faults))
    check_rules(generation, settings)
    return Place(settings, topics, cluster, found, generation, await begun(settings, cluster, found))


async def begun(settings: Settings, cluster: Cluster, known: Mapping[int, Generation]) -> frozenset[int]:
    """The earlier epochs without a record in which workers have counted something."""
    others = [replace(settings, epoch=epoch) for epoch in range(1, settings.epoch) if epoch not in known]
    return frozenset([other.epoch for other in others if await counted(other, Topics.of(other), cluster)])


async def stages(here: Place) -> list[Stage]:
    """How far each hop is; a level's is only worth something when those before have caught up."""
    every, group = here.settings.checkpoint, f"{here.settings.scope}-waterfall"
    sources = (here.topics.readings, here.topics.hours, here.topics.days)
    found = []
    async with Meter(here.settings.brokers, dict.fromkeys(sources, here.partitions)) as meter:
        for topic, interval_s in zip(sources, (every.hours, every.days, every.months), strict=True):
            begins = here.generation.begins if topic == here.topics.readings else {}
            ends, commits = await meter.ends(topic), await meter.commits(group)
            begin = sum(begins.get(tp.partition, 0) for tp in ends)
            position = sum(max(commits[tp].offset if tp in commits else 0, begins.get(tp.partition, 0)) for tp in ends)
            rate = (position - begin) / max(1.0, here.age_s)
            found.append(Stage(topic, begin, position, sum(ends.values()), max(FEW, int(2 * interval_s * rate))))
    return found


async def settle(here: Place, wait_s: float, *, both: bool) -> dict[int, int]:
    """Positions of the readings below which everything is in all levels: where they ended when this was called.

    Waits until the new generation is so far, and the old one if `both`. Raises ClusterError if that takes more than so many seconds.
    """
    generations = (here.settings, here.before) if both else (here.settings,)
    sides = [(f"{one.scope}-waterfall", Topics.of(one)) for one in generations]
    stages = [lag.Stage(here.topics.readings, tuple(group for group, _ in sides))]
    stages += [lag.Stage(topics.hours, (group,)) for group, topics in sides]
    stages += [lag.Stage(topics.days, (group,)) for group, topics in sides]
    async with Meter(here.settings.brokers, {stage.topic: here.partitions for stage in stages}) as meter:
        ends = await meter.ends(here.topics.readings)
        behind = await waited(meter, stages, wait_s, "settling")
    if behind:
        raise ClusterError(f"not settled within {wait_s:g} s: {behind}; do its workers run? See: python -m agents replay status")
    return {tp.partition: end for tp, end in ends.items()}


def status(settings: Settings, *, json: bool) -> Exit:
    """Prints how far a replay is; 0 if it has caught up or is live, 1 if not yet. Raises SettingError, ClusterError."""
    here = ran(settings, place(settings))
    hops = ran(settings, stages(here))
    took_s = here.age_s
    rate = (hops[0].position - hops[0].begin) / took_s if took_s else 0.0
    done = all(hop.caught_up for hop in hops)
    if json:
        rows = [{"topic": hop.topic, "position": hop.position, "end": hop.end, "share": round(hop.share, 4)} for hop in hops]
        record = here.generation
        about = {"epoch": record.epoch, "since": record.since, "devices": record.devices, "live": record.live}
        left = None if done else left_s(hops[0], took_s)
        print(orjson.dumps(about | {"caught_up": done, "records_per_s": round(rate), "left_s": left and round(left), "hops": rows}).decode())
    else:
        show(here, hops, rate, took_s, done)
    return Exit.STOPPED if done or here.generation.live else Exit.FAILED


def show(here: Place, hops: list[Stage], rate: float, took_s: float, done: bool) -> None:
    """For people."""
    console = Console(width=None if Console().is_terminal else 100)
    console.print(told(here.generation, here.settings.rules.zone), soft_wrap=True, highlight=False)
    table = Table("topic", "done", "position", "end")
    for hop in hops:
        table.add_row(hop.topic, f"{hop.share:.0%}", f"{hop.position:,}", f"{hop.end:,}")
    console.print(table)
    left = left_s(hops[0], took_s)
    if done:
        console.print("caught up" if here.generation.live else "caught up: python -m agents replay diff, and replay promote", highlight=False)
    else:
        console.print(f"not caught up: {rate:,.0f} records/s since it began{f', {left:,.0f} s left' if left is not None else ''}", highlight=False)


def drop(settings: Settings, *, dry_run: bool) -> Exit:
    """Removes a generation that is not live: its topics, groups, local store and record. Raises SettingError, ClusterError."""
    return ran(settings, dropped(settings, dry_run))


async def dropped(settings: Settings, dry_run: bool) -> Exit:
    """The command. The record goes last: until then it can be done again."""
    topics, epoch = Topics.of(settings), settings.epoch
    async with admin(settings.brokers) as client:
        cluster = await describe(client)
        others = await known(settings, topics, cluster)
        record = others.get(epoch)
        is_over = successor(others, epoch) is not None
        if not is_over and (record.live if record is not None else await counted(settings, topics, cluster)):
            raise SettingError(f"WATTFALL_EPOCH={epoch} is live: it is not dropped")
        refusals = (topics.rejected, topics.late) if is_over else ()
        own = [name for name in topics.own if name in cluster.topics and name not in refusals]
        groups = [f"{settings.scope}-waterfall", f"{settings.scope}-sinks"]
        for what, names in (("topics", own), ("groups", groups), ("folder", [str(settings.folder)] if settings.folder.exists() else [])):
            print(f"{'would remove' if dry_run else 'removes'} {what}: {', '.join(names) or 'none'}", flush=True)
        if refusals:
            print(f"stays for redrive: {', '.join(refusals)}")
        if dry_run:
            return Exit.STOPPED
        for group in groups:
            code = await delete_group(client, group)
            if code == BUSY:
                print(f"wattfall: {group} has members: stop the workers of epoch {epoch} first, and wait for their session to end", file=sys.stderr)
                return Exit.FAILED
            if code not in (0, GONE):
                raise for_code(code)(group)
        shutil.rmtree(settings.folder, ignore_errors=True)
        if own:
            await delete(client, own)
        if record is not None:
            await forget(settings.brokers, topics.generations, epoch)
    print(f"epoch {epoch} is gone")
    return Exit.STOPPED


async def delete_group(client: AIOKafkaAdminClient, group: str) -> int:
    """Kafka's error code; aiokafka knows the request and has no method for it."""
    node = await client.find_coordinator(group)
    response = await client._send_request_to_node(node, DeleteGroupsRequest([group]))
    return int(response.results[0][1])
