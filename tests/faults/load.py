"""A load: messages whose answer the oracle knows, sent in their order at a pace while something goes wrong."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from random import Random
from typing import Final

from aiokafka import AIOKafkaProducer

from tests.generator import Rates, Sent, generate, manifest
from tests.near_misses import NEAR_MISSES, NOW
from tests.oracle_reading import partition_of
from tests.poison import ANYWHERE, ORDINARY

LARGEST: Final = 2 * 1024 * 1024
TICK_S: Final = 0.05
LINGER_MS: Final = 100
"""A producer that sent each message by itself would keep the broker busier than all that is tested."""
PRESENT_S: Final = 0.1
GIVE_UP_MS: Final = 120_000
PLAIN: Final = Rates(late_3d=0.0, late_40d=0.0, silences_an_hour=0.0, gaps_an_hour=0.2)
"""Everything that goes wrong with readings, but not what makes thousands of gap hours: those cost writes, and prove nothing more."""
LATE: Final = replace(PLAIN, late_3d=0.004, silences_an_hour=0.0005)
"""Some too late to be counted, and now and then a device that says nothing for weeks."""
WEEK_MS: Final = 7 * 24 * 3_600_000
AHEAD_S: Final = (-1, 240, 360, 7_200, 82_800)
"""Readings of now, those of in four minutes, and others that are refused, because it is not time yet."""


class Load:
    """Messages on their way, `per_s` of them, which may change. `seed` is what `generate` was given, for people who want to see it again.

    Every tenth has a header, which must still be there where the message is refused. `stamped`: with their own times, if the topic takes them.
    """

    def __init__(self, brokers: str, topic: str, sent: Sequence[Sent], *, per_s: float, seed: int, stamped: bool = False) -> None:
        self.brokers, self.topic, self.sent, self.per_s, self.seed, self.stamped = brokers, topic, sent, per_s, seed, stamped
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
            bootstrap_servers=self.brokers, enable_idempotence=True, max_request_size=LARGEST, request_timeout_ms=GIVE_UP_MS, linger_ms=LINGER_MS
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
                at = message.timestamp_ms if self.stamped else None
                future = await producer.send(self.topic, message.value, key=message.key, headers=headers, timestamp_ms=at)
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


class Present:
    """Readings of this very moment and of the hours to come, some a second: whether they count goes by the broker's clock."""

    def __init__(self, brokers: str, topic: str) -> None:
        self.brokers, self.topic, self.confirmed, self.enough = brokers, topic, 0, False
        self.task: asyncio.Task[None] | None = None

    def start(self) -> Present:
        """Begins to send."""
        self.task = asyncio.create_task(self._run(), name="present")
        return self

    async def stop(self) -> None:
        """Sends no more."""
        assert self.task is not None
        self.enough = True
        await self.task

    async def _run(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.brokers, enable_idempotence=True) as producer:
            while not self.enough:
                device, ahead_s = f"now-{self.confirmed % 7}", AHEAD_S[self.confirmed % len(AHEAD_S)]
                reading = {"device": device, "at": round((time.time() + ahead_s) * 1000), "power_w": self.confirmed % 1000}
                await producer.send_and_wait(self.topic, json.dumps(reading).encode(), key=device.encode())
                self.confirmed += 1
                await asyncio.sleep(PRESENT_S)


async def misplace(brokers: str, topic: str, messages: Sequence[Sent], partitions: int) -> None:
    """Sends messages into the partition next to their own, as a producer with another partitioner would."""
    async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        for message in messages:
            right = partition_of(message.device.encode(), partitions)
            await producer.send_and_wait(topic, message.value, key=message.key, partition=(right + 1) % partitions)


def readings(seed: int, *, devices: int, hours: float, start_ms: int, interval_s: int = 300, rates: Rates = PLAIN) -> list[Sent]:
    """A generator's load: a reading of each device every 5 min or so, that hours pass quickly and no later reading mends a total that was lost."""
    return in_step(generate(seed, devices, start_ms, hours, interval_s, rates))


def in_step(sent: Sequence[Sent]) -> list[Sent]:
    """Whoever says nothing for weeks goes on when it is its turn: else a load that is cut would end before any of them is back."""
    behind, last, turns = Counter[bytes | None](), dict[bytes | None, int](), list[tuple[int, int, Sent]]()
    for number, message in enumerate(sent):
        silent = message.timestamp_ms - last.get(message.key, message.timestamp_ms)
        behind[message.key] += silent if silent > WEEK_MS else 0
        last[message.key] = message.timestamp_ms
        turns.append((message.timestamp_ms - behind[message.key], number, message))
    return [message for *_, message in sorted(turns)]


def poisoned(seed: int, good: Sequence[Sent], share: float) -> list[Sent]:
    """The corpus mixed in, but for what would have to be made when it is sent, and all but the largest of it again and again until it is this
    share of all."""
    random = Random(seed)
    mixed: list[Sent] = list(good)
    more = max(0, round(len(good) * share) - len(ANYWHERE))
    for poison in (*ANYWHERE, *islice(cycle(ORDINARY), more)):
        beside = random.choice(good)
        key, value = poison.made(beside.device, "2025-11-24T10:15:20Z", beside.timestamp_ms)
        mixed.insert(random.randrange(len(mixed)), Sent(key, value, beside.timestamp_ms, ("poison", poison.reason)))
    return mixed


def near_missed(seed: int, sent: Sequence[Sent]) -> list[Sent]:
    """Whatever only looks bad mixed in, each of a device of its own, if it does not name one itself."""
    random, mixed = Random(seed), list(sent)
    for number, near in enumerate(NEAR_MISSES):
        if (b"%D" in near.key) == (b"%D" in near.value):  # the two of just a mebibyte are of one device
            mixed.insert(random.randrange(len(mixed)), Sent(*near.made(f"near-{number}"), NOW, ("near miss",)))
    return mixed


def reasons(sent: Sequence[Sent]) -> Counter[str]:
    """How many poisons there are of each reason."""
    return Counter(message.tags[1] for message in sent if message.tags[0] == "poison")
