"""`python -m agents erase DEVICE`: nothing of a device that was sent by now is kept any longer, and nothing brings it back.

It puts one message into the readings topic, in the device's own partition, and waits until that has come through all levels of all epochs: the hops
forget the device, and the sinks put graves into DynamoDB in the place of its totals (docs/decisions/0022-an-erase-is-a-message.md). Then it takes
away what none of them knows of: totals that another generation left in DynamoDB, what was refused, and what is left of epochs that are over.

Every step can be done again, and says so by what it finds: a run that is broken off, or a second one, goes on with the erase that is there.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaProducer

from agents.ground import Ground, check_live, look
from agents.kept import Kept, Level, check_device, stored
from agents.lag_command import waited
from agents.reconcile import Unanswerable, check_guard
from dynamodb.client import asking_client, writing_client
from dynamodb.errors import StoreBusy, StoreError
from dynamodb.items import NoItem
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from dynamodb.store import DynamoStore
from metering.erase import Erase
from metering.total import Grain, Total, nothing
from streams import faults
from streams.cluster import ClusterError, answering
from streams.erasure import message
from streams.exits import Exit
from streams.lag import Meter, Stage
from streams.settings import Settings
from tables.keys import device_key

PAUSE_S: Final = 1.0
AHEAD_S: Final = 48 * 3600
"""An interval may reach so far beyond the newest total, and a little."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which device. `again`: what has come since it was erased last as well; `wait_s`: for what is on its way through the levels."""

    device: str
    again: bool
    dry_run: bool
    wait_s: float


@dataclass(slots=True)
class Done:
    """What was taken away by the command itself, after the levels had done theirs."""

    graves: int = 0
    refused: int = 0
    rows: int = 0


def run(settings: Settings, kept: DynamoSettings, asked: Asked) -> Exit:
    """The command; a summary on standard output. Raises ClusterError, SettingError, TableUnfit."""
    check_device(asked.device)
    try:
        with answering(settings.brokers), closing(asking_client()) as client:
            ground = asyncio.run(look(settings, sinks=True))
            check_live(ground, sinks=True)
            check_guard(client, kept.tables.hours, ground)
            return asyncio.run(Eraser(ground, kept, asked, Reader(client, kept.tables)).run())
    except (StoreError, NoItem, Unanswerable) as error:
        print(f"wattfall: {error}; another run goes on from here", file=sys.stderr)
        return Exit.CONFIGURATION


class Eraser:
    """One run."""

    def __init__(self, ground: Ground, settings: DynamoSettings, asked: Asked, reader: Reader) -> None:
        self.ground, self.settings, self.asked, self.reader = ground, settings, asked, reader
        self.kept = Kept(ground, asked.device)

    async def run(self) -> Exit:
        """All steps."""
        if self.asked.dry_run:
            return await self.look()
        await self.passed([Stage(self.ground.topics.readings, (f"{self.ground.settings.scope}-waterfall",))])
        levels = await self.levels()
        offset = await self.begin(levels)
        await self.passed(self.stages())
        faults.hit("erase_settled")
        levels = await self.levels()
        erase = levels[Grain.HOUR].erase
        if erase is None or erase.reflects < offset:
            raise ClusterError(f"the erase at {self.place(offset)} is not in {self.ground.topics.hours}: do the workers know of erases?")
        done = Done(graves=await self.bury(levels))
        faults.hit("erase_buried")
        bounds = await self.kept.bounds(erase.reflects)
        if bounds is not None:
            done.refused = await self.unrefuse(*bounds)
        done.rows = await self.clear()
        left = sum(total.reflects < erase.reflects for total in stored(self.reader, self.asked.device))
        print(f"{left:,} totals of before are still stored" if left else self.told(erase, done))
        return Exit.FAILED if left else Exit.STOPPED

    async def look(self) -> Exit:
        """Only says what there is."""
        device, totals = self.asked.device, list(stored(self.reader, self.asked.device))
        counts = {grain: sum(total.grain is grain for total in totals) for grain in Grain}
        live = self.reader.live(device)
        print(f"DynamoDB: {', '.join(f'{counts[grain]:,} {grain}s' for grain in Grain)}, {'a' if live else 'no'} live reading")
        for grain, level in (await self.levels()).items():
            print(f"{self.ground.topics.level(grain)}: {len(level.totals):,} totals")
        for topic, some in (await self.kept.refused()).items():
            print(f"{topic}: {len(some):,} records")
        count = [0, 0]

        def take(record: object, is_erase: bool) -> None:
            count[0] += not is_erase
            count[1] = 0 if is_erase else count[1] + 1

        erased = await self.kept.readings(take)
        since = f", {count[1]:,} of them since it was erased at {self.place(erased.offset)}" if erased else ""
        print(f"{self.ground.topics.readings}: {count[0]:,} records{since}; these stay until retention lets them go")
        return Exit.STOPPED

    async def levels(self) -> dict[Grain, Level]:
        """The device in the level topics of the live epoch."""
        return {grain: await self.kept.level(self.ground.topics.level(grain)) for grain in Grain}

    async def begin(self, levels: Mapping[Grain, Level]) -> int:
        """The erase that is to be done: one that is there, or a new one; its offset in the readings topic."""
        before, device = levels[Grain.HOUR].erase, self.asked.device
        totals = [*stored(self.reader, device), *(total for level in levels.values() for total in level.totals.values())]
        if before is not None and not self.asked.again:
            since = sum(total.reflects > before.reflects and not total.absent for total in totals)
            more = f"; {since:,} totals are of what came since, and stay: --again erases them, too" if since else ""
            print(f"{device} was erased at {self.place(before.reflects)}{more}", flush=True)
            return before.reflects
        first, end = min((total.start for total in totals), default=0), max((total.end for total in totals), default=0)
        key, value, headers = message(device, first, end + AHEAD_S if end else 0)
        async with AIOKafkaProducer(**self.ground.settings.brokers.client, enable_idempotence=True) as producer:
            sent = await producer.send_and_wait(self.ground.topics.readings, value, key=key, headers=headers, partition=self.kept.partition)
        print(f"{device} is erased from {self.place(sent.offset)} on; what comes later is of a new device", flush=True)
        faults.hit("erase_sent")
        return int(sent.offset)

    def place(self, offset: int) -> str:
        """For people."""
        return f"{self.ground.topics.readings}/{self.kept.partition}/{offset}"

    def stages(self) -> list[Stage]:
        """Every epoch that still works, level by level; the sinks of the live one."""
        at_work = [side for side in self.kept.sides if not side.is_over]
        hops = {side: f"{side.settings.scope}-waterfall" for side in at_work}
        live = {side: (f"{side.settings.scope}-sinks",) for side in at_work if side.is_live}
        stages = [Stage(self.ground.topics.readings, (*hops.values(), *(group for groups in live.values() for group in groups)))]
        for number in range(3):
            for side in at_work:
                groups = (*((hops[side],) if number < 2 else ()), *live.get(side, ()))
                stages += [Stage(side.topics.levels[number], groups)] if groups else []
        return stages

    async def passed(self, stages: Sequence[Stage]) -> None:
        """Waits until these groups have passed what is there now. Raises ClusterError if that takes too long."""
        partitions = {stage.topic: self.ground.partitions for stage in stages}
        async with Meter(self.ground.settings.brokers, partitions, only=[self.kept.partition]) as meter:
            behind = await waited(meter, stages, self.asked.wait_s, "waiting for the levels")
        if behind:
            raise ClusterError(f"not done within {self.asked.wait_s:g} s: {behind}; do its workers run? Another run goes on from here")

    async def bury(self, levels: Mapping[Grain, Level]) -> int:
        """Graves for totals in DynamoDB that the sinks knew nothing of; how many."""
        store = DynamoStore(writing_client(self.settings.threads), self.settings)
        try:
            count = 0
            for total in stored(self.reader, self.asked.device):
                erase = levels[total.grain].erase
                if erase is not None and total.reflects < erase.reflects:
                    await put(store, grave(total, erase), self.kept.partition, self.asked.wait_s)
                    count += 1
            return count
        finally:
            store.close()

    async def unrefuse(self, bounds: Mapping[int, int], at_ms: int) -> int:
        """Tombstones for what was refused of before; how many."""
        count = 0
        for topic, some in (await self.kept.refused()).items():
            gone = [one for one in some if one.is_before(self.ground.topics.readings, bounds, at_ms)]
            await self.tombstones(topic, [(one.partition, one.key) for one in gone])
            count += len(gone)
        return count

    async def clear(self) -> int:
        """Tombstones for what epochs that are over have: nobody else writes there any more. How many."""
        count = 0
        for side in [side for side in self.kept.sides if side.is_over]:
            tables = (side.topics.hours_table, side.topics.days_table, side.topics.months_table)
            begins = dict.fromkeys(side.topics.levels, self.asked.device.encode() + b"|") | dict.fromkeys(tables, device_key(self.asked.device))
            for topic in [name for name in begins if name in self.ground.cluster.topics]:
                found = await self.kept.newest(topic, begins[topic])
                await self.tombstones(topic, [(self.kept.partition, key) for key in found])
                count += len(found)
        return count

    async def tombstones(self, topic: str, places: Sequence[tuple[int, bytes]]) -> None:
        """Takes records of a compacted topic away."""
        if places:
            async with AIOKafkaProducer(**self.ground.settings.brokers.client, enable_idempotence=True) as producer:
                for sent in [await producer.send(topic, None, key=key, partition=partition) for partition, key in places]:
                    await sent

    def told(self, erase: Erase, done: Done) -> str:
        """The summary."""
        return (
            f"{self.asked.device}: nothing of before {self.place(erase.reflects)} is kept in tables, levels and DynamoDB.\n"
            f"Beside what the workers did: {done.graves:,} totals, {done.refused:,} refused records, {done.rows:,} records of older epochs.\n"
            "The readings themselves go with their topic's retention, and compaction takes its time (docs/operations.md)"
        )


def grave(total: Total, erase: Erase) -> Total:
    """What is put in its place."""
    return nothing(total.device, total.grain, total.start, total.end, erase.epoch, erase.offset, erase.reflects)


async def put(store: DynamoStore, total: Total, partition: int, wait_s: float) -> None:
    """Writes it, however often DynamoDB refuses within the time. Raises StoreBusy after that."""
    limit = time.monotonic() + wait_s
    while True:
        try:
            await store.put_total(total, partition)
            return
        except StoreBusy:
            if time.monotonic() > limit:
                raise
            await asyncio.sleep(PAUSE_S)
