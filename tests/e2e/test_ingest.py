"""`python -m ingest` as a process of its own against a real Kafka: what is in the file is in the topic, once and in order."""

from __future__ import annotations

import csv
import gzip
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import TopicPartition

from tests.stack import ROOT, Stack, clean_environ

DATA = ROOT / "tests" / "data"
PARTITIONS = 5
LIMIT_S = 60


def ingest(*argv: str | Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ingest", *map(str, argv)]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Its exit code and the last line that it said."""
    _, said = process.communicate(timeout=LIMIT_S)
    return process.returncode, said.decode().splitlines()[-1]


async def environ_with_topic(stack: Stack, name: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.brokers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(f"{name}-readings", PARTITIONS, 1)])
        assert [error[1] for error in answer.topic_errors] == [0]
    finally:
        await admin.close()
    return {**stack.environ, "WATTFALL_TOPIC_PREFIX": f"{name}-"}


async def in_topic(stack: Stack, name: str) -> dict[int, list[tuple[str, dict[str, object]]]]:
    """Key and value of all that is in the topic now, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.brokers, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(f"{name}-readings", number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[int, list[tuple[str, dict[str, object]]]] = defaultdict(list)
        while [partition for partition in partitions if await consumer.position(partition) < ends[partition]]:
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                found[partition.partition] += [(record.key.decode(), orjson.loads(record.value)) for record in records]
        return found
    finally:
        await consumer.stop()


def in_file(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Time in ms and power of each device's readings, as the file has them."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            found[row["device"]].append((int(row["at"]) * 1000, int(row["power_w"])))
    return found


def by_device(topic: dict[int, list[tuple[str, dict[str, object]]]]) -> dict[str, list[tuple[object, object]]]:
    found: dict[str, list[tuple[object, object]]] = defaultdict(list)
    for partition, records in topic.items():
        for key, value in records:
            assert key == value["device"]
            assert partition == DefaultPartitioner()(key.encode(), list(range(PARTITIONS)), [])
            found[key].append((value["at"], value["power_w"]))
    return found


async def test_what_is_in_the_files_is_in_the_topic_once_and_in_order(stack: Stack, own_name: str) -> None:
    environ = await environ_with_topic(stack, own_name)
    files = DATA / "house_6s.csv.gz", DATA / "appliances_6s.csv.gz"
    assert ended(ingest(*files, environ=environ)) == (0, "140,148 readings sent, 0 failed")
    assert by_device(await in_topic(stack, own_name)) == in_file(files[0]) | in_file(files[1])


async def test_many_readings_in_a_message_are_the_same_readings(stack: Stack, own_name: str) -> None:
    environ = await environ_with_topic(stack, own_name)
    path = DATA / "appliances_6s.csv.gz"
    assert ended(ingest("--batch", "300", path, environ=environ)) == (0, "76,651 readings sent, 0 failed")
    found = by_device(await in_topic(stack, own_name))
    apart = {device: [pair for ats, powers in batches for pair in zip(ats, powers, strict=True)] for device, batches in found.items()}  # type: ignore[call-overload]
    assert apart == in_file(path)
    assert {len(batches) for batches in found.values()} <= {-(-len(readings) // 300) for readings in in_file(path).values()}


async def test_a_broker_that_dies_on_the_way_costs_no_reading_and_doubles_none(fresh_stack: Stack, own_name: str) -> None:
    environ = await environ_with_topic(fresh_stack, own_name)
    path = DATA / "appliances_6s.csv.gz"
    process = ingest("--speed", "5000", path, environ=environ)  # seven hours in five seconds
    while not await in_topic(fresh_stack, own_name):
        assert process.poll() is None
    fresh_stack.await_other_broker(than=fresh_stack.signal_broker(signal.SIGKILL))
    assert process.poll() is None, "it was over before the broker was back: nothing was tried"
    assert ended(process) == (0, "76,651 readings sent, 0 failed")
    assert by_device(await in_topic(fresh_stack, own_name)) == in_file(path)


async def test_a_pipe_is_sent_as_it_comes_and_bad_lines_are_named(stack: Stack, own_name: str) -> None:
    environ = await environ_with_topic(stack, own_name)
    process = ingest("-", environ=environ)
    assert process.stdin is not None
    process.stdin.write(b'{"device":"a","at":1,"power_w":1}\n')
    process.stdin.flush()
    while not (found := await in_topic(stack, own_name)):  # though the pipe is still open
        assert process.poll() is None
    assert [value for records in found.values() for _, value in records] == [{"device": "a", "at": 1, "power_w": 1}]
    _, said = process.communicate(b'nonsense\n{"device":"b","at":"x"}\n{"at":5}\n', timeout=LIMIT_S)
    lines = said.decode().splitlines()
    assert process.returncode == 1
    assert lines[0].startswith("stdin:2: not JSON") and lines[1].startswith("stdin:4: names no device"), lines
    assert lines[2:] == ["2 readings sent, 2 failed"]


async def test_interrupted_it_says_how_much_was_sent(stack: Stack, own_name: str) -> None:
    environ = await environ_with_topic(stack, own_name)
    process = ingest("--speed", "60", DATA / "house_6s.csv.gz", environ=environ)
    while not await in_topic(stack, own_name):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, last = ended(process)
    assert code == 130
    sent = sum(len(records) for records in (await in_topic(stack, own_name)).values())
    assert last == f"{sent:,} reading{'' if sent == 1 else 's'} sent, 0 failed"


def test_a_topic_that_is_missing_is_said_and_not_made(stack: Stack, own_name: str) -> None:
    code, last = ended(ingest(DATA / "house_6s.csv.gz", environ={**stack.environ, "WATTFALL_TOPIC_PREFIX": f"{own_name}-"}))
    assert code == 2
    assert re.search(rf"WATTFALL_BROKERS={stack.brokers}: there is no topic '{own_name}-readings'", last)


def test_a_broker_that_does_not_answer_is_given_up_after_ten_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        broker = f"127.0.0.1:{mute.getsockname()[1]}"
        began = time.monotonic()
        code, last = ended(ingest(DATA / "house_6s.csv.gz", environ={**clean_environ(), "WATTFALL_BROKERS": broker}))
    assert (code, last) == (2, f"ingest: WATTFALL_BROKERS={broker}: no answer within 10 s")
    assert 9 < time.monotonic() - began < 20
