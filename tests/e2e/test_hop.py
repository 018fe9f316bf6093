"""One hop over a real Kafka, in processes of their own (tests/e2e/toy.py): what was sent is counted exactly once, whatever happens to the workers.

Each number is sent once. A row holds the numbers that its key has seen, so a lost one is missing and a row that went back is smaller than before.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.brokers import Brokers
from streams.checkpoint import WHOLE_BYTES
from streams.cluster import admin, delete
from streams.exits import Exit
from tables.stores import RocksStore
from tests.stack import ROOT, Stack

PARTITIONS, KEYS = 4, 50
TAKEN = f"hop hours: fenced {PARTITIONS} partitions"
"""What a worker says that has them all."""


class Field:
    """Topics of this test's own, and the workers on them."""

    def __init__(self, stack: Stack, name: str, folder: Path) -> None:
        self.stack, self.folder, self.prefix = stack, folder, f"{name}-"
        self.environ = stack.environ | {
            "WATTFALL_APP": name,
            "WATTFALL_TOPIC_PREFIX": self.prefix,
            "WATTFALL_PARTITIONS": str(PARTITIONS),
            "WATTFALL_CHECKPOINT_HOURS_S": "0.3",
            "WATTFALL_SESSION_TIMEOUT_S": "4",
        }
        self.table = f"{self.prefix}{name}-e1-hours-table"
        self.running: list[subprocess.Popen[bytes]] = []
        self.sent = 0
        assert self.command("-m", "agents", "topics", "create") == 0

    def command(self, *arguments: str, **environ: str) -> int:
        return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self.environ | environ, check=False, stdout=subprocess.DEVNULL).returncode

    def worker(self, name: str, **environ: str) -> subprocess.Popen[bytes]:
        own = {"WATTFALL_STATE_DIR": str(self.folder / name)}
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen([sys.executable, "-m", "tests.e2e.toy"], cwd=ROOT, env=self.environ | own | environ, stdout=log, stderr=log)
        self.running.append(child)
        return child

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def await_log(self, name: str, text: str, limit_s: float = 30.0) -> None:
        """Until a worker has said so."""
        limit = time.monotonic() + limit_s
        while text not in self.log(name):
            assert time.monotonic() < limit, f"{name} did not say {text!r} within {limit_s:g} s: {self.log(name)}"
            time.sleep(0.05)

    def send(self, count: int) -> None:
        asyncio.run(self._send(count))

    async def _send(self, count: int) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.stack.brokers, enable_idempotence=True, linger_ms=5) as producer:
            for number in range(self.sent, self.sent + count):
                await producer.send(f"{self.prefix}readings", key=b"k%d" % (number % KEYS), value=b"%d" % number)
        self.sent += count

    def send_values(self, *values: bytes | None) -> None:
        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.stack.brokers) as producer:
                for value in values:
                    await producer.send(f"{self.prefix}readings", key=b"k0", value=value, headers=[("own", b"header")], partition=0)

        asyncio.run(send())

    def records(self, *topics: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything committed, in order within a partition."""
        return asyncio.run(self._records(topics))

    async def _records(self, topics: tuple[str, ...]) -> list[ConsumerRecord[bytes, bytes]]:
        tps = [TopicPartition(topic, partition) for topic in topics for partition in range(PARTITIONS)]
        found: list[Any] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.stack.brokers, isolation_level="read_committed", fetch_max_wait_ms=20) as consumer:
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            ends = await consumer.end_offsets(tps)
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for records in (await consumer.getmany(timeout_ms=50)).values():
                    found += records
        return found

    def state(self) -> tuple[dict[bytes, set[int]], Counter[str]]:
        """The table's rows and the outcomes; on the way, that no row ever lost a number."""
        rows: dict[bytes, set[int]] = {}
        positions: dict[bytes, Counter[str]] = {}
        for record in self.records(self.table):
            key, value = record.key or b"", record.value or b""
            if key.startswith(b"\0position"):
                positions[key] = Counter(orjson.loads(value)["outcomes"])
            elif not key.startswith(b"\0"):
                row = set(orjson.loads(value))
                assert rows.get(key, set()) <= row, f"{key!r} lost numbers at {record.partition}/{record.offset}"
                rows[key] = row
        return rows, sum(positions.values(), Counter())

    def assert_stores_are_copies(self, name: str) -> None:
        """The local stores of a worker that is gone hold what was committed up to their offset, and nothing else."""
        folders = [file.parent for file in (self.folder / name).rglob("CURRENT")]
        assert len(folders) == PARTITIONS
        committed = self.records(self.table)
        for folder in folders:
            store = RocksStore(folder, time.time)
            rows, offset = dict(store.items()), -1 if store.offset is None else store.offset
            store.close()
            copied = {record.key: record.value for record in committed if record.partition == int(folder.name) and record.offset <= offset}
            assert rows == copied, "the store is no copy of what was committed"

    def await_counted(self, limit_s: float = 40.0) -> None:
        """Until everything sent is in a checkpoint, exactly once."""
        limit = time.monotonic() + limit_s
        while True:
            rows, outcomes = self.state()
            seen = sum(map(len, rows.values()))
            if seen == self.sent:
                assert (outcomes["counted"], outcomes["duplicate"]) == (self.sent, 0), f"the counters are not of these rows: {outcomes}"
                totals = {record.key: int(record.value or 0) for record in self.records(f"{self.prefix}hours")}
                assert totals == {key: len(row) for key, row in rows.items()}
                return
            assert time.monotonic() < limit, f"{seen} of {self.sent} counted after {limit_s:g} s; outcomes {outcomes}"
            time.sleep(0.3)

    def stop(self) -> None:
        for child in self.running:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.kill()
                child.wait()


@pytest.fixture
def field(stack: Stack, own_name: str, tmp_path: Path) -> Iterator[Field]:
    made = Field(stack, own_name, tmp_path)
    try:
        yield made
    finally:
        made.stop()


def test_everything_is_counted_once_and_a_stop_leaves_nothing_behind(field: Field) -> None:
    worker = field.worker("a")
    field.send(2_000)
    field.await_counted()
    field.send(500)
    time.sleep(0.2)
    worker.terminate()
    assert worker.wait(20) == Exit.STOPPED
    field.worker("b")
    field.await_counted()


def test_a_stop_makes_the_last_checkpoint(field: Field) -> None:
    field.send(2_000)
    worker = field.worker("a", WATTFALL_CHECKPOINT_HOURS_S="60", WATTFALL_FAULT="pause:after_fold:0")
    field.await_log("a", "fault at after_fold: held")
    folds = -1
    while folds != field.log("a").count("held"):
        folds = field.log("a").count("held")
        time.sleep(0.5)
    assert field.state() == ({}, Counter()), "nothing of it is durable yet"
    worker.terminate()
    assert worker.wait(20) == Exit.STOPPED
    field.await_counted(limit_s=0)


def test_refusals_keep_the_original_and_say_why(field: Field) -> None:
    field.worker("a")
    field.send_values(b"bad", b"7", b"old")
    field.sent = 1
    field.await_counted()
    (rejected,) = field.records(f"{field.prefix}rejected")
    source = f"{field.prefix}readings/0/0".encode()
    assert (rejected.partition, rejected.key, rejected.value) == (0, source + b" json.syntax", b"bad")
    why = [("reason", b"json.syntax"), ("detail", b"not a number"), ("source", source), ("key", b"k0")]
    assert list(rejected.headers) == [("own", b"header"), *why]
    (late,) = field.records(f"{field.prefix}late")
    assert (late.value, dict(late.headers)["reason"]) == (b"old", b"late")
    assert field.state()[1] == {"counted": 1, "rejected": 1, "late": 1}


class NoText(str):
    """A header's name in another encoding than the protocol's."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return self.__str__().encode("latin-1")


def test_nothing_that_a_producer_may_send_stops_the_log(field: Field) -> None:
    """A value that packs so well that we could not write it again, and a header that is no text."""
    worker = field.worker("a")
    large = b"bad" + b"7" * (4 * 1024 * 1024)

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=field.stack.brokers, compression_type="gzip", max_request_size=8 * 1024 * 1024) as producer:
            await producer.send_and_wait(f"{field.prefix}readings", key=b"k0", value=large, partition=0)
            batch = producer.create_batch()
            batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1 << 20)
            for value in (b"0", b"bad"):
                batch.append(key=b"k0", value=value, timestamp=None, headers=[(NoText("größe"), b"x")])
            await (await producer.send_batch(batch, f"{field.prefix}readings", partition=0))

    asyncio.run(send())
    field.sent = 1
    field.await_counted()
    first, second = field.records(f"{field.prefix}rejected")
    assert (first.value, dict(first.headers)["truncated"]) == (large[:WHOLE_BYTES], b"%d" % (len(b"k0") + len(large)))
    assert (second.value, second.headers[0]) == (b"bad", ("gr\\xf6\\xdfe", b"x"))
    assert worker.poll() is None


def test_a_zombie_is_shut_out_before_its_successor_has_written_anything(field: Field) -> None:
    """What it holds in memory is not durable, and the successor, who reads it again, has not made it so."""
    zombie = field.worker("a", WATTFALL_FAULT="pause:after_fold:3")
    field.await_log("a", TAKEN)
    field.send_values(b"0")
    field.sent = 1
    field.await_log("a", "fault at after_fold: held")
    os.kill(zombie.pid, signal.SIGSTOP)
    successor = field.worker("b", WATTFALL_CHECKPOINT_HOURS_S="3600", WATTFALL_FAULT="pause:after_fold:0.1")
    field.await_log("b", "fault at after_fold: held")
    os.kill(zombie.pid, signal.SIGCONT)
    limit = time.monotonic() + 20
    while zombie.poll() is None:
        assert not field.records(field.table), "the zombie has written"
        assert time.monotonic() < limit, field.log("a")
    assert zombie.returncode == Exit.FENCED, field.log("a")
    assert not field.records(field.table), "the zombie has written"
    successor.terminate()
    assert successor.wait(20) == Exit.STOPPED
    field.await_counted()


@pytest.mark.parametrize("point", ["before_commit:3", "before_store:2"])
def test_a_crash_at_a_point(field: Field, point: str) -> None:
    """With static membership: whoever comes back under its name need not wait for the session to end."""
    field.send(300)
    first = field.worker("a", WATTFALL_FAULT=point, WATTFALL_MEMBER="a")
    field.send(300)
    assert first.wait(30) == -signal.SIGKILL
    field.assert_stores_are_copies("a")
    field.send(100)
    field.worker("a", WATTFALL_MEMBER="a")
    field.await_counted()


def test_a_group_that_was_dealt_nothing_is_dealt_anew_once_the_topics_are_known(field: Field) -> None:
    """As after a broker's start, when its first answers do not have all topics yet: whoever deals them out then deals out nothing."""
    go = field.folder / "go"
    field.worker("a", TOY_WAITS=str(go))
    field.await_log("a", "toy: waits")
    asyncio.run(forget(field, f"{field.prefix}readings", field.table))
    go.touch()
    field.await_log("a", "recovering 0 partitions")
    assert field.command("-m", "agents", "topics", "create") == 0
    field.send(100)
    field.await_counted()


def test_a_stalled_agent_stops_the_fetching(field: Field) -> None:
    worker = field.worker("a", TOY_STALLS="1")
    field.send(1_000)
    field.await_log("a", "taking from")
    before = resident(worker.pid)
    field.send(300_000)
    time.sleep(1)  # nothing is to happen: whoever did not stop has fetched most of it while it was sent
    assert worker.poll() is None
    assert resident(worker.pid) - before < 40 * 1024 * 1024


def resident(pid: int) -> int:
    """A process's memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_other_rules_are_refused(field: Field) -> None:
    first = field.worker("a")
    field.send(50)
    field.await_counted()
    first.terminate()
    first.wait(20)
    second = field.worker("a", WATTFALL_HOLD_S="30")
    assert second.wait(30) == Exit.RULES_CHANGED
    assert "WATTFALL_HOLD_S (rule hold_ms) was 60000, now 30000" in field.log("a")


def test_a_range_that_retention_removed_is_reported_before_anything_is_counted(field: Field) -> None:
    first = field.worker("a")
    field.send(400)
    field.await_counted()
    first.terminate()
    first.wait(20)
    field.send(400)
    asyncio.run(remove(field, f"{field.prefix}readings"))
    second = field.worker("a")
    assert second.wait(30) == Exit.LOST_RANGE
    assert "WATTFALL_LOST_RANGE=continue" in field.log("a")
    field.worker("a", WATTFALL_LOST_RANGE="continue")
    field.sent = 400
    limit = time.monotonic() + 30
    while field.state()[1]["lost"] != 400 and time.monotonic() < limit:
        time.sleep(0.3)
    assert field.state()[1] == {"counted": 400, "lost": 400}


async def forget(field: Field, *topics: str) -> None:
    """The brokers know these topics no more."""
    async with admin(Brokers((field.stack.brokers,))) as client:
        await delete(client, topics)


async def remove(field: Field, topic: str) -> None:
    """Removes every record of a topic, as retention does."""
    async with admin(Brokers((field.stack.brokers,))) as client:
        await client.delete_records({TopicPartition(topic, partition): RecordsToDelete(-1) for partition in range(PARTITIONS)})
