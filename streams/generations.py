"""The generations of one application: which epochs are being replayed, from when on they count, and which one is live.

Each is one record of a compacted topic, which the first replay makes; an epoch without a record was simply begun, is live and counts everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

import orjson
from aiokafka import AIOKafkaProducer

from streams.brokers import Brokers
from streams.look_back import records

PARTITION: Final = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """One epoch.

    `since`: the epoch second where its first month begins, None if it counts from the log's beginning on; `devices`: those of a trial, none for all;
    `live`: its sinks may write; `begins`: where it began to read each partition of the readings; `began_ms`: when; `rules`: what it counts by, as
    facts of a guard (streams/guard.py).
    """

    epoch: int
    since: int | None = None
    devices: tuple[str, ...] = ()
    live: bool = True
    begins: Mapping[int, int] = field(default_factory=dict)
    began_ms: int = 0
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_trial(self) -> bool:
        """Of some devices only, so never to go live."""
        return bool(self.devices)

    @property
    def facts(self) -> dict[str, str]:
        """What of it must not change, for the guard: nothing where all of it is usual."""
        found = {} if self.since is None else {"counted from": str(self.since)}
        return found | ({"devices": ",".join(self.devices)} if self.devices else {})

    def encode(self) -> bytes:
        """The record."""
        return orjson.dumps(asdict(self), option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def decode(cls, value: bytes) -> Generation:
        """The inverse of `encode`."""
        fields = orjson.loads(value)
        begins = {int(partition): position for partition, position in fields["begins"].items()}
        return cls(**fields | {"devices": tuple(fields["devices"]), "begins": begins})


async def load(brokers: Brokers, topic: str) -> dict[int, Generation]:
    """Every generation that has a record, by epoch. Raises KafkaError, ClusterError."""
    found: dict[int, Generation] = {}
    async for _, some in records(brokers, topic, [PARTITION]):
        for record in some:
            epoch = int(record.key)
            found.pop(epoch, None)
            if record.value is not None:
                found[epoch] = Generation.decode(record.value)
    return found


async def keep(brokers: Brokers, topic: str, generation: Generation) -> None:
    """Writes a generation's record. Raises KafkaError."""
    await _send(brokers, topic, generation.epoch, generation.encode())


async def forget(brokers: Brokers, topic: str, epoch: int) -> None:
    """Removes a generation's record. Raises KafkaError."""
    await _send(brokers, topic, epoch, None)


async def _send(brokers: Brokers, topic: str, epoch: int, value: bytes | None) -> None:
    async with AIOKafkaProducer(**brokers.client, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value, key=str(epoch).encode(), partition=PARTITION)


async def found(producer: AIOKafkaProducer, topic: str, generation: Generation) -> None:
    """Writes the first record of a generation, unless somebody else has begun to found one since this transactional producer was started.

    Raises KafkaError, ProducerFenced then.
    """
    async with producer.transaction():
        await producer.send_and_wait(topic, generation.encode(), key=str(generation.epoch).encode(), partition=PARTITION)


def successor(generations: Mapping[int, Generation], epoch: int) -> int | None:
    """The live epoch that has taken over from this one, if any."""
    return max((one.epoch for one in generations.values() if one.live and one.epoch > epoch), default=None)


def predecessor(generations: Mapping[int, Generation], epoch: int, there: Callable[[int], bool]) -> int:
    """The epoch that is live before this one: the newest whose record says so, or that has none and whose topics are `there`."""
    found = (one for one in range(epoch - 1, 0, -1) if (generations[one].live if one in generations else there(one)))
    return next(found, 1)
