"""What real workers say while everything that can be wrong with a reading is: one JSON object a line, and nothing of a household in any."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from metering.wire import total_to_json
from streams.exits import Exit
from tests.faults.load import PLAIN, Load, poisoned, readings
from tests.faults.verdict import records
from tests.faults.workers import Deployment, Seat, deployment
from tests.generator import STARTS, Sent, device_name
from tests.sample_totals import hour_total
from tests.stack import Stack

SEED = 43
DEVICES = 6
FIELDS = {"time", "level", "logger", "message"}
MORE = {"exit_code", "exit_cause", "exception"}


def lines(seat: Seat) -> list[dict[str, Any]]:
    """All that was said; raises ValueError for a line that is no JSON."""
    said = list(map(json.loads, seat.log.read_text().splitlines()))
    assert said and all(FIELDS <= one.keys() <= FIELDS | MORE for one in said), said
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"]) for one in said)
    return said


def households(sent: Iterable[Sent]) -> Iterator[str]:
    """Devices, keys, and every number of a reading that is too long to be a position."""
    yield from (device_name(number) for number in range(DEVICES))
    for message in sent:
        yield from re.findall(r"[\w.-]*\d[\w.-]{6,}", (message.key or b"").decode(errors="replace"))
        yield from re.findall(r"\d{7,}", (message.value or b"").decode(errors="replace"))


async def put(here: Deployment, topic: str, partition: int, key: bytes, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=here.stack.brokers) as producer:
        await producer.send_and_wait(topic, value, key=key, partition=partition)


async def test_workers_say_what_happens_and_nothing_of_a_household(stack: Stack, own_name: str, tmp_path: Path) -> None:
    """Poison, a total that is none, hours too old to be kept, and a row that cannot be read, which ends the worker."""
    zone, start = STARTS["leap day"]
    sent = poisoned(SEED, readings(SEED, devices=DEVICES, hours=6, start_ms=start, interval_s=60, rates=PLAIN), share=0.3)
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, WATTFALL_KEEP_HOURS_MONTHS="1") as here:
        await here.create()
        waterfall, sinks = [await here.seat(role).start() for role in ("waterfall", "sinks")]
        await Load(stack.brokers, here.topics.readings, sent, per_s=5000, seed=SEED).start().end()
        total = total_to_json(hour_total(device=device_name(0))).replace(b'"hour"', f'"{device_name(1)}"'.encode())
        await put(here, here.topics.hours, 0, device_name(0).encode(), total)
        await here.done()
        assert [await seat.term(20) for seat in (waterfall, sinks)] == [0, 0]

        for partition, rows in (await records(here, here.topics.hours_table)).items():
            for key in {row.key for row in rows if device_name(0).encode() in row.key}:
                await put(here, here.topics.hours_table, partition, key, b"\xff" + device_name(0).encode())
        broken = await (await here.seat("waterfall").start()).works()
        one = sent[0]._replace(key=device_name(0).encode(), value=json.dumps({"device": device_name(0), "at": start, "power_w": 9}).encode())
        await Load(stack.brokers, here.topics.readings, [one], per_s=9, seed=SEED).start().end()
        assert await broken.ended() == Exit.AGENT_FAILED

        said = {seat.name: lines(seat) for seat in here.seats}
        assert {(one["exit_code"], one["exit_cause"]) for one in said[broken.name] if "exit_code" in one} == {(77, "agent failed")}
        assert any("exception" in one for one in said[broken.name])
        for text in ("is no total, and is passed over", "WATTFALL_KEEP_HOURS_MONTHS"):
            assert any(text in one["message"] for one in said[sinks.name]), said[sinks.name]
        everything = "".join(seat.log.read_text() for seat in here.seats)
        assert [word for word in sorted({*households(sent)}) if word in everything] == []
