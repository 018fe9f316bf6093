"""The engine with a store in memory that is told how to fail, in time that passes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from dynamodb.errors import ItemRejected, LogsMixed, Retired, StoreBusy
from dynamodb.writer import Writer
from dynamodb.writes import Outcome, Store
from metering.live import Live
from metering.total import Grain, Total
from tests.fake_time import FakeTime
from tests.memory_store import MemoryStore
from tests.sample_totals import hour_total

NOW = hour_total().end
KEEP_S = 25 * 31 * 86_400


class FailingStore:
    """Asks `fate` what happens to each attempt: an error to be raised instead, or None. Counts attempts, and those under way at once."""

    def __init__(self, fate: Callable[[int, Any], Exception | None] = lambda attempt, value: None) -> None:
        self.inner = MemoryStore()
        self.fate = fate
        self.attempts = 0
        self.under_way: Counter[str] = Counter()
        self.most_at_once = 0

    async def put_total(self, total: Total, partition: int) -> Outcome:
        return await self._try(total, lambda: self.inner.put_total(total, partition))

    async def put_live(self, live: Live) -> Outcome:
        return await self._try(live, lambda: self.inner.put_live(live))

    async def _try(self, value: Any, write: Callable[[], Awaitable[Outcome]]) -> Outcome:
        self.attempts += 1
        self.under_way[value.device] += 1
        assert self.under_way[value.device] == 1, "one write in flight a key"
        self.most_at_once = max(self.most_at_once, self.under_way.total())
        try:
            await asyncio.sleep(0)
            error = self.fate(self.attempts, value)
            if error is not None:
                raise error
            return await write()
        finally:
            self.under_way[value.device] -= 1

    def held(self) -> dict[str, int]:
        return {total.device: total.offset for total, _ in self.inner.totals.values()}


class Rejected:
    def __init__(self) -> None:
        self.values: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def put(self, value: Total | Live, detail: str) -> None:
        await self.gate.wait()
        self.values.append((value.device, detail))


def writer_of(store: Store, time: FakeTime, rejected: Rejected | None = None, **changed: Any) -> Writer:
    arguments: dict[str, Any] = {"capacity_keys": 100, "concurrency": 4, "flush_s": 0.0, "keep_hours_s": KEEP_S}
    return Writer(
        store,
        rejected=(rejected or Rejected()).put,
        clock=time.clock,
        now=lambda: NOW,
        sleep=time.sleep,
        jitter=lambda: 1.0,
        **(arguments | changed),
    )


@contextlib.asynccontextmanager
async def runs(writer: Writer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(writer.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def some(*devices: str, offset: int = 1) -> list[Total]:
    return [hour_total(device=device, offset=offset) for device in devices]


async def test_what_is_offered_is_stored_and_then_safe() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time)
    await writer.offer(3, 10, some("a", "b"))
    assert writer.safe_position(3) is None
    async with runs(writer):
        await writer.drain(5)
    assert writer.safe_position(3) == 10
    assert store.held() == {"a": 1, "b": 1}
    assert {partition for _, partition in store.inner.totals.values()} == {3}
    assert (writer.counts.stored, writer.counts.stale) == (2, 0)


async def test_the_interval_between_two_writes_of_a_total_is_kept() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time, flush_s=60.0)
    async with runs(writer):
        for second in range(150):
            await writer.offer(0, second + 1, some("a", offset=second))
            await time.sleep(1.0)
        assert store.attempts == 3  # at 0, 60 and 120 s
        assert writer.safe_position(0) in (120, 121)


async def test_draining_does_not_wait_for_the_interval() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time, flush_s=900.0)
    async with runs(writer):
        await writer.offer(0, 1, some("a"))
        await writer.drain(5)
        await writer.offer(0, 2, some("b"))
        await writer.drain(5)
    assert store.held() == {"a": 1, "b": 1}
    assert time.now < 5


async def test_draining_has_a_limit() -> None:
    store, time = FailingStore(lambda attempt, value: StoreBusy("down")), FakeTime()
    writer = writer_of(store, time)
    async with runs(writer):
        await writer.offer(0, 1, some("a"))
        await writer.drain(5)
    assert time.now == 5
    assert writer.safe_position(0) is None


async def test_a_full_writer_makes_the_offer_wait() -> None:
    store, time = FailingStore(lambda attempt, value: StoreBusy("down") if time.now < 60 else None), FakeTime()
    writer = writer_of(store, time, capacity_keys=3, flush_s=0.0)
    async with runs(writer):
        offer = asyncio.create_task(writer.offer(0, 10, some(*"abcdef")))
        await time.sleep(59.0)
        assert not offer.done()
        assert len(writer) == 3
        assert writer.safe_position(0) is None
        await time.sleep(10.0)
        assert offer.done()
        await writer.drain(5)
    assert writer.safe_position(0) == 10
    assert set(store.held()) == set("abcdef")


async def test_a_full_writer_does_not_wait_for_the_interval() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time, capacity_keys=2, flush_s=900.0)
    async with runs(writer):
        await writer.offer(0, 10, some(*"abcdef"))
        assert time.now < 1


async def test_throttling_is_met_with_one_pause_for_all() -> None:
    devices = [f"d{number}" for number in range(60)]
    store, time = FailingStore(lambda attempt, value: StoreBusy("throttled") if time.now < 4 else None), FakeTime()
    writer = writer_of(store, time, concurrency=16, capacity_keys=1000)
    async with runs(writer):
        await writer.offer(0, 10, some(*devices))
        await writer.drain(20)
    assert set(store.held()) == set(devices)
    assert writer.counts.busy <= 50
    assert store.attempts == 60 + writer.counts.busy


async def test_an_outage_costs_memory_by_keys_not_by_totals() -> None:
    store, time = FailingStore(lambda attempt, value: StoreBusy("down") if time.now < 601 else None), FakeTime()
    writer = writer_of(store, time)
    async with runs(writer):
        for second in range(600):
            await writer.offer(0, second + 1, some("a", "b", offset=second))
            await time.sleep(1.0)
            assert len(writer) == 2
        await writer.drain(20)
    assert store.held() == {"a": 599, "b": 599}
    assert writer.safe_position(0) == 600
    assert store.attempts < 600


async def test_a_missing_table_is_asked_for_every_thirty_seconds() -> None:
    store, time = FailingStore(lambda attempt, value: StoreBusy("no table", 30.0) if time.now < 100 else None), FakeTime()
    writer = writer_of(store, time)
    async with runs(writer):
        await writer.offer(0, 1, some("a"))
        await writer.drain(200)
    assert store.attempts == 5  # at 0, 30, 60, 90 and 120 s
    assert time.now == 120


async def test_an_item_that_can_never_be_stored_is_handed_over_before_its_position_is_safe() -> None:
    store, time, rejected = FailingStore(lambda attempt, value: ItemRejected("too large") if value.device == "bad" else None), FakeTime(), Rejected()
    rejected.gate.clear()
    writer = writer_of(store, time, rejected)
    await writer.offer(0, 5, [])
    async with runs(writer):
        await writer.offer(0, 10, some("bad", "good"))
        await time.sleep(1.0)
        assert store.held() == {"good": 1}
        assert writer.safe_position(0) == 5
        rejected.gate.set()
        await writer.drain(5)
        assert writer.safe_position(0) == 10
    assert rejected.values == [("bad", "too large")]
    assert (writer.counts.rejected, writer.counts.stored) == (1, 1)


@pytest.mark.parametrize("cause", [Retired("epoch 2 is stored"), LogsMixed("partition 4"), ZeroDivisionError("a bug")])
async def test_what_cannot_be_mended_ends_the_writer_and_every_offer(cause: Exception) -> None:
    store, time = FailingStore(lambda attempt, value: cause), FakeTime()
    writer = writer_of(store, time, capacity_keys=2)
    async with runs(writer) as task:
        offer = asyncio.create_task(writer.offer(0, 10, some(*"abcdef")))
        with pytest.raises(type(cause)):
            await task
        with pytest.raises(RuntimeError) as ended:
            await offer
        assert ended.value.__cause__ is cause
        await writer.drain(5)
    assert time.now < 5
    assert writer.safe_position(0) is None


async def test_an_hour_past_its_time_to_live_is_counted_and_does_not_stall() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time)
    start = NOW - KEEP_S - 3600
    old = hour_total(device="old", start=start, end=start + 3600)
    old_day = old._replace(grain=Grain.DAY, device="day")
    await writer.offer(0, 10, [old, old_day])
    async with runs(writer):
        await writer.drain(5)
    assert writer.counts.expired == 1
    assert set(store.held()) == {"day"}
    assert writer.safe_position(0) == 10


async def test_hours_past_their_time_to_live_are_told_at_once_and_then_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    #  s      0   1   2  …  59    60  61
    #  old    2   2   2  …   2     2   2
    #  told   1   .   .  …   .   120   .
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time)
    start = NOW - KEEP_S - 3600
    old = hour_total(device="old", start=start, end=start + 3600)
    for second in range(62):
        await writer.offer(0, second + 1, [old, old])
        await time.sleep(1.0)
    said = "hours that are older than WATTFALL_KEEP_HOURS_MONTHS keeps are not written: {}, the last until 2024-09-09T23:00Z"
    assert caplog.record_tuples == [("wattfall.sink", logging.WARNING, said.format(count)) for count in (1, 120)]
    assert writer.counts.expired == 124


async def test_readings_of_a_device_are_merged_before_they_are_written() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time)
    await writer.offer(0, 10, [Live("a", power_mw=5, power_at=20, offset=7), Live("a", import_mwh=100, import_at=18, offset=8)])
    async with runs(writer):
        await writer.drain(5)
    assert store.attempts == 1
    assert store.inner.lives["a"] == Live("a", power_mw=5, power_at=20, import_mwh=100, import_at=18, offset=8)


async def test_a_revoked_partition_is_forgotten() -> None:
    store, time = FailingStore(lambda attempt, value: StoreBusy("down") if value.device == "a" else None), FakeTime()
    writer = writer_of(store, time)
    async with runs(writer):
        await writer.offer(0, 10, some("a"))
        await writer.offer(1, 20, some("b"))
        writer.drop_partition(0)
        await writer.drain(5)
        assert (writer.safe_position(0), writer.safe_position(1)) == (None, 20)
    assert time.now < 5


async def test_never_more_in_flight_than_allowed() -> None:
    store, time = FailingStore(), FakeTime()
    writer = writer_of(store, time, concurrency=4)
    await writer.offer(0, 10, some(*"abcdefghijklmnop"))
    async with runs(writer):
        await writer.drain(5)
    assert store.most_at_once == 4
