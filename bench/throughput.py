"""How many readings a second one worker process counts, checkpoints included, from the first fold to the commit of the last.

The topic is full before the worker starts; its start-up is not measured. Since worker and broker share this machine, the CPU time of the
worker itself is measured as well: that is what a core of its own would do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from bench.loads import PARTITIONS, Message, preload
from bench.role import Role, started
from bench.stack import BenchError, Stack

CHECKPOINT_S: Final = "1"
POLL_S: Final = 0.05
JOIN_LIMIT_S: Final = 60.0
LIMIT_S: Final = 180.0
TAKING: Final = r"waterfall: taking from \S*readings,"
"""A worker's line when it has joined, fenced and recovered, and begins with the readings."""

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one run: wall time and the process's own CPU time, both in s."""

    readings: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Readings a second of wall time."""
        return self.readings / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """Readings a second of CPU."""
        return self.readings / self.cpu_s


@dataclass(frozen=True, slots=True)
class Run:
    """One application of Wattfall with topics of its own; `name` begins everything it owns."""

    stack: Stack
    name: str

    @property
    def topic(self) -> str:
        """Its readings."""
        return f"{self.name}-readings"

    @property
    def group(self) -> str:
        """The waterfall's consumer group."""
        return f"{self.name}-waterfall"

    @property
    def environ(self) -> dict[str, str]:
        """For its processes."""
        return self.stack.environ(
            WATTFALL_APP=self.name,
            WATTFALL_TOPIC_PREFIX=f"{self.name}-",
            WATTFALL_PARTITIONS=str(PARTITIONS),
            WATTFALL_CHECKPOINT_HOURS_S=CHECKPOINT_S,
            WATTFALL_STATE_DIR=str(self.stack.folder / self.name),
        )

    def fill(self, messages: Iterable[Message], told: Told) -> int:
        """Makes the topics and sends the load; returns the number of messages."""
        self.stack.command("agents", "topics", "create", environ=self.environ)
        return asyncio.run(preload(self.stack.brokers, self.topic, messages, told))


def count_all(run: Run, readings: int, told: Told) -> Speed:
    """A new worker counts what the topic holds and is stopped. `told` hears of messages that are committed."""
    with started("agents", "waterfall", environ=run.environ) as role:
        return asyncio.run(_until_counted(run, role, readings, told))


async def _until_counted(run: Run, role: Role, readings: int, told: Told) -> Speed:
    began, cpu_began, _ = (await asyncio.to_thread(role.await_lines, TAKING, 1, JOIN_LIMIT_S))[0]
    await await_committed(run, role, told)
    return Speed(readings, time.monotonic() - began, role.cpu_s - cpu_began)


async def await_committed(run: Run, role: Role, told: Told) -> None:
    """Returns when the group has committed all that is in the topic now. Raises BenchError if the worker ends, or after a time."""
    ends = await _ends(run)
    admin = AIOKafkaAdminClient(bootstrap_servers=run.stack.brokers)
    await admin.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            while True:
                offsets = await admin.list_consumer_group_offsets(run.group)
                done = {tp: max(0, offsets[tp].offset) if tp in offsets else 0 for tp in ends}
                told(sum(done.values()))
                if done == ends:
                    return
                if role.process.poll() is not None:
                    role.stop()
                    raise BenchError("the worker stopped before it had counted everything")
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise BenchError(f"not counted within {LIMIT_S:g} s: {sum(done.values())} of {sum(ends.values())} messages") from None
    finally:
        await admin.close()


async def _ends(run: Run) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=run.stack.brokers)
    await consumer.start()
    try:
        return dict(await consumer.end_offsets([TopicPartition(run.topic, partition) for partition in range(PARTITIONS)]))
    finally:
        await consumer.stop()
