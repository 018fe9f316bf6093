"""Counting devices again, up to where the waterfall is, against what is stored: what both the command and the role audit do.

It reads with consumers of its own, beside the workers, and changes nothing. All that follows from the readings that the waterfall has counted has to
be stored before anything is compared, or what is on its way would be taken for lost. What is stored with readings from behind is not compared, so
readings may keep coming meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from agents.findings import Finding, Seen, find
from agents.ground import Ground
from agents.lag_command import flow
from agents.recount import Recount, accepted
from agents.stored_guard import stored
from dynamodb.client import asking_error
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from metering.partition import partition_of
from metering.period import Calendar
from metering.reading import Decoder
from metering.total import Grain
from streams.lag import POLL_S, Meter
from streams.look_back import records

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Unanswerable(Exception):
    """A question that cannot be answered as it was asked, or not now; one line for a person."""


class OtherTables(Unanswerable):
    """The tables were made from another log or by other rules, so everything would differ."""


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


def place(device: str, ground: Ground) -> int:
    """The device's partition."""
    return partition_of(device.encode(), ground.partitions)


def check_guard(client: DynamoDBClient, table: str, ground: Ground) -> None:
    """Raises OtherTables; StoreError if DynamoDB does not say."""
    try:
        kept = stored(client, table, ground.settings.epoch)
    except (ClientError, BotoCoreError) as error:
        raise asking_error(error, table) from error
    if kept is not None and (differences := ground.guard.differences(kept)):
        raise OtherTables(f"the tables hold epoch {ground.settings.epoch} of something else: {'; '.join(differences)}")


async def extent(ground: Ground, since_ms: int = 0) -> Log:
    """Where the readings begin, or the first is that came then (epoch ms), are counted and end now."""
    topic = ground.topics.readings
    async with Meter(ground.settings.brokers, {topic: ground.partitions}) as meter:
        commits = await meter.commits(f"{ground.settings.scope}-waterfall")
        tps = meter.tps(topic)
        begins, ends = await meter.consumer.beginning_offsets(tps), await meter.consumer.end_offsets(tps)
        if since_ms:
            later = await meter.consumer.offsets_for_times(dict.fromkeys(tps, since_ms))
            begins = {tp: max(begin, ends[tp] if later[tp] is None else later[tp].offset) for tp, begin in begins.items()}
    positions = {tp.partition: commits[tp].offset if tp in commits else 0 for tp in tps}
    return Log(
        begins={tp.partition: begin for tp, begin in begins.items()},
        positions={tp.partition: min(max(positions[tp.partition], begins[tp]), ends[tp]) for tp in tps},
        ends={tp.partition: end for tp, end in ends.items()},
    )


async def device_at(ground: Ground, partition: int, offset: int, upto: int) -> tuple[str, int] | None:
    """Whose the first reading from a position on is that can be counted, and at which offset; None if there is none below `upto`."""
    decoder = Decoder(ground.settings.rules, partition, ground.partitions)
    read = records(ground.settings.brokers, ground.topics.readings, [partition], since={partition: offset}, upto={partition: upto})
    async with aclosing(read) as found:
        async for _, some in found:
            for record in some:
                if record.key is not None and accepted(decoder, record):
                    return record.key.decode(), record.offset
    return None


async def unstored(ground: Ground, partitions: Collection[int], wait_s: float, poll_s: float = POLL_S) -> str:
    """Waits until all that was counted in these partitions by now is stored; who is still behind after so many seconds, for people, or nothing."""
    stages = flow(ground.settings, ground.topics)[1:]
    async with Meter(ground.settings.brokers, {stage.topic: ground.partitions for stage in stages}, only=partitions, poll_s=poll_s) as meter:
        behind = await meter.behind(stages, wait_s)
    return ", ".join(f"{lag.topic} {lag.group} {lag.behind:,} behind" for lag in behind)


def against_stored(recount: Recount, reader: Reader, kept: DynamoSettings, ground: Ground, position: int) -> Finding:
    """Compares a device, counted again up to this position. Raises Unanswerable, StoreError, and NoItem for an item that is not ours."""
    totals = [total for grain in Grain for total in reader.every_total_of(recount.name, grain)]
    newest = max((total.epoch for total in totals), default=0)
    if newest > ground.settings.epoch:
        raise Unanswerable(f"the tables hold epoch {newest}: WATTFALL_EPOCH={ground.settings.epoch} is over")
    seen = Seen(position, kept.keep_hours_s, int(time.time()), ground.generation.since or 0)
    return find(recount, totals, Calendar(ground.settings.rules.zone), seen)
