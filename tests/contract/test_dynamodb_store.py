"""What every store promises (dynamodb/writes.py): the same suite for the one in memory, for the product's on a dictionary, and for DynamoDB."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from dynamodb.client import viewing_client, writing_client
from dynamodb.errors import LogsMixed, Retired
from dynamodb.items import LIVE, live_from_item, sort_key, total_from_item
from dynamodb.reader import Reader
from dynamodb.settings import Settings
from dynamodb.store import DynamoStore
from dynamodb.writes import Outcome, Store
from metering.erase import Erase, graves, period_of
from metering.live import Live, newest
from metering.period import Calendar
from metering.total import Grain, Total
from tests.memory_dynamodb import MemoryClient
from tests.memory_store import MemoryStore
from tests.sample_totals import hour_total

LONDON = Calendar("Europe/London")


class Backend(Protocol):
    """A store, the same one for another worker, who knows nothing of the first, and a look at what is in it."""

    @property
    def store(self) -> Store: ...

    @property
    def successor(self) -> Store: ...

    def total(self, like: Total) -> Total | None: ...

    def live(self, device: str) -> Live | None: ...


class InMemory:
    def __init__(self) -> None:
        self.store = self.successor = MemoryStore()

    def total(self, like: Total) -> Total | None:
        held = self.store.totals.get((like.device, like.grain, like.start))
        return held[0] if held else None

    def live(self, device: str) -> Live | None:
        return self.store.lives.get(device)


class InDynamoDB:
    def __init__(self, settings: Settings) -> None:
        self.store, self.successor = (DynamoStore(writing_client(settings.threads), settings) for _ in range(2))
        self.reader = Reader(viewing_client(threads=1), settings.tables)

    def total(self, like: Total) -> Total | None:
        found = self.reader.totals(like.device, like.grain, like.start, like.end, LONDON)
        return found[0] if found else None

    def live(self, device: str) -> Live | None:
        return self.reader.live(device)


class InDictionary:
    def __init__(self) -> None:
        self.client = MemoryClient()
        self.store, self.successor = (DynamoStore(self.client, Settings()) for _ in range(2))  # type: ignore[arg-type]

    def total(self, like: Total) -> Total | None:
        item = self.client.items.get((Settings().tables.of(like.grain), like.device, sort_key(like.grain, like.start, LONDON)))
        return total_from_item(item) if item else None

    def live(self, device: str) -> Live | None:
        item = self.client.items.get((Settings().tables.live, device, LIVE))
        return live_from_item(item) if item and "a" in item else None


@pytest.fixture(params=["memory", "dictionary", "dynamodb"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "memory":
        yield InMemory()
        return
    backend = InDictionary() if request.param == "dictionary" else InDynamoDB(request.getfixturevalue("tables"))
    yield backend
    backend.store.close()
    backend.successor.close()


def day_total(**changed: Any) -> Total:
    start, end = LONDON.day(hour_total().start)
    return hour_total(grain=Grain.DAY, start=start, end=end, reflects=17, **changed)


def month_total(**changed: Any) -> Total:
    start, end = LONDON.month(hour_total().start)
    return hour_total(grain=Grain.MONTH, start=start, end=end, reflects=17, **changed)


@pytest.mark.parametrize("total", [hour_total(), day_total(), month_total()], ids=["hour", "day", "month"])
async def test_a_total_is_stored_whole(backend: Backend, total: Total) -> None:
    assert await backend.store.put_total(total, 3) is Outcome.STORED
    assert backend.total(total) == total


async def test_a_later_total_replaces_all_of_an_earlier_one(backend: Backend) -> None:
    await backend.store.put_total(hour_total(offset=5, resets=1, export_mwh=7), 3)
    later = hour_total(offset=6, method=None, power_min_mw=None)
    assert await backend.store.put_total(later, 3) is Outcome.STORED
    assert backend.total(later) == later


async def test_a_later_total_by_another_worker_replaces_all_of_it_too(backend: Backend) -> None:
    await backend.store.put_total(hour_total(offset=5, import_mwh=431_000), 3)
    later = hour_total(offset=6)
    assert await backend.successor.put_total(later, 3) is Outcome.STORED
    assert backend.total(later) == later


@pytest.mark.parametrize("offset", [4, 5])
async def test_an_earlier_or_the_same_total_is_done_without_a_change(backend: Backend, offset: int) -> None:
    stored = hour_total(offset=5)
    await backend.store.put_total(stored, 3)
    assert await backend.store.put_total(hour_total(offset=offset, import_mwh=1), 3) is Outcome.STALE
    assert backend.total(stored) == stored


async def test_a_larger_epoch_wins_over_any_offset_and_retires_the_smaller(backend: Backend) -> None:
    await backend.store.put_total(hour_total(epoch=1, offset=500), 3)
    newer = hour_total(epoch=2, offset=1)
    assert await backend.store.put_total(newer, 7) is Outcome.STORED
    with pytest.raises(Retired, match="epoch 2"):
        await backend.store.put_total(hour_total(epoch=1, offset=501), 3)
    assert backend.total(newer) == newer


async def test_another_partition_under_the_same_epoch_is_another_log(backend: Backend) -> None:
    stored = hour_total(offset=5)
    await backend.store.put_total(stored, 3)
    with pytest.raises(LogsMixed, match="partition 3"):
        await backend.store.put_total(hour_total(offset=4), 4)
    assert backend.total(stored) == stored


async def test_a_total_never_goes_back_whatever_the_order_and_the_repetition(backend: Backend) -> None:
    chance = random.Random(7)
    versions = [(epoch, offset) for epoch in (1, 2) for offset in range(6)] * 3
    chance.shuffle(versions)
    seen = (0, 0)
    for epoch, offset in versions:
        try:
            await backend.store.put_total(hour_total(epoch=epoch, offset=offset), 3)
        except Retired:
            assert seen[0] > epoch
        held = backend.total(hour_total())
        assert held is not None
        assert held.version == max(seen, (epoch, offset))
        seen = held.version


async def test_writers_at_the_same_time_leave_the_newest(backend: Backend) -> None:
    offsets = list(range(40))
    random.Random(7).shuffle(offsets)
    outcomes = await asyncio.gather(*(backend.store.put_total(hour_total(offset=offset), 3) for offset in offsets))
    held = backend.total(hour_total())
    assert held is not None
    assert held.offset == 39
    assert outcomes[offsets.index(39)] is Outcome.STORED


async def test_values_of_separate_messages_come_together(backend: Backend) -> None:
    assert await backend.store.put_live(Live("d", power_mw=431_500, power_at=20, offset=5)) is Outcome.STORED
    assert await backend.store.put_live(Live("d", import_mwh=6_613_405_000, import_at=25, offset=6)) is Outcome.STORED
    assert backend.live("d") == Live("d", power_mw=431_500, power_at=20, import_mwh=6_613_405_000, import_at=25, offset=6)


async def test_an_old_reading_never_overwrites_a_newer_one(backend: Backend) -> None:
    newest = Live("d", power_mw=1, power_at=20, import_mwh=100, import_at=20, offset=5)
    await backend.store.put_live(newest)
    for old in (newest, newest._replace(offset=4, power_mw=2), Live("d", power_mw=3, power_at=19, offset=9)):
        assert await backend.store.put_live(old) is Outcome.STALE
    assert backend.live("d") == newest


async def test_a_correction_of_the_newest_reading_counts(backend: Backend) -> None:
    await backend.store.put_live(Live("d", power_mw=1, power_at=20, offset=5))
    corrected = Live("d", power_mw=2, power_at=20, offset=6)
    assert await backend.store.put_live(corrected) is Outcome.STORED
    assert backend.live("d") == corrected


async def test_a_merged_reading_brings_only_what_is_newer(backend: Backend) -> None:
    await backend.store.put_live(Live("d", power_mw=1, power_at=20, import_mwh=100, import_at=18, offset=5))
    assert await backend.store.put_live(Live("d", power_mw=2, power_at=25, import_mwh=90, import_at=15, offset=7)) is Outcome.STORED
    assert backend.live("d") == Live("d", power_mw=2, power_at=25, import_mwh=100, import_at=18, offset=7)


async def test_a_register_that_comes_after_a_newer_power_is_not_lost(backend: Backend) -> None:
    await backend.store.put_live(Live("d", power_mw=1, power_at=20, import_mwh=100, import_at=10, offset=5))
    assert await backend.store.put_live(Live("d", import_mwh=101, import_at=19, offset=6)) is Outcome.STORED
    assert backend.live("d") == Live("d", power_mw=1, power_at=20, import_mwh=101, import_at=19, offset=5)


async def test_any_order_of_live_readings_ends_the_same(backend: Backend) -> None:
    chance = random.Random(11)
    readings = [
        Live("d", power_mw=at, power_at=at, offset=offset)
        if at % 2
        else Live("d", import_mwh=at, import_at=at, export_mwh=-at, export_at=at, offset=offset)
        for offset, at in enumerate((3, 4, 9, 6, 5, 12, 11, 8))
    ]
    for device in "abcde":
        chance.shuffle(readings)
        for live in readings:
            await backend.store.put_live(live._replace(device=device))
        held = backend.live(device)
        assert held == Live(device, power_mw=11, power_at=11, import_mwh=12, import_at=12, export_mwh=-12, export_at=12, offset=5)


async def test_an_erase_leaves_nothing_of_the_live_reading(backend: Backend) -> None:
    await backend.store.put_live(Live("d", power_mw=1, power_at=20, import_mwh=100, import_at=18, offset=5, epoch=1))
    assert await backend.store.put_live(Live("d", offset=7, epoch=1, erased=7)) is Outcome.STORED
    assert backend.live("d") is None
    assert await backend.store.put_live(Live("d", offset=7, epoch=1, erased=7)) is Outcome.STALE


async def test_what_a_zombie_still_holds_of_before_an_erase_is_refused_however_new_it_is(backend: Backend) -> None:
    await backend.store.put_live(Live("d", offset=7, epoch=1, erased=7))
    assert await backend.successor.put_live(Live("d", power_mw=1, power_at=99, offset=6, epoch=1)) is Outcome.STALE
    assert backend.live("d") is None


async def test_after_an_erase_even_an_older_instant_is_stored_and_nothing_else_beside_it(backend: Backend) -> None:
    await backend.store.put_live(Live("d", power_mw=1, power_at=20, import_mwh=100, import_at=18, offset=5, epoch=1))
    await backend.store.put_live(Live("d", offset=7, epoch=1, erased=7))
    assert await backend.store.put_live(Live("d", power_mw=2, power_at=10, offset=8, epoch=1)) is Outcome.STORED
    assert backend.live("d") == Live("d", power_mw=2, power_at=10, offset=8)
    assert await backend.store.put_live(Live("d", import_mwh=3, import_at=9, offset=9, epoch=1)) is Outcome.STORED
    assert backend.live("d") == Live("d", power_mw=2, power_at=10, import_mwh=3, import_at=9, offset=8)


async def test_an_erase_that_comes_again_takes_nothing_of_after_it(backend: Backend) -> None:
    after = Live("d", power_mw=2, power_at=10, offset=8, epoch=1)
    await backend.store.put_live(newest(Live("d", offset=7, epoch=1, erased=7), after))
    for again in (Live("d", power_mw=1, power_at=20, offset=5, epoch=1), Live("d", offset=7, epoch=1, erased=7), after._replace(erased=7)):
        assert await backend.successor.put_live(again) is Outcome.STALE
    assert backend.live("d") == Live("d", power_mw=2, power_at=10, offset=8)
    assert await backend.successor.put_live(Live("d", power_mw=3, power_at=11, offset=9, epoch=1, erased=7)) is Outcome.STORED


async def test_another_epochs_offsets_are_another_logs(backend: Backend) -> None:
    await backend.store.put_live(Live("d", offset=700, epoch=1, erased=700))
    assert await backend.store.put_live(Live("d", power_mw=2, power_at=10, offset=8, epoch=2)) is Outcome.STORED


async def test_a_grave_refuses_what_is_of_before_it_and_gives_way_to_what_is_of_after(backend: Backend) -> None:
    erase = Erase("cad-000123", 1, 50, 50, hour_total().start, hour_total().end)
    (grave,) = graves(erase, Grain.HOUR, period_of(Grain.HOUR, LONDON))
    await backend.store.put_total(hour_total(epoch=1, offset=5), 3)
    assert await backend.store.put_total(grave, 3) is Outcome.STORED
    assert await backend.successor.put_total(hour_total(epoch=1, offset=49), 3) is Outcome.STALE
    held = backend.total(grave)
    assert held is None or held.absent
    assert await backend.store.put_total(hour_total(epoch=1, offset=51), 3) is Outcome.STORED
    assert backend.total(grave) == hour_total(epoch=1, offset=51)
