"""The floor: a bare aiokafka loop with orjson that adds up two numbers a device in memory, and keeps nothing.

In two ways: record by record (`async for`, as aiokafka is used everywhere), and a whole fetch at a time, less than which nobody does who reads JSON
from Kafka in one Python process. Run as a process of its own: `python -m bench.floor BROKERS TOPIC COUNT each|bulk`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from bench.loads import PARTITIONS

LIMIT_S: Final = 120.0


Known = dict[str, list[float]]
"""The sum of the powers and the newest register of each device."""


async def run(brokers: str, topic: str, count: int, way: str) -> dict[str, float]:
    """Reads `count` messages from the beginning; wall and CPU time from the first fetch on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, isolation_level="read_committed", max_partition_fetch_bytes=512 * 1024)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        began, cpu = time.monotonic(), time.process_time()
        async with asyncio.timeout(LIMIT_S):
            await (bulk if way == "bulk" else each)(consumer, count)
        return {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
    finally:
        await consumer.stop()


async def each(consumer: Any, count: int) -> Known:
    """Record by record."""
    known: Known = {}
    async for record in consumer:
        add(known, orjson.loads(record.value))
        count -= 1
        if not count:
            break
    return known


async def bulk(consumer: Any, count: int) -> Known:
    """A fetch at a time."""
    known: Known = {}
    while count > 0:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            count -= len(records)
            for record in records:
                add(known, orjson.loads(record.value))
    return known


def add(known: Known, reading: dict[str, Any]) -> None:
    """One reading more."""
    device = known.get(reading["device"])
    if device is None:
        device = known[reading["device"]] = [0.0, 0.0]
    device[0] += reading["power_w"]
    device[1] = reading["import_wh"]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))))
