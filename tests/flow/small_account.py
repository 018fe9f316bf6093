"""What must hold in a small waterfall: at any moment, and when everything is quiet."""

from __future__ import annotations

from collections import Counter
from typing import Final

from aiokafka.structs import TopicPartition

from dynamodb.items import total_from_item
from metering.erase import erase_from_json
from metering.rules import Rules
from metering.total import Grain, Total
from metering.wire import total_from_json, total_key
from streams.batch import Record
from streams.position import Position, position_key
from tests.flow.small_meters import Sending
from tests.flow.small_sinks import SINKS
from tests.flow.small_worker import PARTITIONS, PLACES, SOURCES, table_of
from tests.folding import indexes
from tests.memory_dynamodb import Item, Key, MemoryClient
from tests.memory_kafka import Broker
from tests.oracle import Message, Oracle
from tests.oracle_reading import partition_of

ALL: Final = 1 << 20
"""More positions than any log has."""
GRAINS: Final = dict(zip(SOURCES, Grain, strict=True))
"""By level topic: what its totals are of."""
WRITTEN: Final = [TopicPartition(topic, partition) for hop, partition in PLACES for topic in (hop, table_of(hop))]
"""What checkpoints write, without what they refuse."""


class Witness(MemoryClient):
    """Sees every change of an item: a version only grows."""

    def keep(self, key: Key, item: Item) -> None:
        before = self.items.get(key)
        assert before is None or version(before) < version(item), f"{key} goes back from {version(before)} to {version(item)}"
        super().keep(key, item)


def version(item: Item) -> tuple[int, int]:
    return int(item["e"]["N"]), int(item["o"]["N"])


class Account:
    """What was produced, what the oracle makes of it, and what everybody says that it has done."""

    def __init__(self, rules: Rules, broker: Broker, client: MemoryClient) -> None:
        self.broker, self.client = broker, client
        self.oracles = [Oracle(rules) for _ in range(PARTITIONS)]
        self.outcomes = [[Counter[str]()] for _ in range(PARTITIONS)]
        self.seen: Counter[TopicPartition] = Counter()
        self.stored: Counter[TopicPartition] = Counter()
        self.positions: Counter[TopicPartition] = Counter()
        self.counted: dict[TopicPartition, Counter[str]] = {}
        self.told: Counter[TopicPartition] = Counter()  # totals in a level topic
        self.first: Counter[TopicPartition] = Counter()  # of these, each that was the first of its period, or the first since an erase
        self.newest: dict[tuple[str, Grain, int], Total] = {}

    def take(self, sending: Sending, timestamp: int) -> None:
        """One more record in the readings' log; every reading in it becomes exactly one of counted, duplicate, corrected, rejected and late."""
        partition, oracle = sending.partition, self.oracles[sending.partition]
        headers = [(name, b"") for name in sending.headers]
        offset = self.broker.append(TopicPartition("readings", partition), sending.key, sending.value, timestamp, headers)
        oracle.add(Message(sending.key, sending.value, timestamp, offset, partition, PARTITIONS, sending.headers))
        self.outcomes[partition].append(Counter(oracle.outcomes))
        assert oracle.outcomes.total() == self.outcomes[partition][-2].total() + sending.readings

    def look(self) -> None:
        """At what was committed since: positions and versions grow, each count is exact, and what a sink has committed is stored."""
        for tp in WRITTEN:
            records, self.seen[tp] = self.broker.fetch(tp, self.seen[tp], ALL)
            for record in records:
                if tp.topic in SOURCES:
                    self._told(tp, record)
                elif record.key == position_key(tp.partition):
                    self._position(tp, Position.decode(record.value))
        for level, partition in PLACES:
            self._stored(TopicPartition(level, partition))

    def _position(self, table: TopicPartition, kept: Position) -> None:
        assert kept.position >= self.positions[table], f"{table} goes back to {kept.position}"
        self.positions[table], self.counted[table] = kept.position, Counter(kept.outcomes)
        if table.topic == table_of("hours"):
            assert kept.outcomes == self.outcomes[table.partition][kept.position], f"{table} at {kept.position}"

    def _told(self, tp: TopicPartition, record: Record) -> None:
        erase = erase_from_json(record.key, record.value)
        if erase is not None:
            self.newest = {key: total for key, total in self.newest.items() if key[:2] != (erase.device, GRAINS[tp.topic])}
        elif record.value is not None:
            self._total(tp, record.key, total_from_json(record.value))

    def _total(self, tp: TopicPartition, key: bytes, total: Total) -> None:
        held = self.newest.get((total.device, total.grain, total.start))
        self.told[tp] += 1
        self.first[tp] += held is None
        assert key == total_key(total.device, total.start) and tp.partition == partition_of(total.device.encode(), PARTITIONS)
        assert held is None or held.version < total.version and held.content != total.content, f"{total} after {held}"
        self.newest[total.device, total.grain, total.start] = total

    def _stored(self, tp: TopicPartition) -> None:
        committed = self.broker.committed.get((SINKS, tp))
        if committed is None or committed.offset == self.stored[tp]:
            return
        assert committed.offset > self.stored[tp], f"the commit of {tp} goes back"
        items = {(found.device, found.grain, found.start): found for found in map(total_from_item, self.client.items.values())}
        for record in self.broker.fetch(tp, self.stored[tp], committed.offset - self.stored[tp])[0]:
            erase = erase_from_json(record.key, record.value)
            if erase is not None:
                of_device = [found for found in items.values() if (found.device, found.grain) == (erase.device, GRAINS[tp.topic])]
                left = [found for found in of_device if not found.absent and found.version <= (erase.epoch, erase.offset)]
                assert not left, f"{tp} is committed up to {committed.offset}, but {left[0]} is of before {erase}"
            if record.value is None or erase is not None:
                continue
            total = total_from_json(record.value)
            held = items.get((total.device, total.grain, total.start))
            assert held is not None and held.version >= total.version, f"{tp} is committed up to {committed.offset}, but {total} is not stored"
        self.stored[tp] = committed.offset

    def settle(self) -> None:
        """Nobody has anything left to do: what is kept is what the oracle says, nothing more and nothing less."""
        self.look()
        expected = {key: total.content for oracle in self.oracles for key, total in oracle.totals().items() if not total.absent}
        stored = {(found.device, found.grain, found.start): found for found in map(total_from_item, self.client.items.values())}
        assert {key: total.content for key, total in stored.items() if not total.absent} == expected
        for partition, oracle in enumerate(self.oracles):
            assert self.positions[TopicPartition(table_of("hours"), partition)] == len(self.broker.logs[TopicPartition("readings", partition)])
            assert self._refused("rejected", partition) == sorted(oracle.rejected, key=str)
            assert self._refused("late", partition) == sorted([(offset, "late", places) for offset, places in oracle.late], key=str)
        for hop, partition in PLACES:
            if hop != "hours":
                self._parts(TopicPartition(table_of(hop), partition), TopicPartition(SOURCES[hop], partition))

    def _parts(self, table: TopicPartition, source: TopicPartition) -> None:
        """Each total of the level below was counted once, and whatever came after it corrected it. Compaction may have taken some of them before."""
        outcomes = self.counted.get(table, Counter())
        keys = {(total.device, total.start) for total in self.newest.values() if total.grain is GRAINS[source.topic]}
        known = sum(partition_of(device.encode(), PARTITIONS) == source.partition for device, _ in keys)
        assert self.positions[table] == len(self.broker.logs[source])
        assert outcomes.keys() <= {"counted", "corrected"}, f"{table}: {outcomes}"
        assert known <= outcomes["counted"] <= self.first[source] and outcomes.total() <= self.told[source], f"{table}: {outcomes}"

    def _refused(self, topic: str, partition: int) -> list[tuple[int, str, list[int] | None]]:
        found = []
        for record in self.broker.records(TopicPartition(topic, partition)):
            headers = dict(record.headers)
            why = {name: headers[name].decode() for name in ("source", "reason", "index") if name in headers}
            offset = int(why["source"].removeprefix(f"readings/{partition}/"))
            original = self.broker.logs[TopicPartition("readings", partition)][offset].record
            assert original is not None and record.value == original.value
            assert headers.get("key") == original.key
            found.append((offset, why["reason"], indexes(why.get("index"))))
        return sorted(found, key=str)
