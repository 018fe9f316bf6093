"""A waterfall in memory: the product's own hops, lanes, checkpoints and folds, in processes that a test plays with.

What is between them is here: which partitions are whose, recovery, the start rule, and the fetches; in the product that is Faust's, aiokafka's and
streams/transport.py's. Topics are called after what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from aiokafka.structs import TopicPartition
from faust.types import TP

from agents.fold_hours import DEVICE_BYTES, HoursFold
from agents.fold_parts import PartsFold
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain
from streams.batch import Batch
from streams.brokers import Brokers
from streams.checkpoint import Destinations
from streams.fold import Fold, Load
from streams.guard import Guard
from streams.hop import Hop
from streams.lane import Lane, LaneSettings
from tables.stores import LocalRows, MemoryStore
from tests.memory_kafka import Broker, Producer
from tests.process import Process

EPOCH: Final = 1
PARTITIONS: Final = 2
NEVER_S: Final = 1e9
SOURCES: Final = {"hours": "readings", "days": "hours", "months": "days"}
"""By hop: the topic it reads. Its totals go into a topic of its own name."""
PLACES: Final = [(hop, partition) for hop in SOURCES for partition in range(PARTITIONS)]
WATERFALL: Final = "waterfall"
Place = tuple[str, int]
Disk = dict[Place, MemoryStore]
Recovery = Callable[[MemoryStore, TopicPartition], bool]
"""Brings a store to its changelog's end. False: it died on the way."""


def table_of(hop: str) -> str:
    """The changelog."""
    return f"{hop}-table"


class Rows(LocalRows):
    """One hop's table."""

    def __init__(self) -> None:
        self.stores = {}


class SmallHop(Hop):
    """A hop whose producers are in memory; all that it ever had are in `producers`."""

    broker: Broker
    producers: list[Producer]

    async def fence(self, partition: int, share: float) -> Lane:
        """As the product's, with another producer."""
        producer = Producer(self.broker, f"{self.scope}-{self.shared.hop}-{partition}")
        await producer.start()
        self.producers.append(producer)
        return Lane(self.shared, partition, producer, share)


class Worker(Process):
    """The three hops of one process. `disk` outlives it. While it is `frozen`, nobody lets it do anything."""

    def __init__(self, broker: Broker, rules: Rules, disk: Disk) -> None:
        super().__init__()
        self.broker, self.rules, self.disk = broker, rules, disk
        self.calendar = Calendar(rules.zone)
        self.frozen = False
        self.serial = 0
        self.producers: list[Producer] = []
        self.rows = {hop: Rows() for hop in SOURCES}
        self.hops = {hop: self._hop(hop) for hop in SOURCES}
        self.next: dict[Place, int] = {}
        self.old: list[tuple[str, Batch]] = []

    def assign(self, partitions: Collection[int], recover: Recovery) -> bool:
        """Fences, recovers, starts. False: it died in a recovery, because `recover` says so, or at the fence."""
        for hop in self.hops.values():
            assert self.run(hop.open(partitions)).done(), "a fence waits for nobody"
        places = [(name, partition) for name in self.hops for partition in sorted(partitions)]
        ends = {TP(table_of(name), partition): self._end(name, partition) for name, partition in places}
        for name, partition in places:
            store = self.rows[name].stores[partition] = self.disk.setdefault((name, partition), MemoryStore())
            if self.left or not recover(store, TopicPartition(table_of(name), partition)):
                return False
        for name, partition in places:
            assert self.hops[name].recovered(partition, ends), "nobody starts before it has all of its state"
            self._start(name, partition)
        return not self.left

    def revoke(self) -> bool:
        """The last checkpoints. False: they are still under way."""
        closing = [self.run(hop.close()) for hop in self.hops.values()]
        self.next.clear()
        if not all(task.done() for task in closing):
            return False
        for rows in self.rows.values():
            rows.stores.clear()
        return True

    @property
    def lanes(self) -> list[tuple[str, Lane]]:
        """Those that run, each with its hop."""
        return [(name, lane) for name, hop in self.hops.items() for lane in hop.lanes.values() if lane.task is not None]

    def has_work(self, hop: str, lane: Lane) -> bool:
        """Something to fetch, or to make durable."""
        return self.broker.stable_end(TopicPartition(SOURCES[hop], lane.partition)) > self.next[hop, lane.partition] or lane.position != lane.saved

    def poll(self, hop: str, partition: int, most: int) -> None:
        """Fetches and folds."""
        place = hop, partition
        begin = self.next[place]
        records, end = self.broker.fetch(TopicPartition(SOURCES[hop], partition), begin, most)
        if end > begin:
            batch = Batch(partition, records, begin, end, self.hops[hop].lanes[partition].serial)
            self.old.append((hop, batch))
            self.next[place] = end
            assert self.run(self.hops[hop].take(batch)).done(), "a fold waits for nobody"

    def again(self, which: int) -> None:
        """A batch from before the last start reaches the agent only now."""
        hop, batch = self.old[which % len(self.old)]
        lane = self.hops[hop].lanes.get(batch.partition)
        if lane is None or lane.serial != batch.serial:
            self.run(self.hops[hop].take(batch))

    def checkpoint(self, lane: Lane, hold_at: str | None = None) -> None:
        """Wakes the lane, which makes a checkpoint if there is anything for one."""
        lane.producer.hold_at = hold_at
        lane.wake.set()
        self.turn()
        lane.producer.hold_at = None

    def _end(self, hop: str, partition: int) -> int:
        """Of a changelog: the position behind its last record, whatever markers follow it."""
        records = self.broker.records(TopicPartition(table_of(hop), partition))
        return records[-1].offset + 1 if records else 0

    def _start(self, hop: str, partition: int) -> None:
        """The start rule: from the state, else from what a replay committed, else from the beginning."""
        position = self.hops[hop].position(partition)
        committed = self.broker.committed.get((WATERFALL, TopicPartition(SOURCES[hop], partition)))
        if position is None and committed is not None and self.hops[hop].trusts_commits(committed.metadata):
            position = committed.offset
        self.serial += 1
        self.next[hop, partition] = position = position or 0
        self.run(_now(lambda: self.hops[hop].start(partition, position, self.serial)))

    def _hop(self, name: str) -> SmallHop:
        facts = {"rules": self.rules, "epoch": EPOCH, "cluster": "memory", "topics": SOURCES, "partitions": PARTITIONS, "tz": "2026.6"}
        to = Destinations(source=SOURCES[name], table=table_of(name), totals=name, rejected="rejected", late="late", group=WATERFALL)
        guard = Guard.of(**facts)  # type: ignore[arg-type]
        folds = getattr(self, f"_{name}")
        shared = LaneSettings(hop=name, interval_s=NEVER_S, to=to, guard=guard, folds=folds, outcomes=(), rows=self.rows[name], leave=self.leave)
        hop = SmallHop(shared, brokers=Brokers(), scope="small", step_back=self._never_steps_back)
        hop.broker, hop.producers = self.broker, self.producers
        return hop

    # Little fits into memory, so that most is loaded again.

    def _hours(self, partition: int, load: Load, share: float) -> Fold:
        return HoursFold(self.rules, EPOCH, partition, PARTITIONS, load, DEVICE_BYTES)

    def _days(self, partition: int, load: Load, share: float) -> Fold:
        return PartsFold(Grain.DAY, self.calendar, self.rules, EPOCH, load, 1)

    def _months(self, partition: int, load: Load, share: float) -> Fold:
        return PartsFold(Grain.MONTH, self.calendar, self.rules, EPOCH, load, 1)

    def _never_steps_back(self, topic: str, partition: int) -> None:
        raise AssertionError(f"{topic}/{partition} was handed a batch from elsewhere")


async def _now(call: Callable[[], None]) -> None:
    """Within the loop."""
    call()


def recovers(broker: Broker, piece: int) -> Recovery:
    """A recovery, in pieces of so many positions, that goes on from where the store is; one that dies after some pieces is `recovers_until`."""
    return recovers_until(broker, piece, 1 << 30)


def recovers_until(broker: Broker, piece: int, pieces: int) -> Recovery:
    """Dies after so many pieces of one table; what was applied by then is on the disk."""

    def recover(store: MemoryStore, changelog: TopicPartition) -> bool:
        position = 0 if store.offset is None else store.offset + 1
        for _ in range(pieces):
            records, end = broker.fetch(changelog, position, piece)
            if end == position:
                return True
            if records:
                store.apply([(record.key, record.value) for record in records], records[-1].offset)
            position = end
        return False

    return recover
