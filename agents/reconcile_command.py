"""`python -m agents reconcile`: counts devices again from the readings topic, and compares with what DynamoDB holds (agents/reconcile.py)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.progress import track

from agents.findings import Finding
from agents.ground import Ground, look
from agents.reconcile import Log, Unanswerable, against_stored, check_guard, device_at, extent, place, unstored
from agents.reconcile_view import as_json, show
from agents.recount import Draw, Recount, Recounter
from agents.reread import reread
from dynamodb.client import asking_client
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from metering.reading import Decoder
from streams.cluster import answering
from streams.exits import Exit
from streams.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WAIT_S = 300
"""What is proposed to wait, with the default intervals about as long as a month may take."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Some devices by name, a sample of so many, or the one of a record; how long to wait until what was counted is stored."""

    devices: Sequence[str]
    sample: int | None
    at: tuple[int, int] | None
    seed: int
    wait_s: float


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
    ground = asyncio.run(look(settings, sinks=True))
    check_guard(client, kept.tables.hours, ground)
    log, recounts = asyncio.run(counted_again(ground, asked))
    unknown = [recount.name for recount in recounts if not recount.readings and not recount.is_erased]
    topic = ground.topics.readings
    if unknown or not recounts:
        raise Unanswerable(f"no reading of {', '.join(unknown) or 'anybody'} in topic {topic}, as far as it is counted")
    reader, console = Reader(client, kept.tables), Console(stderr=True)
    findings = []
    for recount in track(recounts, "tables", console=console, transient=True, disable=not console.is_terminal):
        findings.append(against_stored(recount, reader, kept, ground, log.positions[place(recount.name, ground)]))
    sample = f"sample of {len(recounts)} with --seed {asked.seed}; " if asked.sample else ""
    return findings, sample + log.told(topic, sorted({place(recount.name, ground) for recount in recounts}))


async def counted_again(ground: Ground, asked: Asked) -> tuple[Log, list[Recount]]:
    """The devices in the order asked for."""
    settings, topic = ground.settings, ground.topics.readings
    log = await extent(ground)
    devices = await chosen(ground, log, asked)
    within: dict[int, list[str]] = {}
    for device in devices:
        within.setdefault(place(device, ground), []).append(device)
    if behind := await unstored(ground, within.keys(), asked.wait_s):
        hint = f"`python -m agents lag --wait {WAIT_S}` waits for it; where readings keep coming, --wait {WAIT_S} here does"
        raise Unanswerable(f"what was counted is not all stored yet ({behind}): {hint}")
    counters = {
        partition: Recounter(names, settings.rules, partition, ground.partitions, cut=log.begins[partition] > 0)
        for partition, names in within.items()
    }

    async def take(partition: int, records: Sequence[Any]) -> None:
        counters[partition].take(records)

    await reread(settings.brokers, topic, sorted(within), take, log.positions)
    return log, [counters[place(device, ground)].recounts[device.encode()] for device in devices]


async def chosen(ground: Ground, log: Log, asked: Asked) -> list[str]:
    """Who is counted. Raises Unanswerable for a place where no reading is."""
    if asked.sample is not None:
        return await drawn(ground, log, asked.sample, asked.seed)
    if asked.at is None:
        return list(dict.fromkeys(asked.devices))
    partition, offset = asked.at
    found = await device_at(ground, partition, offset, min(log.positions[partition], offset + 1)) if partition in log.positions else None
    if found is None:
        raise Unanswerable(f"{ground.topics.readings}/{partition}/{offset} is no reading that was counted")
    return [found[0]]


async def drawn(ground: Ground, log: Log, number: int, seed: int) -> list[str]:
    """The sample."""
    draw, partitions = Draw(number, seed), range(ground.partitions)
    decoders = [Decoder(ground.settings.rules, partition, ground.partitions) for partition in partitions]

    async def take(partition: int, records: Sequence[Any]) -> None:
        draw.take(records, decoders[partition])

    await reread(ground.settings.brokers, ground.topics.readings, partitions, take, log.positions)
    return draw.devices
