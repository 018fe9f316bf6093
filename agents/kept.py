"""All that is kept of one device, wherever it is: the topics of every epoch, and DynamoDB. For export, and for erase, which leaves nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from agents.ground import Ground
from agents.redrive import Erased, erases
from agents.refusals import Refused, of_device
from agents.reread import reread
from dynamodb.reader import Reader
from metering.erase import Erase, erase_from_json, is_device
from metering.partition import partition_of
from metering.total import Grain, Total
from metering.wire import total_from_json, total_key
from settings.environ import SettingError
from streams.batch import Record
from streams.generations import successor
from streams.look_back import STALL_S
from streams.settings import Settings
from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Side:
    """One epoch of which there are topics, be it only what it refused. `is_over`: a later one is live, and its workers have left."""

    settings: Settings
    topics: Topics
    is_live: bool
    is_over: bool


def sides(ground: Ground) -> list[Side]:
    """Every epoch that has topics, in order."""
    first, there = Topics.of(replace(ground.settings, epoch=1)), ground.cluster.topics
    epochs = {epoch for name in there for begins in (first.hours, first.rejected) if (epoch := epoch_of(name, begins)) is not None}
    found = []
    for epoch in sorted(epochs):
        settings = replace(ground.settings, epoch=epoch)
        record = ground.generations.get(epoch)
        is_over = successor(ground.generations, epoch) is not None
        is_live = not is_over and (record is None or record.live)
        found.append(Side(settings, Topics.of(settings), is_live, is_over))
    return found


def epoch_of(name: str, first: str) -> int | None:
    """Whose topic this is, if it is the same as `first` in some epoch."""
    epoch = name.removeprefix(f"{first}-e")
    if name == first:
        return 1
    return int(epoch) if epoch != name and epoch.isascii() and epoch.isdigit() else None


@dataclass(slots=True)
class Level:
    """A device in a level topic: its newest erase, and the newest totals by their keys."""

    erase: Erase | None = None
    totals: dict[bytes, Total] = field(default_factory=dict)

    def take(self, device: str, records: Sequence[Record]) -> None:
        """The next records of its partition."""
        begins = total_key(device, 0)[:-1]
        for record in records:
            if record.key is None or not record.key.startswith(begins):
                continue
            erase = erase_from_json(record.key, record.value)
            if erase is not None:
                self.erase = erase
                continue
            self.totals.pop(record.key, None)
            if record.value is not None:
                try:
                    self.totals[record.key] = total_from_json(record.value)
                except ValueError:
                    continue


class Kept:
    """Looks for one device."""

    def __init__(self, ground: Ground, device: str) -> None:
        self.ground, self.device, self.brokers = ground, device, ground.settings.brokers
        self.partition = partition_of(device.encode(), ground.partitions)
        self.sides = sides(ground)

    async def level(self, topic: str) -> Level:
        """What a level topic has of it."""
        found = Level()

        async def take(_: int, records: Sequence[Any]) -> None:
            found.take(self.device, records)

        await reread(self.brokers, topic, [self.partition], take)
        return found

    async def refused(self) -> dict[str, list[Refused]]:
        """What was refused of it, by topic, of every epoch."""
        names = [name for side in self.sides for name in (side.topics.rejected, side.topics.late)]
        found: dict[str, list[Refused]] = {}
        for topic in [name for name in names if name in self.ground.cluster.topics]:
            there: dict[bytes, Refused] = {}

            async def take(partition: int, records: Sequence[Any], there: dict[bytes, Refused] = there) -> None:
                for one in of_device(self.device, partition, records):
                    if isinstance(one, Refused):
                        there[one.key] = one
                    else:
                        there.pop(one, None)

            await reread(self.brokers, topic, range(self.ground.cluster.topics[topic].partitions), take)
            found[topic] = list(there.values())
        return found

    async def readings(self, take: Callable[[Record, bool], None]) -> Erased | None:
        """Gives every record of the readings topic that has its key, and whether it is an erase; returns the newest of these."""
        key, newest = self.device.encode(), None

        async def look(partition: int, records: Sequence[Any]) -> None:
            nonlocal newest
            for record in records:
                if record.key == key:
                    found = dict(erases(partition, self.ground.partitions, [record])).get(key)
                    newest = found or newest
                    take(record, found is not None)

        await reread(self.brokers, self.ground.topics.readings, [self.partition], look)
        return newest

    async def bounds(self, offset: int) -> tuple[dict[int, int], int] | None:
        """Where each partition of the readings topic was when the erase at this offset came, and when that was, in ms.

        None if retention has let it go.
        """
        topic = self.ground.topics.readings
        tp = TopicPartition(topic, self.partition)
        async with AIOKafkaConsumer(**self.brokers.client, isolation_level="read_committed") as consumer:
            consumer.assign([tp])
            if (await consumer.beginning_offsets([tp]))[tp] > offset:
                return None
            consumer.seek(tp, offset)
            async with asyncio.timeout(STALL_S):
                record = await consumer.getone(tp)
            if record.offset != offset:
                return None
            tps = [TopicPartition(topic, partition) for partition in range(self.ground.partitions)]
            found, ends = await consumer.offsets_for_times(dict.fromkeys(tps, record.timestamp)), await consumer.end_offsets(tps)
        bounds = {tp.partition: ends[tp] if at is None else at.offset for tp, at in found.items()}
        return bounds | {self.partition: offset}, int(record.timestamp)

    async def newest(self, topic: str, begins: bytes) -> Mapping[bytes, bytes]:
        """The newest records of a compacted topic whose keys begin so."""
        found: dict[bytes, bytes] = {}

        async def take(_: int, records: Sequence[Any]) -> None:
            for record in records:
                if record.key is not None and record.key.startswith(begins):
                    found.pop(record.key, None)
                    if record.value is not None:
                        found[record.key] = record.value

        await reread(self.brokers, topic, [self.partition], take)
        return found


def check_device(name: str) -> None:
    """Raises SettingError for what no device can be called."""
    if not is_device(name.encode()):
        raise SettingError(f"DEVICE={name!r}: wanted are 1 to 128 of A-Z a-z 0-9 . _ : -")


def stored(reader: Reader, device: str) -> Iterator[Total]:
    """Every total of it in DynamoDB that says something."""
    return (total for grain in Grain for total in reader.every_total_of(device, grain) if not total.absent)
