"""What is measured with: readings of invented households, the same ones every time, and how they get into Kafka in bulk.

Power wanders between 50 W and 3 kW and the import register follows it, in whole Wh, as an ordinary meter's does. Times lie in the past, up to now.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from metering.partition import partition_of

INTERVAL_S: Final = 10
EDGE_BATCH: Final = 180
"""Half an hour of readings in one message."""
PARTITIONS: Final = 4
_RING: Final = 20_011
_BATCH_BYTES: Final = 512 * 1024
_WINDOW: Final = 32

Message = tuple[bytes, bytes]
"""Key and value of a record of the topic readings."""


class Households:
    """So many devices, all on one long walk of power, each from another place of it."""

    def __init__(self, devices: int, seed: int = 1) -> None:
        rnd = random.Random(seed)
        watts = 400.0
        self._powers: list[float] = []
        self._energy = [0.0]
        for _ in range(_RING):
            watts = min(3000.0, max(50.0, watts * rnd.uniform(0.9, 1.11)))
            self._powers.append(round(watts, 1))
            self._energy.append(self._energy[-1] + watts * INTERVAL_S / 3600)
        self.names = [f"cad-{i:06d}" for i in range(devices)]
        self._places = [rnd.randrange(_RING) for _ in self.names]
        self._registers = [rnd.randrange(10**6, 10**7) for _ in self.names]

    def values(self, i: int, k: int) -> tuple[float, int]:
        """Power in W and import register in Wh of device i at its k-th instant."""
        turns, place = divmod(self._places[i] + k, _RING)
        return self._powers[place], self._registers[i] + int(self._energy[place] + turns * self._energy[-1])

    def single(self, i: int, k: int, at: str | int) -> Message:
        """One reading, power and register, as a message."""
        name = self.names[i]
        power, register = self.values(i, k)
        return name.encode(), orjson.dumps({"device": name, "at": at, "power_w": power, "import_wh": register})

    def edge_batch(self, i: int, k: int, start_s: int, count: int = EDGE_BATCH) -> Message:
        """`count` readings from the k-th instant on as one message; `start_s` is the 0-th instant."""
        first = (start_s + k * INTERVAL_S) * 1000
        ats = list(range(first, first + count * INTERVAL_S * 1000, INTERVAL_S * 1000))
        return self.arrays(i, ats, [self.values(i, k + j) for j in range(count)])

    def spread(self, i: int, at_s: int, interval_s: int, message_s: int, start_s: int) -> Message:
        """All that device i has to say of `[at_s, at_s + message_s)`: one reading, or several in arrays; `start_s` is its 0-th instant."""
        if message_s <= interval_s:
            return self.single(i, (at_s - start_s) // INTERVAL_S, at_s * 1000)
        ats = range(at_s, at_s + message_s, interval_s)
        values = [self.values(i, (at - start_s) // INTERVAL_S) for at in ats]
        return self.arrays(i, [at * 1000 for at in ats], values)

    def arrays(self, i: int, ats: list[int], values: list[tuple[float, int]]) -> Message:
        """Readings of device i as one message."""
        name = self.names[i]
        fields = {"device": name, "at": ats, "power_w": [value[0] for value in values], "import_wh": [value[1] for value in values]}
        return name.encode(), orjson.dumps(fields)


def singles(devices: int, each: int, end_s: int) -> Iterator[Message]:
    """`each` single readings of every device, 10 s apart, in order of time, the last just before `end_s`."""
    homes = Households(devices)
    for k in range(each):
        at = datetime.fromtimestamp(end_s - (each - k) * INTERVAL_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for i in range(devices):
            yield homes.single(i, k, at)


def edge_batches(devices: int, hours: int, end_s: int) -> Iterator[Message]:
    """`hours` of every device in messages of half an hour, in order of time, the last reading just before `end_s`."""
    homes = Households(devices)
    readings = hours * 3600 // INTERVAL_S
    for k in range(0, readings, EDGE_BATCH):
        for i in range(devices):
            yield homes.edge_batch(i, k, end_s - hours * 3600)


def records(messages: Iterable[Message], at_s: int, offset: int) -> list[ConsumerRecord]:
    """What a consumer would be given of messages that came to partition 0 at this time."""
    return [
        ConsumerRecord("readings", 0, place, at_s * 1000, 1, key, value, None, len(key), len(value), ())
        for place, (key, value) in enumerate(messages, offset)
    ]


async def preload(brokers: str, topic: str, messages: Iterable[Message], told: Callable[[int], None]) -> int:
    """Sends all of them, each to its key's partition of `PARTITIONS`; `told` hears how many are laid out. Returns how many there were."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, compression_type="lz4", max_batch_size=_BATCH_BYTES, max_request_size=8 << 20, linger_ms=0)
    await producer.start()
    try:
        return await _send(producer, topic, messages, told)
    finally:
        await producer.stop()


async def _send(producer: Any, topic: str, messages: Iterable[Message], told: Callable[[int], None]) -> int:
    places: dict[bytes, int] = {}
    open_batches = [producer.create_batch() for _ in range(PARTITIONS)]
    flying: list[Any] = []
    count = 0

    async def send(partition: int) -> None:
        batch, open_batches[partition] = open_batches[partition], producer.create_batch()
        batch.close()
        flying.append(await producer.send_batch(batch, topic, partition=partition))
        while len(flying) > _WINDOW:
            await flying.pop(0)
        told(count)

    for key, value in messages:
        partition = places.get(key)
        if partition is None:
            partition = places[key] = partition_of(key, PARTITIONS)
        if open_batches[partition].append(key=key, value=value, timestamp=None) is None:
            await send(partition)
            open_batches[partition].append(key=key, value=value, timestamp=None)
        count += 1
    for partition in range(PARTITIONS):
        if open_batches[partition].record_count():
            await send(partition)
    await asyncio.gather(*flying)
    return count
