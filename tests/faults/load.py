"""A load: messages whose answer the oracle knows, sent in their order at a pace while something goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from random import Random
from typing import Final

from aiokafka import AIOKafkaProducer

from tests.generator import Rates, Sent, generate, manifest
from tests.oracle_reading import partition_of
from tests.poison import ANYWHERE, ORDINARY

LARGEST: Final = 2 * 1024 * 1024
TICK_S: Final = 0.05
GIVE_UP_MS: Final = 120_000
PLAIN: Final = Rates(late_3d=0.0, late_40d=0.0, silences_an_hour=0.0, gaps_an_hour=0.2)
"""Everything that goes wrong with readings, but not what makes thousands of gap hours: those cost writes, and prove nothing more."""
LATE: Final = replace(PLAIN, late_3d=0.004)
"""Some too late to be counted."""


class Load:
    """Messages on their way, `per_s` of them, which may change. `seed` is what `generate` was given, for people who want to see it again.

    Every tenth has a header, which must still be there where the message is refused.
    """

    def __init__(self, brokers: str, topic: str, sent: Sequence[Sent], *, per_s: float, seed: int) -> None:
        self.brokers, self.topic, self.sent, self.per_s, self.seed = brokers, topic, sent, per_s, seed
        self.submitted = self.confirmed = 0
        self.enough = False
        self.task: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.confirmed:,} of {len(self.sent):,} messages sent, {dict(manifest(self.sent[: self.submitted]))}"

    @property
    def under_way(self) -> bool:
        """Begun and not yet at its end, so that what happens now happens under load."""
        return self.confirmed > 0 and self.submitted < len(self.sent)

    def start(self) -> Load:
        """Begins to send."""
        self.task = asyncio.create_task(self._run(), name="load")
        return self

    async def end(self) -> None:
        """Returns when the broker has confirmed everything."""
        assert self.task is not None
        await self.task
        assert self.confirmed == self.submitted > 0

    async def cut(self) -> None:
        """Sends no more; what is to go wrong has to have gone wrong by now."""
        assert self.under_way, f"the load ended too soon: {self}"
        last_ms = max(message.timestamp_ms for message in self.sent[: self.submitted])
        assert last_ms < time.time() * 1000, f"the load went on into the future, where every reading is refused: {self}"
        self.enough = True
        await self.end()

    async def flows(self, more: int, limit_s: float = 60.0) -> None:
        """Returns when so many more messages were confirmed."""
        limit, wanted = time.monotonic() + limit_s, self.confirmed + more
        while self.confirmed < wanted:
            assert self.task is not None
            if self.task.done():
                self.task.result()
                assert self.confirmed >= wanted, f"the load ended too soon: {self}"
            assert time.monotonic() < limit, f"the load did not get so far: {self}"
            await asyncio.sleep(TICK_S)

    async def _run(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.brokers, enable_idempotence=True, max_request_size=LARGEST, request_timeout_ms=GIVE_UP_MS, linger_ms=5
        )
        await producer.start()
        try:
            due, waiting = time.monotonic(), set[asyncio.Future[object]]()
            for number, message in enumerate(self.sent):
                due += 1 / self.per_s
                if due - time.monotonic() > TICK_S:
                    await asyncio.sleep(due - time.monotonic())
                if self.enough:
                    break
                headers = [("number", b"%d" % number)] if number % 10 == 0 else []
                future = await producer.send(self.topic, message.value, key=message.key, headers=headers)
                self.submitted += 1
                waiting.add(future)
                future.add_done_callback(lambda done: self._confirm(done, waiting))
            if waiting:
                await asyncio.wait(waiting)
        finally:
            await producer.stop()

    def _confirm(self, done: asyncio.Future[object], waiting: set[asyncio.Future[object]]) -> None:
        waiting.discard(done)
        if not done.cancelled() and done.exception() is None:
            self.confirmed += 1


async def misplace(brokers: str, topic: str, messages: Sequence[Sent], partitions: int) -> None:
    """Sends messages into the partition next to their own, as a producer with another partitioner would."""
    async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        for message in messages:
            right = partition_of(message.device.encode(), partitions)
            await producer.send_and_wait(topic, message.value, key=message.key, partition=(right + 1) % partitions)


def readings(seed: int, *, devices: int, hours: float, start_ms: int, interval_s: int = 300, rates: Rates = PLAIN) -> list[Sent]:
    """A generator's load: a reading of each device every 5 min or so, that hours pass quickly and no later reading mends a total that was lost."""
    return generate(seed, devices, start_ms, hours, interval_s, rates)


def poisoned(seed: int, good: Sequence[Sent], share: float, within: int | None = None) -> list[Sent]:
    """The whole corpus mixed in, and all but the largest of it again and again until it is this share of all, or of the first, `within` so many."""
    if within is not None:
        return [*poisoned(seed, good[:within], share), *good[within:]]
    random = Random(seed)
    mixed: list[Sent] = list(good)
    more = max(0, round(len(good) * share) - len(ANYWHERE))
    for poison in (*ANYWHERE, *islice(cycle(ORDINARY), more)):
        beside = random.choice(good)
        key, value = poison.made(beside.device, "2025-11-24T10:15:20Z", beside.timestamp_ms)
        mixed.insert(random.randrange(len(mixed)), Sent(key, value, beside.timestamp_ms, ("poison", poison.reason)))
    return mixed


def reasons(sent: Sequence[Sent]) -> Counter[str]:
    """How many poisons there are of each reason."""
    return Counter(message.tags[1] for message in sent if message.tags[0] == "poison")
