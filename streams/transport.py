"""A transport for Faust that hands an agent whole record batches, and starts a partition where its state says.

Three things of Faust are replaced here. *How records reach an agent*: all records of one partition of one fetch are one event, a `Batch`.
*What a position is*: the fetcher's positions, not record offsets, so holes in a log are no gaps and lag reaches 0. *Where a partition starts*: after
every assignment, once the tables are recovered, the fetch loop itself asks the source for its position and seeks there; only what is fetched after
that seek carries the new serial and is taken. The fetch loop being one loop, no fetch of ours is under way while it seeks.

Faust's acks, commits and livelock detector are off: only a checkpoint, or a sink's stored writes, commit. Written for faust-streaming 0.15.3 and
aiokafka 0.14.0, whose private names it touches (see streams/fetch.py, too); tests/contract/test_faust_private_names.py lists them all.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import faust
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams import faults
from streams.batch import Batch
from streams.exits import Exit
from streams.fetch import Thread
from streams.logs import safe
from streams.metrics import LAG, POSITION, Sample

if TYPE_CHECKING:
    from streams.app import App

POLL_S = 0.2
BEHIND_S = 1.0
BEHIND_TIMES = 10
REQUEST_LIMIT_S = 20.0
COMMIT_LIMIT_S = 5.0
log = logging.getLogger("wattfall.transport")

TRANSPORTS.aliases["wattfall"] = "streams.transport:Transport"


class RecordBatches(faust.Schema[Any, Any]):
    """Leaves a message as the transport made it: the value is a `Batch`."""

    def compile(self, app: Any, *, on_key_decode_error: Any = None, on_value_decode_error: Any = None, default_propagate: bool = False) -> Any:
        """The function that makes an event of a message."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = default_propagate) -> Any:
            return create_event(None, message.value, headers={}, message=message)

        return decode


class Consumer(driver.Consumer):
    """The main loop's side: assignment, the start rule, and the fetch loop."""

    app: App
    _thread: Thread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unstarted: set[TP] = set()
        self.serials: dict[TP, int] = {}
        self.serial = 0
        self.behind = 0
        self.fence: object = None
        self.ends: dict[TP, int] = {}
        self.still_open: Collection[TP] = ()
        self.delivered: dict[TP, int] = {}

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Fences before Faust's recovery asks for the changelogs' ends. Never returns with a fence missing."""
        self.serials.clear()
        self.unstarted = {tp for tp in assigned if tp.topic in self.app.sources}
        self.fence = None
        self.delivered.clear()
        await self.app.open_sources(self.unstarted)
        self.fence, self.ends, self.still_open = object(), {}, ()  # what is asked of the changelogs from here on nobody else can make older
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """The last checkpoint is made while the partitions are still ours."""
        self.serials.clear()
        self.unstarted.clear()
        self.fence, self.ends, self.still_open = None, {}, ()
        await self.app.close_sources()
        await super().on_partitions_revoked(revoked)

    def start_again(self, topic: str, partition: int) -> None:
        """Asks the fetch loop to seek to the source's position once more."""
        tp = TP(topic, partition)
        if self.serials.pop(tp, None) is not None:
            self.unstarted.add(tp)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing: Faust never commits."""
        return True

    def ack(self, message: Any) -> bool:
        """Nothing to keep: a batch that is taken is not yet durable, whatever Faust thinks."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def perform_seek(self) -> None:
        """Nothing: the start rule seeks, and what Faust would seek to is what the group committed."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: it looks for commits that are not made here."""

    async def commit_positions(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commits for the group, from a sink; raises the driver's errors."""
        wanted = {tp: OffsetAndMetadata(offset, "sink") for tp, offset in offsets.items()}
        async with asyncio.timeout(COMMIT_LIMIT_S):  # not wait_for: before Python 3.12 it loses a cancellation if the answer is there already
            await self._thread.call_thread(self._thread._ensure_consumer().commit, wanted)

    def samples(self) -> Iterator[Sample]:
        """Where each partition is that is taken from, and how far behind: as the last fetch told."""
        for tp in self.serials:
            position = self.app.sources[tp.topic].position(tp.partition)
            end = self._thread._ensure_consumer().last_stable_offset(TopicPartition(*tp))
            if position is not None:
                yield Sample(POSITION, (tp.topic, str(tp.partition)), position)
                if end is not None:
                    yield Sample(LAG, (tp.topic, str(tp.partition)), max(0, end - position))

    async def _start(self) -> None:
        """The start rule, for all partitions that wait for it.

        Faust's `rebalancing` alone does not tell that the state is there: when the group changes while a recovery comes to its end, that end
        resets it, and the recovery for the new assignment has not begun. So the tables themselves are asked.
        """
        waiting = sorted(self.unstarted)
        if not all(self.app.sources[tp.topic].recovered(tp.partition, self.ends) for tp in waiting):
            return
        generation, thread, consumer = self.app.consumer_generation_id, self._thread, self._thread._ensure_consumer()
        tps = [TopicPartition(*tp) for tp in waiting]
        begins = await self._ask(consumer.beginning_offsets, tps)
        ends = await self._ask(consumer.end_offsets, tps)
        commits = await self._ask(thread.committed_offsets, tps)
        if self.app.rebalancing or self.app.consumer_generation_id != generation:
            return
        positions = {tp: self._position(tp, commits.get(tp), begins[tp]) for tp in waiting if tp in self.unstarted}
        if not await self._within(positions, ends):
            return
        for tp, position in positions.items():
            await self._start_at(tp, position, begins[tp])
        if not self.unstarted:
            self.app.has_started()
        for topic, count in sorted(Counter(tp.topic for tp in positions).items()):
            log.info("%s: taking from %s, %d partitions", self.app.role, topic, count)

    async def _start_at(self, tp: TP, position: int, begin: int) -> None:
        source = self.app.sources[tp.topic]
        if position < begin:
            source.lost(tp.partition, position, begin)
            position = begin
        faults.hit("before_start")
        await self.seek(tp, position)
        self.serial += 1
        self.serials[tp] = self.serial
        self.unstarted.discard(tp)
        source.start(tp.partition, position, self.serial)

    def _position(self, tp: TP, committed: OffsetAndMetadata | None, begin: int) -> int:
        """From the state; else what a replay or a sink committed; else the log's beginning."""
        source = self.app.sources[tp.topic]
        position = source.position(tp.partition)
        if position is None and committed is not None and source.trusts_commits(committed.metadata):
            position = committed.offset
        return begin if position is None else position

    async def _within(self, positions: Mapping[TP, int], ends: Mapping[TP, int]) -> bool:
        """Is every position in its log? A new leader may not know its end at once, so the process only ends after having asked often."""
        beyond = [f"{tp.topic}/{tp.partition} is at {at}, but the topic ends at {ends[tp]}" for tp, at in positions.items() if at > ends[tp]]
        if not beyond:
            self.behind = 0
            return True
        self.behind += 1
        if self.behind >= BEHIND_TIMES:
            self.app.leave(Exit.LOGS_MIXED, f"the state of {'; '.join(beyond)}: it was made anew")
        await asyncio.sleep(BEHIND_S)
        return False

    async def _ask(self, call: Any, argument: Any) -> Any:
        async with asyncio.timeout(REQUEST_LIMIT_S):
            return await self._thread.call_thread(call, argument)

    async def _drain_messages(self, fetcher: Any) -> None:
        """The fetch loop. Ends the process on anything unexpected: a restart reads again from the last checkpoint."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                if self.unstarted and not self.app.rebalancing:
                    await self._start()
                batches: Any = (await self._wait_next_records(POLL_S))[0]
                await self._deliver(batches or {})
                await asyncio.sleep(0)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not (self.app.should_stop or self.app.stopping):
                raise
        except Exception as error:
            if not self.app.should_stop:
                self.app.leave(Exit.FETCH_FAILED, f"fetching failed: {safe(error)}")

    async def _deliver(self, batches: dict[TP, Batch]) -> None:
        """Puts batches into the streams' queues; waits while one is full."""
        generation = self.app.consumer_generation_id
        for tp, batch in batches.items():
            if self.app.consumer_generation_id != generation:
                return
            if tp.topic in self.app.sources:
                batch.serial = self.serials.get(tp, 0)
                if not batch.serial:
                    continue  # fetched before the state was there
            elif not batch.records or tp not in self.app.topics._tp_to_callback:  # type: ignore[attr-defined]
                continue  # no records, or a changelog's before recovery has sought its place
            else:
                faults.hit("during_recovery")
                batch.after, self.delivered[tp] = self.delivered.get(tp), batch.records[-1].offset
            message = self._message(tp, batch)
            await self.callback(message)
            self._read_offset[tp] = batch.end - 1

    def _message(self, tp: TP, batch: Any) -> Any:
        last = batch.records[-1].offset if batch.records else batch.end - 1
        return faust.types.tuples.ConsumerMessage(
            tp.topic, tp.partition, last, 0.0, 0, [], None, batch, None, 0, 0, tp, generation_id=self.app.consumer_generation_id
        )


class Transport(driver.Transport):
    """`broker="wattfall://host:port"`."""

    Consumer = Consumer
