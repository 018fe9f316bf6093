"""`python -m local up`: what a person, and every other test, relies on."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from local import jars, runtime
from tests.stack import ROOT, NotStarted, OwnStack, Stack, clean_environ, running

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

VARIABLES = {"WATTFALL_BROKERS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def lives(pid: int) -> bool:
    """A process that has ended and was not collected yet does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")


def await_gone(*pids: int, limit_s: float = 25.0) -> None:
    limit = time.monotonic() + limit_s
    while any(map(lives, pids)):
        assert time.monotonic() < limit, f"of {pids} some still live after {limit_s} s"
        time.sleep(0.05)


def pids(stack: Stack) -> tuple[int, int]:
    return stack.pid("kafka"), stack.pid("dynamodb")


def dynamodb(stack: Stack) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        endpoint_url=stack.dynamodb,
        region_name=stack.variables["AWS_REGION"],
        aws_access_key_id=stack.variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=stack.variables["AWS_SECRET_ACCESS_KEY"],
    )


def put(stack: Stack, table: str, text: str) -> None:
    client = dynamodb(stack)
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName=table, Item={"pk": {"S": "one"}, "text": {"S": text}})


def got(stack: Stack, table: str) -> str:
    return dynamodb(stack).get_item(TableName=table, Key={"pk": {"S": "one"}})["Item"]["text"]["S"]


async def produce(stack: Stack, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.brokers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=stack.brokers, transactional_id=topic) as producer, producer.transaction():
        await producer.send_and_wait(topic, value, partition=0)


async def consume(stack: Stack, topic: str) -> bytes:
    tp = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=stack.brokers, isolation_level="read_committed") as consumer:
        consumer.assign([tp])
        await consumer.seek_to_beginning()
        try:
            value: bytes = (await asyncio.wait_for(consumer.getone(), 30)).value
        except TimeoutError:
            where = await consumer.position(tp), consumer.last_stable_offset(tp), consumer.highwater(tp)
            raise AssertionError(f"nothing to be read: position, last stable offset and end are {where}") from None
        return value


def up(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """For what is expected to say no."""
    return subprocess.run(
        [sys.executable, "-m", "local", "up", *arguments],
        cwd=ROOT,
        env=environ or clean_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_both_answer_where_the_printed_line_says(stack: Stack, own_name: str) -> None:
    assert set(stack.variables) == VARIABLES
    await produce(stack, own_name, b"a reading")
    assert await consume(stack, own_name) == b"a reading"
    put(stack, own_name, "a total")
    assert got(stack, own_name) == "a total"


async def test_a_stopped_stack_comes_back_where_it_was_with_what_it_had(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        first = stack.variables
        await produce(stack, "kept", b"a reading")
        put(stack, "kept", "a total")
    with running(tmp_path / "state") as stack:
        assert stack.variables == first
        assert await consume(stack, "kept") == b"a reading"
        assert got(stack, "kept") == "a total"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_cleanly_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "state") as stack:
        children = pids(stack)
        stack.process.send_signal(number)
        assert stack.process.wait(timeout=30) == 0
        assert not any(map(lives, children))
        assert not (stack.state / "pids.json").exists()
        assert (tmp_path / "state.stderr").read_text() == ""


def test_a_broker_that_is_held_up_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        children = pids(stack)
        stack.signal_broker(signal.SIGSTOP)
        stack.process.terminate()
        assert stack.process.wait(timeout=30) == 0
        assert not any(map(lives, children))


def test_sigkill_leaves_no_orphan_and_the_folder_can_be_used_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        children, first = pids(stack), stack.variables
        stack.process.kill()
        stack.process.wait()
        with running(tmp_path / "state") as successor:
            assert not any(map(lives, children))
            assert successor.variables == first
    await_gone(*children)


def test_without_its_guard_nothing_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        children = pids(stack)
        os.kill(os.getpgid(children[0]), signal.SIGKILL)
        assert stack.process.wait(timeout=30) == 1
        assert "the guard process was killed" in (tmp_path / "state.stderr").read_text()
        await_gone(*children)


def test_a_second_one_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        second = up("--state", str(tmp_path / "state"))
        assert second.returncode == 2
        assert second.stdout == ""
        assert f"another stack runs on this folder (process {stack.process.pid})" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert all(map(lives, pids(stack)))


def test_a_broker_that_dies_ends_the_stack_with_the_end_of_its_log(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        children = pids(stack)
        stack.signal_broker(signal.SIGKILL)
        assert stack.process.wait(timeout=30) == 1
        said = (tmp_path / "state.stderr").read_text()
        assert f"kafka ended by itself (SIGKILL); the end of {stack.state / 'kafka.log'}:" in said
        assert "controller activation" in said
        assert not any(map(lives, children))


async def test_with_respawn_a_broker_that_dies_comes_back_on_the_same_port(fresh_stack: OwnStack) -> None:
    await produce(fresh_stack, "kept", b"a reading")
    assert await consume(fresh_stack, "kept") == b"a reading", "now its transaction's marker is there, too"
    killed = fresh_stack.signal_broker(signal.SIGKILL)
    fresh_stack.await_other_broker(killed)
    assert await consume(fresh_stack, "kept") == b"a reading"
    assert fresh_stack.process.poll() is None


def test_a_port_that_somebody_else_took_is_named(tmp_path: Path) -> None:
    with running(tmp_path / "state") as stack:
        port = int(stack.brokers.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(NotStarted) as refused, running(tmp_path / "state"):
        pass
    assert f"exit code 2: local: port {port}, where this stack had its broker, is taken by another program" in str(refused.value)


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = up("--state", str(tmp_path / "file"))
    assert (refused.returncode, refused.stderr) == (2, f"local: --state {tmp_path / 'file'}: File exists\n")


def test_a_new_machine_needs_nothing_but_the_jars(tmp_path: Path) -> None:
    """An empty home folder with a Maven repository that has all jars but two: one is missing, one is not what it should be."""
    known = runtime.prepare().jars
    repository = tmp_path / ".m2" / "repository"
    smallest = sorted(zip(jars.locked(), known, strict=True), key=lambda pair: pair[1].stat().st_size)
    for jar, file in smallest[1:]:
        (repository / jar.path).parent.mkdir(parents=True)
        shutil.copyfile(file, repository / jar.path)
    damaged = repository / smallest[1][0].path
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

    environ = {**clean_environ(), "HOME": str(tmp_path), "WATTFALL_CACHE": "", "XDG_CACHE_HOME": ""}
    said = subprocess.run([sys.executable, "-m", "local", "fetch"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=True)

    (made,) = (tmp_path / ".cache" / "wattfall").iterdir()
    assert sorted(os.listdir(made)) == ["jars", "kafka.aot", "lock"]
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in (made / "jars").iterdir()} == {jar.sha256 for jar in jars.locked()}
    assert "fetching 45 jars" in said.stderr and said.stdout == ""


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    environ = {**clean_environ(), "HOME": str(tmp_path), "WATTFALL_CACHE": str(tmp_path / "cache"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    refused = up("--state", str(tmp_path / "state"), environ=environ)
    assert refused.returncode == 2
    assert "is the network there?" in refused.stderr and "Traceback" not in refused.stderr
