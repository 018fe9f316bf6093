"""`python -m agents reconcile`: counts devices again from the readings topic, and compares with what DynamoDB holds.

It reads with a consumer of its own, beside the workers, and changes nothing. The readings are those that the waterfall has counted when the
command starts. All that follows from them has to be stored before anything is compared, or what is on its way would be taken for lost: that is
what is looked at first. What is stored with readings from behind that place is not compared, so readings may keep coming meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import track

from agents.findings import Finding, Seen, find
from agents.ground import Ground, known
from agents.lag_command import flow
from agents.reconcile_view import as_json, show
from agents.recount import Draw, Recount, Recounter
from agents.reread import reread
from agents.stored_guard import stored
from dynamodb.client import asking_client, asking_error
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from metering.partition import partition_of
from metering.period import Calendar
from metering.reading import Decoder
from metering.total import Grain
from streams.cluster import admin, answering, having
from streams.exits import Exit
from streams.lag import Meter
from streams.settings import Settings
from streams.topics import Topics

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WAIT_S = 300
"""What is proposed to wait, with the default intervals about as long as a month may take."""


class Unanswerable(Exception):
    """A question that cannot be answered as it was asked; one line for a person."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Some devices by name, or a sample of so many; how long to wait until what was counted is stored."""

    devices: Sequence[str]
    sample: int | None
    seed: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class Log:
    """The readings' partitions: where each begins and ends, and the waterfall's position; the same for all that is asked afterwards."""

    begins: Mapping[int, int]
    positions: Mapping[int, int]
    ends: Mapping[int, int]

    def told(self, topic: str, partitions: Sequence[int]) -> str:
        """How far was looked, for people."""
        counted = sum(self.positions[partition] - self.begins[partition] for partition in partitions)
        behind = sum(self.ends[partition] - self.positions[partition] for partition in partitions)
        cut = sum(self.begins[partition] > 0 for partition in partitions)
        return (
            f"{topic}: {len(partitions)} of {len(self.ends)} partitions, {counted:,} positions up to where the waterfall was"
            f"{f', {behind:,} behind it are not counted yet' if behind else ''}{f'; of {cut} the beginning is gone' if cut else ''}"
        )


def run(settings: Settings, kept: DynamoSettings, asked: Asked, *, json: bool) -> Exit:
    """The command; findings on standard output. Raises ClusterError, SettingError, TableUnfit."""
    try:
        with answering(settings.brokers), closing(asking_client()) as client:
            findings, looked = reconcile(settings, kept, client, asked)
    except (Unanswerable, StoreError, NoItem) as error:
        print(f"wattfall: {error}", file=sys.stderr)
        return Exit.CONFIGURATION
    if json:
        print(looked, file=sys.stderr)
        for finding in findings:
            print(orjson.dumps(as_json(finding)).decode())
    else:
        show(findings, looked)
    return Exit.FAILED if any(finding.wrong for finding in findings) else Exit.STOPPED


def reconcile(settings: Settings, kept: DynamoSettings, client: DynamoDBClient, asked: Asked) -> tuple[list[Finding], str]:
    """The findings, and how far was looked."""
    ground = asyncio.run(standing(settings))
    check_guard(client, kept.tables.hours, ground)
    log, recounts = asyncio.run(counted_again(ground, asked))
    unknown = [recount.name for recount in recounts if not recount.readings and not recount.is_erased]
    topic = ground.topics.readings
    if unknown or not recounts:
        raise Unanswerable(f"no reading of {', '.join(unknown) or 'anybody'} in topic {topic}, as far as it is counted")
    reader, calendar, now_s = Reader(client, kept.tables), Calendar(settings.rules.zone), int(time.time())
    console = Console(stderr=True)
    findings = []
    for recount in track(recounts, "tables", console=console, transient=True, disable=not console.is_terminal):
        totals = [total for grain in Grain for total in reader.every_total_of(recount.name, grain)]
        newest = max((total.epoch for total in totals), default=0)
        if newest > settings.epoch:
            raise Unanswerable(f"the tables hold epoch {newest} of {recount.name}: WATTFALL_EPOCH={settings.epoch} is over")
        position = log.positions[place(recount.name, ground)]
        findings.append(find(recount, totals, calendar, Seen(position, kept.keep_hours_s, now_s, ground.generation.since or 0)))
    sample = f"sample of {len(recounts)} with --seed {asked.seed}; " if asked.sample else ""
    return findings, sample + log.told(topic, sorted({place(recount.name, ground) for recount in recounts}))


def place(device: str, ground: Ground) -> int:
    """The device's partition."""
    return partition_of(device.encode(), ground.partitions)


async def standing(settings: Settings) -> Ground:
    """The cluster as it is. Raises ClusterError."""
    topics = Topics.of(settings)
    async with admin(settings.brokers) as client:
        cluster = await having(client, topics.sinks)
    return Ground(settings, topics, cluster, {}, await known(settings, topics, cluster))


def check_guard(client: DynamoDBClient, table: str, ground: Ground) -> None:
    """Raises Unanswerable if the tables were made from another log or by other rules: then everything would differ."""
    try:
        kept = stored(client, table, ground.settings.epoch)
    except (ClientError, BotoCoreError) as error:
        raise asking_error(error, table) from error
    if kept is not None and (differences := ground.guard.differences(kept)):
        raise Unanswerable(f"the tables hold epoch {ground.settings.epoch} of something else: {'; '.join(differences)}")


async def counted_again(ground: Ground, asked: Asked) -> tuple[Log, list[Recount]]:
    """The devices in the order asked for."""
    settings, topic = ground.settings, ground.topics.readings
    log = await extent(ground)
    devices = list(dict.fromkeys(asked.devices)) if asked.sample is None else await drawn(ground, log, asked.sample, asked.seed)
    within: dict[int, list[str]] = {}
    for device in devices:
        within.setdefault(place(device, ground), []).append(device)
    await all_stored(ground, within.keys(), asked.wait_s)
    counters = {
        partition: Recounter(names, settings.rules, partition, ground.partitions, cut=log.begins[partition] > 0)
        for partition, names in within.items()
    }

    async def take(partition: int, records: Sequence[Any]) -> None:
        counters[partition].take(records)

    await reread(settings.brokers, topic, sorted(within), take, log.positions)
    return log, [counters[place(device, ground)].recounts[device.encode()] for device in devices]


async def extent(ground: Ground) -> Log:
    """Where the readings begin, are counted and end now."""
    topic = ground.topics.readings
    async with Meter(ground.settings.brokers, {topic: ground.partitions}) as meter:
        commits = await meter.commits(f"{ground.settings.scope}-waterfall")
        tps = meter.tps(topic)
        begins, ends = await meter.consumer.beginning_offsets(tps), await meter.consumer.end_offsets(tps)
    positions = {tp.partition: commits[tp].offset if tp in commits else 0 for tp in tps}
    return Log(
        begins={tp.partition: begin for tp, begin in begins.items()},
        positions={tp.partition: min(max(positions[tp.partition], begins[tp]), ends[tp]) for tp in tps},
        ends={tp.partition: end for tp, end in ends.items()},
    )


async def drawn(ground: Ground, log: Log, number: int, seed: int) -> list[str]:
    """The sample."""
    draw, partitions = Draw(number, seed), range(ground.partitions)
    decoders = [Decoder(ground.settings.rules, partition, ground.partitions) for partition in partitions]

    async def take(partition: int, records: Sequence[Any]) -> None:
        draw.take(records, decoders[partition])

    await reread(ground.settings.brokers, ground.topics.readings, partitions, take, log.positions)
    return draw.devices


async def all_stored(ground: Ground, partitions: Any, wait_s: float) -> None:
    """Returns when all that was counted in these partitions by now is stored; raises Unanswerable if it is not within so many seconds."""
    stages = flow(ground.settings, ground.topics)[1:]
    async with Meter(ground.settings.brokers, {stage.topic: ground.partitions for stage in stages}, only=partitions) as meter:
        behind = await meter.behind(stages, wait_s)
    if behind:
        said = ", ".join(f"{lag.topic} {lag.group} {lag.behind:,} behind" for lag in behind)
        hint = f"`python -m agents lag --wait {WAIT_S}` waits for it; where readings keep coming, --wait {WAIT_S} here does"
        raise Unanswerable(f"what was counted is not all stored yet ({said}): {hint}")
