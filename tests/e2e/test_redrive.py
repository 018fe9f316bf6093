"""`python -m agents redrive`: what was refused is sent again and counted, once, whatever happens to a run; what stays bad comes three times."""

from __future__ import annotations

import json
import re
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition

from agents.redrive import COUNT, FROM
from metering.errors import Reason
from metering.partition import partition_of
from streams.batch import Record
from streams.checkpoint import original
from streams.fold import Refusal
from tests.faults.load import misplace
from tests.faults.verdict import ends, judge
from tests.faults.workers import Deployment, deployment, until
from tests.generator import STARTS, Sent
from tests.stack import Stack

ZONE, START = STARTS["plain day"]
MANY = 1_200
"""More than one transaction takes."""
OWN = [("gateway", b"7")]


def redrive(*arguments: str) -> tuple[str, ...]:
    """The command, for all that these tests have sent."""
    return "agents", "redrive", "--since", (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds"), *arguments


def reading(device: str, second: int, power: str = "power_w") -> Sent:
    return sent(device, {"device": device, "at": START + second * 1000, power: 600})


def sent(device: str, value: dict[str, Any]) -> Sent:
    return Sent(device.encode(), json.dumps(value).encode(), 0, ())


async def send(here: Deployment, messages: Iterable[Sent]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=here.stack.brokers) as producer:
        for message in messages:
            await producer.send_and_wait(here.topics.readings, message.value, key=message.key, headers=OWN)


async def refuse(here: Deployment, number: int, first: int = 0) -> None:
    """So many records in the topic rejected, of messages that the readings topic no longer has."""
    async with AIOKafkaProducer(bootstrap_servers=here.stack.brokers) as producer:
        for offset in range(first, first + number):
            key = b"cad-%d" % (offset % 50)
            partition = partition_of(key, here.settings.partitions)
            record: Record = ConsumerRecord("", partition, offset, 0, 0, key, b"{}", None, 0, 0, OWN)
            key, value, headers = original(here.topics.readings, partition, Refusal(record, Reason.VALUE_MISSING, "nothing"))  # type: ignore[assignment]
            await producer.send(here.topics.rejected, value, key=key, headers=headers, partition=partition)


class NoText(str):
    """A header's name in another encoding than the protocol's."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return self.__str__().encode("latin-1")


async def send_no_text(here: Deployment) -> None:
    """A reading with such a header, as any producer may send it."""
    async with AIOKafkaProducer(bootstrap_servers=here.stack.brokers) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1 << 20)
        batch.append(key=b"home", value=b"{}", timestamp=None, headers=[(NoText("größe"), b"x")])
        await (await producer.send_batch(batch, here.topics.readings, partition=0))


async def log(here: Deployment, topic: str) -> list[ConsumerRecord]:
    """All of a topic, partition by partition, once its transactions have ended: a commit is answered before each partition has its marker."""
    found = []
    async with AIOKafkaConsumer(bootstrap_servers=here.stack.brokers, isolation_level="read_committed", auto_offset_reset="earliest") as consumer:
        limits = {TopicPartition(topic, partition): end for partition, end in (await ends(here, topic)).items()}
        consumer.assign(list(limits))
        await consumer.seek_to_beginning()
        while any([await consumer.position(tp) < end for tp, end in limits.items()]):
            for some in (await consumer.getmany(timeout_ms=100)).values():
                found += some
    return sorted(found, key=lambda record: (record.partition, record.offset))


async def again(here: Deployment) -> list[ConsumerRecord]:
    """What the readings topic has from redrive."""
    return [record for record in await log(here, here.topics.readings) if FROM in dict(record.headers)]


async def began(here: Deployment, name: str, fault: str) -> tuple[Process, Path]:
    """A redrive that is held at a point, and what it says."""
    said = here.folder / name
    said.touch()
    process = await here.guard.start((sys.executable, "-m", *redrive()), here.environ | {"WATTFALL_FAULT": fault}, said)
    await until(lambda: "wattfall: fault at" in said.read_text(), 30.0, said.read_text)
    return process, said


async def test_what_was_mended_is_counted_once(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=ZONE) as here:
        await here.create()
        await here.seat("worker").start()
        home = [reading("home", 10 * second, "powr_w" if second in (2, 4) else "power_w") for second in range(6)]
        box = sent("box", {"device": "box", "at": [START, START + 10_000, START + 20_000], "power_w": [1, "2", 3]})
        await send(here, [*home, box])
        await misplace(stack.brokers, here.topics.readings, [reading("astray", 0), reading("astray", 10)], here.settings.partitions)
        await here.done()
        readings, rejected = await log(here, here.topics.readings), here.topics.rejected
        bad = [f"{record.topic}/{record.partition}/{record.offset}" for record in readings if b"powr_w" in record.value]

        dry = await here.must(*redrive("--dry-run"))
        assert dry.splitlines()[1] == f"{rejected}: value.missing: 2 would be sent: {', '.join(bad)}"
        assert dry.splitlines()[3] == f"{rejected}: 5 in all: 5 would be sent"
        assert await log(here, here.topics.readings) == readings

        mended = await here.must(*redrive("--reason", "value.missing", "--fix", "tests.fixes:spelling"))
        assert mended == f"{rejected}: value.missing: 2 sent\n{rejected}: 2 in all: 2 sent\n"
        astray = await here.must(*redrive("--reason", "partition.mismatch"))
        assert astray == f"{rejected}: partition.mismatch: 2 sent\n{rejected}: 2 in all: 2 sent\n"
        await here.done()
        found = await again(here)
        mine = [record for record in found if record.key == b"home"]
        assert [(record.value, *record.headers) for record in mine] == [
            (reading("home", at).value, *OWN, (COUNT, b"1"), (FROM, source.encode())) for at, source in zip((20, 40), bad, strict=True)
        ]
        assert all(record.partition == partition_of(record.key, here.settings.partitions) for record in found) and len(found) == 4

        once = await here.must(*redrive("--reason", "value.missing", "--reason", "partition.mismatch"))
        assert once.endswith(f"{rejected}: 4 in all: 4 sent before\n")
        assert len(await again(here)) == 4
        await judge(here)
        hours = [line for line in (await here.must("dynamodb", "export")).splitlines() if '"hour"' in line]
        assert {(one["device"], one["readings"]) for one in map(json.loads, hours)} == {("home", 6), ("box", 2), ("astray", 2)}


async def test_the_good_elements_of_an_array_are_duplicates(stack: Stack, own_name: str, tmp_path: Path) -> None:
    """And one that is bad for two reasons is sent once."""
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=ZONE) as here:
        await here.create()
        await here.seat("worker").start()
        await send(here, [sent("box", {"device": "box", "at": [START, 0, START + 20_000], "power_w": [1, 2, "3"]})])
        await here.done()
        said = await here.must(*redrive())
        assert said.splitlines()[-1].endswith(": 2 in all: 1 sent before, 1 sent")
        await here.done()
        verdict = await judge(here)
        assert verdict.outcomes == {"counted": 1, "duplicate": 1, "rejected": 4}


async def test_what_stays_bad_is_sent_three_times(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=ZONE) as here:
        await here.create()
        await here.seat("worker").start()
        await send(here, [reading("bad", 0, "powr_w"), *(reading("old", hour * 3600) for hour in (0, 100, 200, 1))])
        await here.done()
        for run in range(4):
            for topic, arguments in ((here.topics.rejected, ()), (here.topics.late, ("--late",))):
                said = (await here.must(*redrive(*arguments))).splitlines()[-1]
                before = f"{run} sent before, " if run else ""
                assert said == f"{topic}: {run + 1} in all: {before}{'1 sent' if run < 3 else '1 sent three times already'}"
            await here.done()
        for device in (b"bad", b"old"):
            counts = [dict(record.headers)[COUNT] for record in await again(here) if record.key == device]
            assert counts == [b"1", b"2", b"3"]
        await judge(here)


async def test_a_run_that_is_killed_sends_nothing_twice(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.must("agents", "topics", "create")
        await refuse(here, MANY)
        for point in ("before_commit", "after_commit"):
            ran = await here.run(*redrive(), changes={"WATTFALL_FAULT": point})
            assert ran.code == -signal.SIGKILL and ran.out == ""
        there = len(await again(here))  # of the first run nothing, of the second one transaction
        assert 0 < there < MANY
        said = await here.must(*redrive())
        assert said.splitlines()[-1].endswith(f": {MANY:,} in all: {there:,} sent before, {MANY - there:,} sent")
        counts = Counter(dict(record.headers)[FROM] for record in await again(here))
        assert len(counts) == MANY == counts.total()


async def test_a_run_that_is_interrupted_ends_what_it_has_begun(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.must("agents", "topics", "create")
        await refuse(here, MANY)
        process, said = await began(here, "interrupted", "pause:before_commit:2")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        told = re.search(r": ([\d,]+) in all: \1 sent\n", said.read_text())
        assert told and 0 < len(await again(here)) == int(told[1].replace(",", "")) < MANY


async def test_a_run_ends_where_the_topic_ended(stack: Stack, own_name: str, tmp_path: Path) -> None:
    """Else a message that is refused again at once would be sent again by the same run."""
    async with deployment(stack, own_name, tmp_path) as here:
        await here.must("agents", "topics", "create")
        await refuse(here, 50)
        process, said = await began(here, "slow", "pause:before_start:3")
        await refuse(here, 50, first=50)
        assert await process.wait() == 0
        assert said.read_text().endswith(": 50 in all: 50 sent\n")
        assert (await here.must(*redrive())).endswith(": 100 in all: 50 sent before, 50 sent\n")


async def test_a_header_that_is_no_text_stops_nothing(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.must("agents", "topics", "create")
        await send_no_text(here)
        await refuse(here, 3)
        assert (await here.must(*redrive())).endswith(": 3 in all: 3 sent\n")
        assert (await here.must(*redrive())).endswith(": 3 in all: 3 sent before\n")


async def test_of_two_runs_at_once_the_newer_goes_on(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:
        await here.must("agents", "topics", "create")
        await refuse(here, MANY)
        older, said = await began(here, "older", "pause:before_commit:8")
        newer = await here.must(*redrive())
        assert newer.endswith(f": {MANY:,} in all: {MANY:,} sent\n")
        assert await older.wait() == 71
        assert said.read_text().endswith("wattfall: another redrive has begun and goes on where this one ended\n")
        counts = Counter(dict(record.headers)[FROM] for record in await again(here))
        assert len(counts) == MANY == counts.total()


async def test_a_mistake_is_said_in_one_line(stack: Stack, own_name: str, tmp_path: Path) -> None:
    async with deployment(stack, own_name, tmp_path) as here:

        async def said(*arguments: str) -> str:
            ran = await here.run("agents", "redrive", *arguments)
            assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran
            return ran.err

        assert "topics create" in await said(*redrive()[2:])
        await here.must("agents", "topics", "create")
        await refuse(here, 1)
        (refused,) = await log(here, here.topics.rejected)
        source = dict(refused.headers)["source"].decode()
        assert "the earliest that will do is" in await said("--since", "2020-01-01")
        assert "wanted is a local date" in await said("--since", "soon")
        assert "must be one of: size, " in await said(*redrive("--reason", "large")[2:])
        assert "No module named" in await said(*redrive("--fix", "nowhere:spelling")[2:])
        fault = await said(*redrive("--fix", "tests.fixes:raising", "--dry-run")[2:])
        assert fault == f"wattfall: --fix='tests.fixes:raising' at {source}: LookupError: nothing of the kind\n"
        assert await said(*redrive("--fix", "tests.fixes:raising")[2:]) == fault
        assert await again(here) == []
