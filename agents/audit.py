"""The role audit: at intervals a device is drawn, counted again from its readings, and compared with what DynamoDB holds.

    draw       a record of the last days, wherever the waterfall has counted; its device is the one
    wait       until all that was counted by then is stored
    count      the device's readings of these days, with a quarter of a processor, up to where the waterfall was
    compare    every period that begins when all that it depends on is among them; days with their hours and months with their days, all of them

What comes of it is a counter, and for a difference a line in the log: by the place of the record that was drawn, since no log has a device in it.
`python -m agents reconcile --at PLACE` says the rest.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing, closing
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final, NoReturn

from aiokafka.errors import KafkaError

from agents.findings import DIRECTIONS, Finding
from agents.ground import Ground, check_live, survey, watch_retirement
from agents.reconcile import Log, OtherTables, Unanswerable, against_stored, check_guard, device_at, extent, unstored
from agents.recount import Recount, Recounter
from dynamodb.client import asking_client
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from streams.cluster import ClusterError
from streams.exits import Exit, leave
from streams.guard import WHAT_THEN
from streams.logs import safe
from streams.look_back import records
from streams.metrics import AUDITS, BEGAN, PROCESS_START, Sample
from streams.page import Page
from streams.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_MS: Final = 86_400_000
LOOKS: Final = 100
"""At most, whether all is stored."""
SLACK_S: Final = 3.0
REST: Final = 3.0
"""So many times as long as it has worked it does nothing."""
LONGEST_REST_S: Final = 5.0
AGAIN_S: Final = 60.0
"""The longest until it asks again who did not answer."""
NAMED: Final = 5
"""Periods that are named in the log."""
log: Final = logging.getLogger("wattfall.audit")


class Result(StrEnum):
    """What came of an audit; unsettled is what could not be told: not all of it was stored in time, or nothing was there to be compared."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNSETTLED = "unsettled"


class Auditor:
    """Audits, one after the other. `random` draws; `trouble`: why none can be made, if so."""

    def __init__(self, ground: Ground, kept: DynamoSettings, random: Random) -> None:
        self.ground, self.kept, self.random = ground, kept, random
        self.counts = Counter[Result]()
        self.trouble = ""

    async def run(self) -> NoReturn:
        """For ever. Ends the process if the tables turn out to be made by other rules."""
        every_s = self.ground.settings.audit_every_s
        while True:
            try:
                self.counts[await self.audit()] += 1
                self.trouble = ""
            except OtherTables as error:
                leave(Exit.RULES_CHANGED, f"{error!s}. {WHAT_THEN}")
            except (StoreError, ClusterError, KafkaError, OSError) as error:  # somebody does not answer, which says nothing of any device
                said = str(error) if isinstance(error, StoreError | ClusterError) else safe(error)
                if not self.trouble:
                    log.warning("no audit: %s", said)
                self.trouble = said
            except Exception as error:
                log.exception("audit")
                leave(Exit.AGENT_FAILED, f"an audit failed: {safe(error)}")
            await asyncio.sleep(min(every_s, AGAIN_S) if self.trouble else every_s)

    async def audit(self) -> Result:
        """One device. Raises OtherTables, and StoreError, ClusterError, KafkaError and OSError where somebody does not answer."""
        days, topic = self.ground.settings.audit_days, self.ground.topics.readings
        with closing(await asyncio.to_thread(asking_client)) as client:  # a new one each time: one that found no credentials never looks again
            await asyncio.to_thread(check_guard, client, self.kept.tables.hours, self.ground)
            try:
                seen = await extent(self.ground, since_ms=int(time.time() * 1000) - days * DAY_MS)
                device, partition, offset = await self.drawn(seen)
                wrong = await self.wrong(client, device, partition, seen)
            except Unanswerable as error:
                log.info("unsettled: %s", str(error))
                return Result.UNSETTLED
        if wrong:
            log.error("different: the device of %s/%d/%d: %s", topic, partition, offset, wrong)
        return Result.DIFFERENT if wrong else Result.EQUAL

    async def drawn(self, seen: Log) -> tuple[str, int, int]:
        """A device with the partition and the offset of the record that was drawn: one that sends more is drawn more often."""
        sizes = {partition: position - seen.begins[partition] for partition, position in seen.positions.items()}
        if not any(sizes.values()):
            raise Unanswerable("nothing was counted in these days")
        (partition,) = self.random.choices(list(sizes), list(sizes.values()))
        first = seen.begins[partition] + self.random.randrange(sizes[partition])
        found = await device_at(self.ground, partition, first, seen.positions[partition])
        if found is None:
            raise Unanswerable("what was drawn cannot be counted")
        return found[0], partition, found[1]

    async def wrong(self, client: DynamoDBClient, device: str, partition: int, seen: Log) -> str:
        """What is not as it has to be, as the log has it; nothing where all is equal. Raises Unanswerable where that cannot be told."""
        if behind := await unstored(self.ground, [partition], self.patience_s, self.patience_s / LOOKS):
            raise Unanswerable(f"what was counted is not all stored after {self.patience_s:g} s ({behind})")
        recount = await self.counted_again(device, partition, seen)
        reader, position = Reader(client, self.kept.tables), seen.positions[partition]
        try:
            finding = await asyncio.to_thread(against_stored, recount, reader, self.kept, self.ground, position)
        except NoItem:
            return "an item that is none of ours"
        if not finding.compared and not finding.wrong:
            raise Unanswerable("nothing is complete enough to be compared")
        return places(finding) if finding.wrong else ""

    @property
    def patience_s(self) -> float:
        """Twice as long as a reading may take through all levels."""
        checkpoint, flush = self.ground.settings.checkpoint, self.kept.flush
        return 2 * (checkpoint.hours + checkpoint.days + checkpoint.months + max(flush.hours, flush.days, flush.months)) + SLACK_S

    async def counted_again(self, device: str, partition: int, seen: Log) -> Recount:
        """The device's readings of these days. Raises Unanswerable if retention removed some of them meanwhile."""
        settings, topic = self.ground.settings, self.ground.topics.readings
        begin, position = seen.begins[partition], seen.positions[partition]
        recounter = Recounter([device], settings.rules, partition, self.ground.partitions, cut=begin > 0)
        read = records(settings.brokers, topic, [partition], since={partition: begin}, upto={partition: position})
        worked = time.process_time()
        async with aclosing(read) as found:
            async for _, some in found:
                recounter.take(some)
                await asyncio.sleep(min(LONGEST_REST_S, REST * (time.process_time() - worked)))
                worked = time.process_time()
        if (await extent(self.ground)).begins[partition] > begin:
            raise Unanswerable("retention removed what was to be counted again")
        return recounter.recounts[device.encode()]

    def samples(self) -> Iterator[Sample]:
        """What it tells of itself."""
        yield Sample(PROCESS_START, (), BEGAN)
        yield from (Sample(AUDITS, (result,), self.counts[result]) for result in Result)

    def waits_for(self) -> Iterator[str]:
        """Why it is not ready, if it is not."""
        if self.trouble:
            yield self.trouble


def places(finding: Finding) -> str:
    """What is not as it has to be, without a word of whose or how much it is."""
    differences = finding.differences
    said = [f"{one.key[1]} of {time.strftime('%Y-%m-%dT%H:%MZ', time.gmtime(one.key[2]))} {one.kind}" for one in differences[:NAMED]]
    said += [f"{len(differences) - NAMED} periods more"] if len(differences) > NAMED else []
    said += [f"days that are not their hours, or months not their days: {len(finding.inner)}"] if finding.inner else []
    said += [f"the {way} register is not its hours" for way, energy in zip(DIRECTIONS, finding.energies, strict=True) if not energy.equal]
    return f"{', '.join(said)}; of {finding.compared} periods compared"


async def work(ground: Ground, auditor: Auditor) -> None:
    """The page, if there is to be one, the audits, and a look at whether the generation is over."""
    if port := ground.settings.metrics_port:
        try:
            await Page(port, auditor.samples, auditor.waits_for).open()
        except OSError as error:
            leave(Exit.CONFIGURATION, f"WATTFALL_METRICS_PORT={port}: {error}")
    log.info("audit: a device of %s every %g s", ground.topics.readings, ground.settings.audit_every_s)
    await asyncio.gather(watch_retirement(ground, leave), auditor.run())


def run_audit(settings: Settings, kept: DynamoSettings) -> None:
    """Runs until it is asked to stop. Raises SettingError and ClusterError before it starts."""
    ground = asyncio.run(survey(settings, sinks=True))
    check_live(ground, sinks=True)
    asking_client().close()  # what is not set is said now
    asyncio.run(work(ground, Auditor(ground, kept, Random())))
