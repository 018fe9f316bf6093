"""How long after it was sent a reading is in DynamoDB: in the live item, and in its hour's.

Waterfall and sinks run as they are run in earnest, with checkpoints of one second and short flushes. A reading is sent every 100 ms, and
the items are read again and again until it shows; the time of a round of reading them is part of what is measured.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import orjson
from aiokafka import AIOKafkaProducer

from bench.loads import PARTITIONS
from bench.role import started
from bench.stack import BenchError
from bench.throughput import JOIN_LIMIT_S, TAKING, Run, Told
from dynamodb.items import LIVE, sort_key
from metering.partition import partition_of
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain

DEVICES: Final = 4
EVERY_S: Final = 0.1
WARMING: Final = 20
SINKING: Final = r"sinks: taking from \S*readings,"
FLUSH_S: Final = "0.2"
LEFT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from sending to being readable, each list sorted."""

    live: list[float]
    hour: list[float]


@dataclass(slots=True)
class Watched:
    """One item: its table and key, the attribute that says how far it is, and the readings it has not shown yet (`at` in ms, when sent)."""

    table: str
    device: str
    attribute: str
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    took: list[float] = field(default_factory=list)

    def sort_key(self, calendar: Calendar) -> str:
        """Of the oldest reading that waits."""
        return LIVE if self.attribute == "wa" else sort_key(Grain.HOUR, calendar.hour(self.waiting[0][0])[0] // 1000, calendar)

    def shows(self, newest_ms: int, now: float) -> None:
        """The item is so far now."""
        while self.waiting and self.waiting[0][0] <= newest_ms:
            self.took.append(now - self.waiting.popleft()[1])


def measure(run: Run, count: int, told: Told) -> Freshness:
    """Sends `count` readings and waits for all of them. Raises BenchError if one does not come."""
    environ = run.environ | {"WATTFALL_FLUSH_LIVE_S": FLUSH_S, "WATTFALL_FLUSH_HOURS_S": FLUSH_S}
    run.stack.command("agents", "topics", "create", environ=environ)
    run.stack.command("dynamodb", "create", environ=environ)
    with started("agents", "waterfall", environ=environ) as hops, started("agents", "sinks", environ=environ) as sinks:
        hops.await_lines(TAKING, 1, JOIN_LIMIT_S)
        sinks.await_lines(SINKING, 1, JOIN_LIMIT_S)
        devices = [f"fresh-{i}" for i in range(DEVICES)]
        items = [Watched(table, device, name) for device in devices for table, name in (("wattfall-live", "wa"), ("wattfall-hours", "z"))]
        done = threading.Event()
        poller = threading.Thread(target=poll, args=(client(run), items, done), daemon=True)
        poller.start()
        asyncio.run(send(run, items, count, told))
        until = time.monotonic() + LEFT_S
        while any(item.waiting for item in items) and time.monotonic() < until and poller.is_alive():
            time.sleep(0.05)
        done.set()
        poller.join(LEFT_S)
    missing = sum(len(item.waiting) for item in items)
    if missing:
        raise BenchError(f"{missing} readings were not in DynamoDB {LEFT_S:g} s after the last was sent")
    took = {name: sorted(one for item in items if item.attribute == name for one in item.took[WARMING // DEVICES :]) for name in ("wa", "z")}
    return Freshness(took["wa"], took["z"])


async def send(run: Run, items: list[Watched], count: int, told: Told) -> None:
    """A reading every 100 ms, the devices in turn."""
    producer = AIOKafkaProducer(bootstrap_servers=run.stack.brokers, linger_ms=0)
    await producer.start()
    try:
        for k in range(count):
            now, at_ms = time.monotonic(), time.time_ns() // 1_000_000
            device = f"fresh-{k % DEVICES}"
            for item in items:
                if item.device == device:
                    item.waiting.append((at_ms, now))
            value = orjson.dumps({"device": device, "at": at_ms, "power_w": 300 + k % 100, "import_wh": 1_000_000 + k // 10})
            partition = partition_of(device.encode(), PARTITIONS)
            await producer.send(run.topic, value, key=device.encode(), partition=partition)
            told(k + 1)
            await asyncio.sleep(max(0.0, now + EVERY_S - time.monotonic()))
    finally:
        await producer.stop()


def poll(dynamodb: Any, items: list[Watched], done: threading.Event) -> None:
    """Reads every item that is waited for, round after round."""
    calendar = Calendar(Rules().zone)
    while not done.is_set():
        for item in items:
            if item.waiting:
                key = {"pk": {"S": item.device}, "sk": {"S": item.sort_key(calendar)}}
                found = dynamodb.get_item(TableName=item.table, Key=key, ConsistentRead=True).get("Item")
                if found is not None:
                    item.shows(int(found[item.attribute]["N"]), time.monotonic())
        done.wait(0.01)


def client(run: Run) -> Any:
    """For reading the stack's items."""
    variables = run.stack.variables
    session = boto3.session.Session(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=variables["AWS_REGION"])
    return session.client("dynamodb", endpoint_url=variables["AWS_ENDPOINT_URL_DYNAMODB"])


def p99(took: list[float]) -> float:
    """The 99th percentile by nearest rank, of a sorted list."""
    return took[max(0, -(-99 * len(took) // 100) - 1)]
