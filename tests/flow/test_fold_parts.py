"""Parts into larger periods: any order, any repetition and any crash end in the fold of the newest parts."""

from __future__ import annotations

import random
from collections.abc import Iterable

import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from agents.fold_parts import KEPT_BEYOND_S, PART_BYTES, PartsFold
from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain, Method, Total, fold
from metering.wire import total_from_json, total_key, total_to_json
from streams.fold import Changes
from tables.keys import device_key, part_key

LONDON = Calendar("Europe/London")
RULES = Rules()
HOUR, DAY = 3600, 86_400
MIDNIGHT = 1_793_059_200 - DAY  # a Sunday, 00:00 London


def hour(start: int, wh: int, offset: int, device: str = "cad-1") -> Total:
    """An hour in which so many Wh were counted by the register."""
    zeros = dict.fromkeys(Total._fields, 0)
    absent = {"power_min_mw": None, "power_max_mw": None, "power_max_at": None, "first_at": start * 1000, "last_at": start * 1000 + 1}
    own = {"device": device, "grain": Grain.HOUR, "start": start, "end": start + HOUR, "import_mwh": wh * 1000, "method": Method.REGISTER}
    return Total(**(zeros | absent | own | {"readings": 1, "epoch": 1, "offset": offset, "reflects": offset}))  # type: ignore[arg-type]


def record(value: bytes | None, offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("hours", 0, offset, 0, 1, b"k", value, None, 1, 1, ())


class Bench:
    """A fold with a store behind it: what a capture hands over is stored at once, and totals are kept by key."""

    def __init__(self, grain: Grain = Grain.DAY, hot_bytes: int = 1 << 20) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.sent: dict[bytes, Total] = {}
        self.grain, self.hot_bytes, self.offset = grain, hot_bytes, 0
        self.restart()

    def restart(self) -> None:
        self.fold = PartsFold(self.grain, LONDON, RULES, 1, self.rows.get, self.hot_bytes)

    def take(self, *parts: Total) -> None:
        records = []
        for part in parts:
            self.offset += 2  # a marker between any two
            records.append(record(total_to_json(part), self.offset))
        self.fold.fold(records)

    def checkpoint(self) -> Changes:
        changes = self.fold.capture()
        for key, value in changes.rows:
            if value is None:
                del self.rows[key]
            else:
                self.rows[key] = value
        self.sent |= {key: total_from_json(value) for key, value in changes.totals if value is not None}
        return changes


def day_of(parts: Iterable[Total]) -> tuple[object, ...]:
    newest = {part.start: part for part in sorted(parts, key=lambda part: part.version)}
    start, end = LONDON.day(min(newest))
    return fold(newest.values(), Grain.DAY, start, end, 1, 0).content


def test_hours_add_up_to_their_day() -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 10), hour(MIDNIGHT + HOUR, 7, 20))
    changes = bench.checkpoint()
    (total,) = bench.sent.values()
    assert (total.grain, total.start, total.end, total.import_mwh, total.readings) == (Grain.DAY, MIDNIGHT, MIDNIGHT + DAY, 12_000, 2)
    assert (total.epoch, total.offset, total.reflects) == (1, bench.offset, 20)
    assert changes.outcomes == {"counted": 2}


@pytest.mark.parametrize("restarts", [False, True])
def test_the_first_of_a_part_is_counted_what_is_newer_corrects_it_and_the_rest_are_duplicates(restarts: bool) -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 10), hour(MIDNIGHT + HOUR, 7, 11), hour(MIDNIGHT, 6, 12), hour(MIDNIGHT, 6, 12), hour(MIDNIGHT, 5, 10))
    assert bench.checkpoint().outcomes == {"counted": 2, "corrected": 1, "duplicate": 2}
    if restarts:
        bench.restart()
    bench.take(hour(MIDNIGHT, 6, 12), hour(MIDNIGHT, 8, 13), hour(MIDNIGHT + 2 * HOUR, 1, 14))
    assert bench.checkpoint().outcomes == {"counted": 1, "corrected": 1, "duplicate": 1}


def test_a_part_that_is_no_newer_is_a_duplicate_and_changes_nothing() -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 10))
    bench.checkpoint()
    bench.take(hour(MIDNIGHT, 9, 10), hour(MIDNIGHT, 9, 3))
    changes = bench.checkpoint()
    assert (changes.rows, changes.totals, changes.outcomes) == ([], [], {"duplicate": 2})


def test_a_newer_part_with_the_same_content_is_kept_but_nothing_is_sent_on() -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 10))
    bench.checkpoint()
    bench.restart()
    bench.take(hour(MIDNIGHT, 5, 11))
    changes = bench.checkpoint()
    assert changes.totals == []
    assert [key for key, _ in changes.rows] == [part_key("cad-1", MIDNIGHT, MIDNIGHT)]


def test_the_newest_content_of_a_period_is_sent_once_a_checkpoint() -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 10), hour(MIDNIGHT, 6, 11), hour(MIDNIGHT, 7, 12))
    changes = bench.checkpoint()
    assert [key for key, _ in changes.totals] == [total_key("cad-1", MIDNIGHT)]
    assert total_from_json(changes.totals[0][1] or b"").import_mwh == 7_000
    assert len(changes.rows) == 2  # the part and the device


@pytest.mark.parametrize("seed", range(20))
def test_any_order_repetition_and_restart_end_in_the_fold_of_the_newest_parts(seed: int) -> None:
    chance = random.Random(seed)
    starts = [MIDNIGHT + i * HOUR for i in range(24)]
    parts = [hour(start, chance.randrange(100), version) for start in starts for version in range(3)]
    arriving = [part for part in parts for _ in range(chance.randrange(1, 4))]
    chance.shuffle(arriving)
    bench = Bench(hot_bytes=chance.choice([1, 1 << 20]))
    for part in arriving:
        bench.take(part)
        if chance.random() < 0.2:
            bench.checkpoint()
            if chance.random() < 0.5:
                bench.restart()
    bench.checkpoint()
    (total,) = bench.sent.values()
    assert total.content == day_of(parts)


def test_days_add_up_to_their_month() -> None:
    bench = Bench(Grain.MONTH)
    first, end = LONDON.month(MIDNIGHT)
    bench.take(*[hour(first + i * DAY + HOUR, 2, i)._replace(grain=Grain.DAY, start=LONDON.day(first + i * DAY + HOUR)[0]) for i in range(31)])
    bench.checkpoint()
    (total,) = bench.sent.values()
    assert (total.start, total.end, total.import_mwh) == (first, end, 62_000)


def test_what_is_no_total_is_rejected() -> None:
    bench = Bench()
    wrong = orjson.loads(total_to_json(hour(MIDNIGHT, 5, 1))) | {"import_mwh": "5"}
    bench.fold.fold([record(b"{}", 1), record(None, 2), record(b"\xff", 3), record(orjson.dumps(wrong), 4)])
    changes = bench.checkpoint()
    assert [(refusal.record.offset, refusal.reason) for refusal in changes.rejected] == [(offset, "json.syntax") for offset in (1, 2, 3, 4)]
    assert (changes.rows, changes.outcomes) == ([], {"rejected": 4})


def test_a_period_is_forgotten_by_the_devices_own_time_with_tombstones() -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 1), hour(MIDNIGHT, 5, 2, device="cad-2"))
    bench.checkpoint()
    keep = RULES.restate_ms // 1000 + KEPT_BEYOND_S
    last = MIDNIGHT + keep  # the day's end is still within what is kept
    bench.take(hour(last, 1, 3))
    assert all(value is not None for _, value in bench.checkpoint().rows)
    bench.take(hour(last + DAY, 1, 4))
    changes = bench.checkpoint()
    assert changes.rows[0] == (part_key("cad-1", MIDNIGHT, MIDNIGHT), None)
    assert sum(value is None for _, value in changes.rows) == 1


def test_what_comes_for_a_forgotten_period_is_counted_and_never_the_start_of_an_empty_one() -> None:
    bench = Bench()
    keep = RULES.restate_ms // 1000 + KEPT_BEYOND_S
    bench.take(hour(MIDNIGHT, 5, 1), hour(MIDNIGHT + keep + 2 * DAY, 1, 2))
    bench.checkpoint()
    for _ in range(2):
        bench.take(hour(MIDNIGHT, 9, 99))
        changes = bench.checkpoint()
        assert (changes.rows, changes.totals, changes.outcomes) == ([], [], {"outdated": 1})
        bench.restart()


def test_a_silence_of_years_is_walked_over_and_leaves_no_row() -> None:
    bench = Bench()
    bench.take(hour(MIDNIGHT, 5, 1))
    bench.checkpoint()
    bench.take(hour(MIDNIGHT + 1000 * DAY, 5, 2))
    bench.checkpoint()
    assert sorted(len(key) for key in bench.rows) == [6, 16]  # the device, and one part


def test_a_clock_that_began_in_2000_is_not_walked_through_day_by_day() -> None:
    """A device's clock stands at 2000 until it has learned the time."""
    asked = []

    def load(key: bytes) -> bytes | None:
        asked.append(key)
        return bench.rows.get(key)

    bench = Bench()
    bench.take(hour(946_684_800, 5, 1))
    bench.checkpoint()
    bench.fold = PartsFold(Grain.DAY, LONDON, RULES, 1, load, 1 << 26)
    bench.take(hour(MIDNIGHT, 5, 2))
    assert len(asked) <= 1 + 24 + 24
    changes = bench.checkpoint()
    assert changes.rows[0] == (part_key("cad-1", 946_684_800, 946_684_800), None)
    assert sorted(len(key) for key in bench.rows) == [6, 16]


@pytest.mark.parametrize("restarts", [False, True])
def test_every_period_within_what_is_kept_is_known_and_no_other(restarts: bool) -> None:
    bench = Bench()
    chance = random.Random(1)
    sent: dict[int, list[Total]] = {}
    for offset, day in enumerate([*range(0, 400, 3), *range(399, 352, -7)]):
        start = MIDNIGHT + day * DAY + 3 * HOUR
        sent.setdefault(LONDON.day(start)[0], []).append(hour(start + offset % 2 * HOUR, chance.randrange(9), offset))
        bench.take(sent[LONDON.day(start)[0]][-1])
        if restarts:
            bench.checkpoint()
            bench.restart()
    bench.checkpoint()
    keep = RULES.restate_ms // 1000 + KEPT_BEYOND_S
    kept = [start for start in sorted(sent) if LONDON.day(start)[1] > max(sent) - keep]
    assert [*map(int, bench.rows[device_key("cad-1")].split())] == kept
    assert len(bench.rows) == 1 + len({part.start for start in kept for part in sent[start]})
    assert {total.start: total.content for total in bench.sent.values()} == {start: day_of(parts) for start, parts in sent.items()}


def test_memory_is_bounded_between_checkpoints() -> None:
    bench = Bench(hot_bytes=20 * PART_BYTES)
    for device in range(200):
        bench.take(hour(MIDNIGHT, 1, device + 1, device=f"cad-{device}"))
        bench.checkpoint()
    assert bench.fold.hot_size <= 20 * PART_BYTES
    assert bench.fold.hot_size == sum(period.size for period in bench.fold.hot.values())


def test_touched_counts_what_waits() -> None:
    bench = Bench()
    assert bench.fold.touched == 0
    bench.take(hour(MIDNIGHT, 1, 1), hour(MIDNIGHT, 2, 2), hour(MIDNIGHT + HOUR, 2, 2))
    assert bench.fold.touched == 3  # two parts and the device
    bench.fold.fold([record(b"x", 8), record(b"x" * 50_000, 9), record(None, 10)])
    assert bench.fold.touched == 3 + 1 + 51 + 1  # large refusals soon fill a checkpoint
    bench.checkpoint()
    assert bench.fold.touched == 0
