"""Kafka in memory, as far as a checkpoint and a fetch know it: logs with transactions, markers and holes, fences, committed offsets.

A contract test holds it to a real broker. A producer can be held at a step of its checkpoint, and goes on, fails, or never does either.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, RecordMetadata, TopicPartition

from streams.batch import Record

Headers = list[tuple[str, bytes]]


@dataclass(slots=True, eq=False)
class Transaction:
    """What a producer has under way, and where it begins; `offsets` by group and partition; `committed` says whether it ended well."""

    touched: dict[TopicPartition, int] = field(default_factory=dict)
    offsets: dict[tuple[str, TopicPartition], OffsetAndMetadata] = field(default_factory=dict)
    committed: bool = False


@dataclass(slots=True, eq=False)
class Entry:
    """One position of a log: a record, or None for a marker or what compaction took away."""

    record: Record | None
    transaction: Transaction | None


class Broker:
    """All partitions. `committed`: by group and partition; `compacted`: the topics that may be."""

    def __init__(self, compacted: Collection[str] = ()) -> None:
        self.compacted = compacted
        self.logs: defaultdict[TopicPartition, list[Entry]] = defaultdict(list)
        self.generations: Counter[str] = Counter()
        self.under_way: dict[str, Transaction] = {}
        self.committed: dict[tuple[str, TopicPartition], OffsetAndMetadata] = {}

    def append(
        self,
        tp: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        timestamp: int = 0,
        headers: Headers | None = None,
        within: Transaction | None = None,
    ) -> int:
        """Writes a record; returns its offset."""
        log = self.logs[tp]
        log.append(Entry(ConsumerRecord(tp.topic, tp.partition, len(log), timestamp, 1, key, value, None, 1, 1, tuple(headers or ())), within))
        if within is not None:
            within.touched.setdefault(tp, len(log) - 1)
        return len(log) - 1

    def stable_end(self, tp: TopicPartition) -> int:
        """How far a reader of committed records may read: to the first record of a transaction that is under way."""
        begins = [transaction.touched[tp] for transaction in self.under_way.values() if tp in transaction.touched]
        return min(begins, default=len(self.logs[tp]))

    def fetch(self, tp: TopicPartition, begin: int, most: int) -> tuple[list[Record], int]:
        """The committed records of at most so many positions, and the position behind them."""
        end = max(begin, min(begin + most, self.stable_end(tp)))
        return list(visible(self.logs[tp][begin:end])), end

    def records(self, tp: TopicPartition) -> list[Record]:
        """All committed ones."""
        return self.fetch(tp, 0, len(self.logs[tp]))[0]

    def fence(self, name: str) -> int:
        """A new generation of a transactional id: what older ones have under way is aborted, and they can write no more."""
        self.end_transaction(name, committed=False)
        self.generations[name] += 1
        return self.generations[name]

    def end_transaction(self, name: str, *, committed: bool) -> None:
        """Everything of it becomes visible, or nothing ever does; a marker in each partition says so."""
        transaction = self.under_way.pop(name, None)
        if transaction is None:
            return
        transaction.committed = committed
        for tp in sorted(transaction.touched):
            self.logs[tp].append(Entry(None, None))
        if committed:
            self.committed.update(transaction.offsets)

    def compact(self) -> None:
        """In topics that may be compacted, of each key only the newest committed record stays; the others leave holes."""
        for tp in [tp for tp in self.logs if tp.topic in self.compacted]:
            seen: set[bytes | None] = set()
            for entry in reversed(self.logs[tp][: self.stable_end(tp)]):
                for record in visible([entry]):
                    if record.key in seen:
                        entry.record = None
                    seen.add(record.key)

    @property
    def size(self) -> int:
        """Positions of all logs: does not change if nothing was written."""
        return sum(map(len, self.logs.values()))


def visible(entries: list[Entry]) -> Iterator[Record]:
    """The committed records among them."""
    return (entry.record for entry in entries if entry.record is not None and (entry.transaction is None or entry.transaction.committed))


class RecordBatch:
    """Records that are to be sent together."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Headers]] = []

    def append(self, *, key: bytes | None, value: bytes | None, timestamp: int | None, headers: Headers) -> bool:
        """There is always room."""
        self.records.append((key, value, headers))
        return True

    def record_count(self) -> int:
        """How many there are."""
        return len(self.records)

    def close(self) -> None:
        """Nothing more is appended."""


class Producer:
    """What a checkpoint uses of aiokafka's transactional producer.

    `hold_at` names the step where it stops, before it is done: `begin`, a topic, `offsets`, `commit`; or `committed`, when it is done and the
    answer is on its way. Then `held` is the future that lets it go on.
    """

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker, self.name = broker, name
        self.generation = 0
        self.transaction: Transaction | None = None
        self.hold_at: str | None = None
        self.held: asyncio.Future[None] | None = None

    @property
    def fenced(self) -> bool:
        """A newer one was started."""
        return self.broker.generations[self.name] != self.generation

    async def start(self) -> None:
        """Fences every older one of its name."""
        self.generation = self.broker.fence(self.name)

    async def stop(self) -> None:
        """Leaves what is under way to the next fence."""

    def create_batch(self) -> RecordBatch:
        """An empty one."""
        return RecordBatch()

    async def begin_transaction(self) -> None:
        """Nobody else knows of it yet."""
        await self._passes("begin")
        assert self.transaction is None, "one transaction at a time"
        self.transaction = Transaction()

    async def send_batch(self, batch: RecordBatch, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        """Appends the records; what it returns has the offset of the first."""
        await self._passes(topic)
        tp, transaction = TopicPartition(topic, partition), self._under_way()
        offsets = [self.broker.append(tp, key, value, 0, headers, transaction) for key, value, headers in batch.records]
        sent: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        sent.set_result(RecordMetadata(topic, partition, tp, offsets[0], 0, 0, 0))
        return sent

    async def send_offsets_to_transaction(self, offsets: dict[TopicPartition, OffsetAndMetadata], group: str) -> None:
        """They are committed with the rest."""
        await self._passes("offsets")
        self._under_way().offsets.update({(group, tp): offset for tp, offset in offsets.items()})

    async def commit_transaction(self) -> None:
        """All of it, at once."""
        await self._passes("commit")
        self._under_way()
        self.broker.end_transaction(self.name, committed=True)
        self.transaction = None
        await self._passes("committed")

    def _under_way(self) -> Transaction:
        if self.fenced:
            raise ProducerFenced()
        assert self.transaction is not None, "begin first"
        return self.broker.under_way.setdefault(self.name, self.transaction)

    async def _passes(self, step: str) -> None:
        if self.hold_at == step:
            self.hold_at = None
            self.held = asyncio.get_running_loop().create_future()
            try:
                await self.held
            finally:
                self.held = None
