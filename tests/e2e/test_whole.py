"""The whole product as a user runs it: real readings through `ingest`, `worker` and `lag` to `export`, against the oracle; and a user's mistakes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import boto3
import pytest

from streams.exits import Exit
from tests.faults.verdict import judge
from tests.faults.workers import Ran, deployment, until
from tests.stack import ROOT, Stack

DATA = ROOT / "tests" / "data"
SAMPLE = DATA / "house_6s.csv.gz"
READINGS = 63_497
TELEGRAMS = 18
NOBODY = "127.0.0.1:1"
STOP_S = 20.0
MISTAKE_S = 20.0


def children(pid: int) -> list[int]:
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in said.split()]


def lives(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")


async def test_real_readings_from_file_to_export(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE="Europe/London") as here:
        await here.must("agents", "topics", "create")
        await here.must("dynamodb", "create")
        assert "0 things wrong" in await here.must("agents", "topics", "check")
        worker = await here.seat("worker").start()
        await here.must("ingest", str(SAMPLE))
        await here.must("ingest", "--no-checksum", str(DATA / "dsmr_p1_1s.txt"))
        await here.must("ingest", "--no-checksum", "--batch", "18", str(DATA / "dsmr_p1_1s.txt"))
        await here.must("agents", "lag", "--wait", "60", limit_s=75)
        assert await worker.term(STOP_S) == 0, worker.tail
        verdict = await judge(here)
        assert verdict.outcomes["counted"] == READINGS + TELEGRAMS
        assert verdict.outcomes["duplicate"] >= TELEGRAMS

        assert (await here.run("agents", "lag")).code == 0
        for role in ("waterfall", "sinks"):
            changes = {"WATTFALL_RESTATE_HOURS": "7", "WATTFALL_STATE_DIR": str(tmp_path / "worker-0")}
            other = await here.run("agents", role, changes=changes)
            assert other.code == Exit.RULES_CHANGED, other.err
            assert "WATTFALL_RESTATE_HOURS (rule restate_ms) was 259200000, now 25200000" in other.err and "epoch" in other.err
            one_line_at_last(other)


async def test_a_worker_that_is_killed_takes_its_roles_along(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.create()
        worker = await here.seat("worker").start()
        await worker.says("waterfall: taking from", "sinks: taking from")
        roles = children(worker.pid)
        assert len(roles) == 2
        second = await here.run("agents", "waterfall", changes=worker.changes, limit_s=MISTAKE_S)
        mistake(second, "WATTFALL_STATE_DIR", "in use by another worker")
        await worker.kill()
        await until(lambda: not any(map(lives, roles)), 10.0, lambda: f"{roles} outlive the worker:\n{worker.tail}")
        await worker.start()
        await worker.says("waterfall: taking from", "sinks: taking from")
        os.kill(children(worker.pid)[0], signal.SIGKILL)
        assert await worker.ended(STOP_S) == 128 + signal.SIGKILL, "a role that ends takes the other along, and its code is the worker's"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"WATTFALL_ZONE": "Mars/Olympus"}, ("WATTFALL_ZONE", "Mars/Olympus", "Europe/Amsterdam")),
        ({"WATTFALL_BROKERS": "kafka"}, ("WATTFALL_BROKERS", "kafka", "host:port")),
        ({"WATTFALL_CHECKPOINT_HOURS_S": "soon"}, ("WATTFALL_CHECKPOINT_HOURS_S", "soon", "seconds")),
        ({"WATTFALL_FAULT": "nowhere"}, ("WATTFALL_FAULT", "nowhere")),
        ({"WATTFALL_TOPIC_PREFIX": "none-"}, ("none-readings", "python -m agents topics create")),
        ({"WATTFALL_TABLE_DAYS": "none-days"}, ("none-days", "python -m dynamodb create")),
        ({"AWS_REGION": ""}, ("AWS_REGION",)),
        ({"WATTFALL_STATE_DIR": "/dev/null/state"}, ("WATTFALL_STATE_DIR", "/dev/null/state")),
    ],
    ids=lambda given: next(iter(given)) + "=" + next(iter(given.values())) if isinstance(given, dict) else "",
)
async def test_a_mistake_is_said_once_and_ends_the_worker(
    stack: Stack, own_name: str, tmp_path: Path, changes: dict[str, str], said: tuple[str, ...]
) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        if any(name in changes for name in ("WATTFALL_TABLE_DAYS", "AWS_REGION", "WATTFALL_STATE_DIR")):
            await here.create()
        began = time.monotonic()
        ran = await here.run("agents", "worker", changes={"WATTFALL_STATE_DIR": str(tmp_path / "state"), **changes})
        assert time.monotonic() - began < MISTAKE_S
        mistake(ran, *said)


@pytest.mark.parametrize(
    "arguments", [("agents", "topics", "create"), ("agents", "topics", "check"), ("agents", "lag"), ("ingest", str(SAMPLE))], ids=" ".join
)
async def test_a_command_without_a_broker_says_so(stack: Stack, own_name: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    async with deployment(stack, own_name, tmp_path, WATTFALL_BROKERS=NOBODY) as here:
        ran = await here.run(*arguments, limit_s=MISTAKE_S)
        assert ran.code == Exit.CONFIGURATION and NOBODY in ran.err
        one_line_at_last(ran)


async def test_a_worker_waits_for_a_broker_and_not_longer_than_its_parent(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path, WATTFALL_BROKERS=NOBODY) as here:
        worker = await here.seat("worker").start()
        line = f"waiting: WATTFALL_BROKERS={NOBODY}: no broker answers"
        await worker.says(line, limit_s=8.0)
        await asyncio.sleep(5.0)
        assert 1 <= worker.words.count(line) <= 2 and len(worker.words.splitlines()) <= 2, worker.words  # each role says it once
        assert await worker.term(STOP_S) == 0
        await worker.start()
        await until(lambda: len(children(worker.pid)) == 2, 10.0, lambda: worker.tail)
        roles = children(worker.pid)
        await worker.kill()
        await until(lambda: not any(map(lives, roles)), 10.0, lambda: f"{roles} outlive the worker:\n{worker.tail}")


async def test_lag_says_once_that_it_waits_for_the_broker(fresh_stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(fresh_stack, own_name, tmp_path) as here:
        await here.create()
        await here.must("ingest", "--no-checksum", str(DATA / "dsmr_p1_1s.txt"))  # nobody counts it: lag waits
        waiting = asyncio.create_task(here.run("agents", "lag", "--wait", "12", limit_s=60.0))
        await asyncio.sleep(3.0)
        killed = fresh_stack.signal_broker(signal.SIGKILL)
        await asyncio.to_thread(fresh_stack.await_other_broker, killed)
        ran = await waiting
        assert ran.code == Exit.FAILED and "not done after 12 s" in ran.out, ran
        assert ran.err.splitlines() == [f"wattfall: waiting: WATTFALL_BROKERS={fresh_stack.brokers}: no broker answers"]


async def test_a_table_with_other_keys_is_a_mistake(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.create()
        region, key, secret = (stack.variables[f"AWS_{name}"] for name in ("REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
        client = boto3.client("dynamodb", endpoint_url=stack.dynamodb, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret)
        client.create_table(
            TableName=f"{own_name}-other",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        ran = await here.run("agents", "sinks", changes={"WATTFALL_TABLE_DAYS": f"{own_name}-other"}, limit_s=MISTAKE_S)
        mistake(ran, f"{own_name}-other has other keys", "WATTFALL_TABLE_")


async def test_topics_of_unequal_partitions_are_refused(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.must("agents", "topics", "create")
        later = {"WATTFALL_APP": f"{own_name}-later", "WATTFALL_PARTITIONS": "3"}  # has tables of its own, and shares the rest
        assert (await here.run("agents", "topics", "create", changes=later)).code == 0
        mistake(await here.run("agents", "waterfall", changes=later), "same number of partitions", f"{own_name}-readings 4", "3")
        checked = await here.run("agents", "topics", "check", changes=later)
        assert checked.code == Exit.FAILED and "same number of partitions" in checked.out


def mistake(ran: Ran, *said: str) -> None:
    """Exit code 2, and everything said in one line for a person."""
    assert ran.code == Exit.CONFIGURATION, ran.err
    ends = [line["message"] for line in map(json.loads, ran.err.splitlines()) if line.get("exit_code") == ran.code]
    told = [end for end in ends if all(text in end for text in said)]
    assert told, f"{said} is not in:\n{ran.err}"
    one_line_at_last(ran)


def one_line_at_last(ran: Ran) -> None:
    """No stack trace."""
    assert "Traceback" not in ran.err, ran.err
    assert len(ran.err.splitlines()) <= 12, ran.err
