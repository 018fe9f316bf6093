"""A hop: one topic's records folded into a table and into the next topic's totals, exactly once.

    fence      on assignment, before the table's end is read     a producer per partition; older owners can write no more
    start      after recovery                                    the position comes from the table itself
    fold       batch by batch                                    in memory
    checkpoint every interval, or when much is touched           rows, totals, refusals, counters and position: one transaction

Whatever goes wrong on the way ends the process with a named cause (streams/exits.py); only the next fence decides what had happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from faust.types import TP

from streams import faults
from streams.batch import Batch
from streams.brokers import Brokers
from streams.checkpoint import transactional_producer
from streams.exits import Exit
from streams.guard import GUARD_KEY, WHAT_THEN, Guard
from streams.lane import Lane, LaneSettings
from streams.logs import safe
from streams.metrics import RECORDS, Sample
from streams.position import Position, position_key
from streams.source import CHECKPOINTED

FENCE_S: Final = 10.0
LOST: Final = "lost"
"""The outcome of a position that retention removed before it was taken."""
log = logging.getLogger("wattfall.hop")


class Hop:
    """The lanes of one topic; a `Source` of the transport.

    `scope` begins the transactional ids; `step_back` asks the transport to start a partition again; `go_on` allows to pass a lost range.
    """

    def __init__(self, shared: LaneSettings, *, brokers: Brokers, scope: str, step_back: Callable[[str, int], None], go_on: bool = False) -> None:
        self.shared, self.brokers, self.scope, self.step_back, self.go_on = shared, brokers, scope, step_back, go_on
        self.topic = shared.to.source
        self.lanes: dict[int, Lane] = {}

    async def open(self, partitions: Collection[int]) -> None:
        """The fence: all partitions at once, all or the process ends."""
        await self.close()  # there is nothing, unless a revocation was left out
        faults.hit("before_fence")
        try:
            async with asyncio.timeout(FENCE_S):
                lanes = await asyncio.gather(*[self.fence(partition, 1 / len(partitions)) for partition in sorted(partitions)])
        except Exception as error:
            self.shared.leave(Exit.FENCE_FAILED, f"{self.shared.hop}: could not fence {sorted(partitions)} within {FENCE_S:g} s: {safe(error)}")
        faults.hit("after_fence")
        self.lanes = {lane.partition: lane for lane in lanes}
        self.shared.tally.fences += len(lanes)
        log.info("hop %s: fenced %d partitions", self.shared.hop, len(lanes))

    async def fence(self, partition: int, share: float) -> Lane:
        """Starts the partition's producer: older ones are fenced and their open transaction is over when this returns."""
        producer = transactional_producer(self.brokers, f"{self.scope}-{self.shared.hop}-{partition}")
        await producer.start()
        return Lane(self.shared, partition, producer, share)

    async def close(self) -> None:
        """A last checkpoint of every lane. The lanes are gone the moment this is called: a late batch finds none."""
        lanes, self.lanes = self.lanes, {}
        await asyncio.gather(*[lane.close() for lane in lanes.values()])

    def recovered(self, partition: int, ends: Mapping[TP, int]) -> bool:
        """The table holds all that its changelog had when the fence was there; the log has no other writer since."""
        end = ends.get(TP(self.shared.to.table, partition))
        return end is not None and self.shared.rows.reached(partition) >= end

    def position(self, partition: int) -> int | None:
        """From the lane, if it runs already; else from the recovered table, whose guard must be ours."""
        lane = self.lanes[partition]
        if lane.task is not None:
            return lane.position
        kept = self.kept(partition)
        if kept is None:
            return None
        if kept.guard != self.shared.guard.digest:
            row = self.shared.rows.load(partition, GUARD_KEY)
            differences = self.shared.guard.differences(Guard.decode(row)) if row else ["the guard record is missing"]
            text = "; ".join(differences) or "the hash of the rules"
            self.shared.leave(Exit.RULES_CHANGED, f"{lane.name}: epoch {self.shared.guard.facts['epoch']} began otherwise: {text}. {WHAT_THEN}")
        return kept.position

    def kept(self, partition: int) -> Position | None:
        """The position record of the table."""
        row = self.shared.rows.load(partition, position_key(partition))
        return None if row is None else Position.decode(row)

    def trusts_commits(self, metadata: str) -> bool:
        """Only those that a replay set: what a checkpoint committed belongs to a state that is gone, so all is read again."""
        if metadata == CHECKPOINTED:
            log.warning("%s: a partition's table is gone; reading %s again from its beginning", self.shared.hop, self.topic)
        return metadata != CHECKPOINTED

    def lost(self, partition: int, begin: int, end: int) -> None:
        """Stops, or counts and goes on if a setting says so."""
        text = f"{self.shared.hop}/{partition}: retention removed {self.topic} [{begin}, {end}) before it was counted"
        if not self.go_on:
            self.shared.leave(Exit.LOST_RANGE, f"{text}; WATTFALL_LOST_RANGE=continue goes on without it")
        log.error("%s; going on without it", text)
        lane = self.lanes[partition]
        lane.outcomes[LOST] += end - begin
        lane.position = end

    def start(self, partition: int, position: int, serial: int) -> None:
        """Begins to take batches of this serial."""
        lane = self.lanes[partition]
        kept = self.kept(partition) if lane.task is None else None
        outcomes = Counter(kept.outcomes) if kept else Counter()
        lane.start(position, serial, outcomes + lane.outcomes, kept.position if kept else None)
        log.debug("%s starts at %d", lane.name, position)

    async def take(self, batch: Batch) -> None:
        """Folds the batch, if it belongs to the lane's present start. An error in a fold ends the process: the records are read again."""
        lane = self.lanes.get(batch.partition)
        if lane is None or batch.serial != lane.serial or not lane.serial:
            return
        try:
            if await lane.take(batch):
                lane.trips = 0
                return
        except Exception as error:
            log.exception("%s: folding [%d, %d) failed", lane.name, batch.begin, batch.end)
            self.shared.leave(Exit.AGENT_FAILED, f"{lane.name}: folding [{batch.begin}, {batch.end}) failed: {safe(error)}")
        self.trip(lane, batch)

    def trip(self, lane: Lane, batch: Batch) -> None:
        """A batch from elsewhere: a bug, or a range that retention removed meanwhile. Seeks back once; the start rule tells which."""
        lane.trips += 1
        text = f"{lane.name}: expected a batch from {lane.position}, got [{batch.begin}, {batch.end})"
        if lane.trips > 1:
            self.shared.leave(Exit.OUT_OF_STEP, text)
        log.error("%s; seeking back", text)
        lane.serial = 0
        self.shared.tally.steps_back += 1
        self.step_back(self.topic, lane.partition)

    def samples(self) -> Iterator[Sample]:
        """See `Source`."""
        hop = self.shared.hop
        for partition, lane in self.lanes.items():
            if lane.task is not None:  # before, it does not know what the table has counted already: that would look like a burst
                counts = dict.fromkeys((*self.shared.outcomes, LOST), 0) | lane.outcomes
                yield from (Sample(RECORDS, (hop, str(partition), outcome), count) for outcome, count in counts.items())
        yield from self.shared.tally.samples(hop)

    def waits_for(self) -> Iterator[str]:
        """See `Source`."""
        return iter(())
