"""One device: any order, repetition, split, checkpoint and crash give the same totals, and only what changed is said and written.

In the drawings h0, h1, … are hours, `│` is an hour's edge, registers are in Wh.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.device import Device, DeviceChanges, Outcome
from metering.period import Calendar
from metering.reading import Reading
from metering.rules import Rules
from metering.total import Total
from tests import strategies
from tests.strategies import DAY, HOUR, MINUTE, SECOND, Element

BASE = 1_764_000_000_000
WH = 1_000
USUAL = Rules()
SHORT = Rules(restate_ms=2 * HOUR)
COUNTED, DUPLICATE, CORRECTED, LATE = Outcome.COUNTED, Outcome.DUPLICATE, Outcome.CORRECTED, Outcome.LATE


def h(hours: int, minutes: int = 0, seconds: float = 0) -> int:
    """Epoch ms of an instant of the timeline."""
    return BASE + hours * HOUR + minutes * MINUTE + round(seconds * SECOND)


def reading(at: int, power_w: float | None = None, import_wh: float | None = None, export_wh: float | None = None, **more: float) -> Reading:
    milli = [None if value is None else round(value * 1000) for value in (power_w, import_wh, export_wh, more.get("for_s"), more.get("energy_wh"))]
    return at, milli[0], milli[1], milli[2], milli[3], milli[4]


@cache
def calendar(zone: str) -> Calendar:
    return Calendar(zone)


class Bench:
    """A device with a store behind it. `sent` has the newest of every total, `loads` the rows that were asked for."""

    def __init__(self, rules: Rules = USUAL) -> None:
        self.rules = rules
        self.rows: dict[bytes, bytes] = {}
        self.loads: list[bytes] = []
        self.sent: dict[int, Total] = {}
        self.crash()

    def crash(self) -> None:
        self.device = Device("cad-1", self.rules, calendar(self.rules.zone), self.load)

    def load(self, key: bytes) -> bytes | None:
        self.loads.append(key)
        return self.rows.get(key)

    def take(self, *readings: Reading) -> list[Outcome]:
        return [self.device.apply(one) for one in readings]

    def checkpoint(self) -> DeviceChanges:
        changes = self.device.changes()
        for key in changes.dead:
            self.rows.pop(key, None)
        self.rows.update(changes.rows)
        self.sent |= {total.start * 1000: total for total in changes.totals}
        return changes

    def totals(self) -> dict[int, Total]:
        """What there is, by the hour's start."""
        self.checkpoint()
        return {start: total for start, total in self.sent.items() if not total.absent}

    def hours(self) -> dict[int, Total]:
        """What there is, by number of the hour in a drawing."""
        return {(start - BASE) // HOUR: total for start, total in self.totals().items()}


def show(total: Total, **expected: Any) -> None:
    """Compares the named fields, all at once."""
    assert {name: getattr(total, name) for name in expected} == expected


def computed(rules: Rules, readings: Iterable[Reading]) -> dict[int, Total]:
    """The totals of a device to which nothing ever happened but these readings, in order."""
    bench = Bench(rules)
    bench.take(*sorted(readings, key=lambda one: one[0]))
    return bench.totals()


# What becomes of a reading


def test_what_is_new_counts_what_differs_corrects_and_what_is_neither_is_a_duplicate() -> None:
    assert Bench().take(
        reading(h(0, 1), 360),
        reading(h(0, 1), 360),  # the same
        reading(h(0, 1), None, 5),  # a kind that was not there
        reading(h(0, 1), 360, 5),  # both are
        reading(h(0, 1), 360, for_s=60),  # an interval is another flow
        reading(h(0, 1), energy_wh=6, for_s=60),  # as an energy is
        reading(h(0, 0), None, None, 5),  # an older instant
        reading(h(0, 0), 1, None, 5),
    ) == [COUNTED, DUPLICATE, CORRECTED, DUPLICATE, CORRECTED, CORRECTED, COUNTED, CORRECTED]  # fmt: skip


def test_the_kinds_of_an_instant_replace_each_other_one_by_one() -> None:
    bench = Bench()
    bench.take(reading(h(0), 360, 5, 7), reading(h(0, 0, 10), 0), reading(h(0), None, 6), reading(h(0), 720))
    assert bench.totals() == computed(USUAL, [reading(h(0), 720, 6, 7), reading(h(0, 0, 10), 0)])


def test_a_reading_before_the_open_hours_is_late_and_changes_nothing() -> None:
    #  h0 ├─ 00:30 ─┤ … │ 02:29:59: h0 is open │ 02:30: h0 is the first open hour │ 05:00: h2 is
    bench = Bench(SHORT)
    assert bench.take(reading(h(0, 30), 1), reading(h(2, 29, 59), 1), reading(h(-1), 1)) == [COUNTED] * 3
    assert bench.take(reading(h(2, 30), 1), reading(h(0), 1), reading(h(0, -1), 1)) == [COUNTED, COUNTED, LATE]
    assert bench.take(reading(h(5), 1), reading(h(2), 1), reading(h(1, 59), 1), reading(h(0), 1)) == [COUNTED, COUNTED, LATE, LATE]


@pytest.mark.parametrize("years", [-24, 0, 24])
def test_readings_of_any_age_are_late_by_the_devices_own_time(years: int) -> None:
    """A replay decides as the first run did, whatever the time of day is meanwhile."""
    away = years * 8_766
    bench = Bench(SHORT)
    taken = bench.take(*(reading(h(away + hours, minutes), 1) for hours, minutes in ((0, 30), (2, 29), (2, 30), (0, 0), (0, -1))))
    assert taken == [COUNTED] * 4 + [LATE]


@pytest.mark.parametrize("crashes", [False, True])
def test_only_what_led_closes_hours(crashes: bool) -> None:
    # a live reading ends a silence; then the box hands in what it kept, and nothing closes until the device has been back for 2 h
    bench = Bench(SHORT)
    kept = [reading(h(hour), 1) for hour in range(1, 30)]
    assert bench.take(reading(h(0), 1), reading(h(30), 1), *kept) == [COUNTED] * 31
    if crashes:
        bench.checkpoint()
        bench.crash()
    assert bench.take(reading(h(31, 59), 1), reading(h(1, 30), 1), reading(h(32), 1), reading(h(29, 59), 1)) == [COUNTED, COUNTED, COUNTED, LATE]


def test_the_first_reading_opens_forty_days_and_the_horizon() -> None:
    bench = Bench(SHORT)
    assert bench.take(reading(h(962, 30), 1), reading(h(0), 1), reading(h(-1, 59, 59), 1)) == [COUNTED, COUNTED, LATE]


# The same set, the same totals

OPEN = 100_000 * HOUR
unclosed = st.sampled_from(sorted(strategies.ANCHORS)).map(lambda zone: Rules(zone=zone, restate_ms=OPEN))
rules_in_hours = strategies.rules().map(lambda rules: dataclasses.replace(rules, restate_ms=max(HOUR, rules.restate_ms)))


def distinct(elements: list[Element]) -> list[Reading]:
    """The last of each instant."""
    return [reading(**element) for element in {element["at"]: element for element in elements}.values()]


@given(unclosed, st.data())
def test_any_order_and_any_repetition_give_the_same(rules: Rules, data: st.DataObject) -> None:
    readings = distinct(data.draw(strategies.elements(rules.zone)))
    bench = Bench(rules)
    again = data.draw(st.lists(st.sampled_from(readings), max_size=5))
    assert LATE not in bench.take(*data.draw(st.permutations(readings + again)))
    assert bench.totals() == computed(rules, readings)


@given(unclosed, st.data())
def test_the_kinds_of_an_instant_may_come_apart(rules: Rules, data: st.DataObject) -> None:
    readings = distinct(data.draw(strategies.elements(rules.zone, most=8)))
    pieces: list[Reading] = []
    for at, power, imports, export, for_ms, energy in readings:
        pieces += [(at, power, None, None, for_ms, energy), (at, None, imports, None, None, None), (at, None, None, export, None, None)]
    bench = Bench(rules)
    bench.take(*data.draw(st.permutations([piece for piece in pieces if piece[1:] != (None,) * 5])))
    assert bench.totals() == computed(rules, readings)


@given(unclosed, st.data())
def test_after_every_reading_of_any_order_the_totals_are_as_recomputed(rules: Rules, data: st.DataObject) -> None:
    """Asked for after each, and after some of them remembered by its rows alone."""
    readings = data.draw(st.permutations(distinct(data.draw(strategies.elements(rules.zone, most=8)))))
    bench = Bench(rules)
    for count, one in enumerate(readings, 1):
        bench.take(one)
        assert bench.totals() == computed(rules, readings[:count])
        if data.draw(st.booleans()):
            bench.crash()


@given(rules_in_hours, st.data())
@settings(max_examples=80)
def test_no_checkpoint_and_no_crash_changes_anything(rules: Rules, data: st.DataObject) -> None:
    """Hours close on the way."""
    readings = [reading(**element) for element in data.draw(strategies.elements(rules.zone, most=16))]
    disturbed, left_alone = Bench(rules), Bench(rules)
    for one in readings:
        assert disturbed.take(one) == left_alone.take(one)
        happens = data.draw(st.sampled_from(("nothing", "checkpoint", "crash")))
        if happens != "nothing":
            disturbed.checkpoint()
        if happens == "crash":
            disturbed.crash()
    assert disturbed.totals() == left_alone.totals()


@given(rules_in_hours, st.data())
def test_registers_and_unbooked_are_the_registers_difference_whatever_closes(rules: Rules, data: st.DataObject) -> None:
    bench = Bench(rules)
    known: dict[int, int] = {}
    for element in data.draw(strategies.true_registers(rules.zone)):
        one = reading(**element)
        if bench.take(one) != [LATE]:
            known[one[0]] = one[2] or 0
        if data.draw(st.booleans()):
            bench.checkpoint()
    totals = bench.totals().values()
    assert sum(total.import_mwh + total.unbooked_import_mwh for total in totals) == known[max(known)] - known[min(known)]
    assert not any(total.glitches or total.resets for total in totals)


@given(rules_in_hours, st.data())
def test_a_closed_hour_never_changes_again(rules: Rules, data: st.DataObject) -> None:
    bench = Bench(rules)
    for element in data.draw(strategies.elements(rules.zone, most=16)):
        bench.take(reading(**element))
        closed = bench.device.trace.closed
        bench.checkpoint()
        later = bench.device.changes()
        assert (later.totals, later.rows, later.dead) == ([], [], [])
        assert bench.device.trace.closed == closed
    before = dict(bench.sent)
    bench.take(*(reading(max(closed - 1, 0), power, wh) for power, wh in ((5, 7), (6, 0))))
    assert bench.checkpoint().totals == [] and bench.sent == before


# What is said


def test_only_what_changed_is_said_in_order() -> None:
    bench = Bench()
    bench.take(*(reading(h(hour, minute), 60) for hour in (2, 0, 1) for minute in range(10)))
    assert [total.start * 1000 for total in bench.checkpoint().totals] == [h(0), h(1), h(2)]
    bench.take(reading(h(0, 5), 120), reading(h(2, 10), 60))
    assert [total.start * 1000 for total in bench.checkpoint().totals] == [h(0), h(2)]


def test_a_register_over_the_edge_changes_the_hour_before_too() -> None:
    bench = Bench()
    bench.take(reading(h(0, 59), None, 100))
    bench.checkpoint()
    bench.take(reading(h(1, 2), None, 160))
    assert [(total.start * 1000, total.import_mwh) for total in bench.checkpoint().totals] == [(h(0), 20 * WH), (h(1), 40 * WH)]


def test_what_is_as_it_was_is_not_said_again() -> None:
    bench = Bench()
    bench.take(reading(h(0), 360), reading(h(0, 0, 10), 0))
    bench.checkpoint()
    bench.take(reading(h(0), 360))  # a duplicate
    assert bench.checkpoint().totals == []
    bench.take(reading(h(0), 720), reading(h(0), 360))  # corrected, and back
    assert bench.checkpoint().totals == []


def test_what_changed_and_changed_back_while_hours_closed_is_not_said_again() -> None:
    bench = Bench(SHORT)
    bench.take(reading(h(0), 1), reading(h(3), 1), reading(h(4), 360), reading(h(4, 0, 10), 0))
    bench.checkpoint()
    assert bench.take(reading(h(4), 720), reading(h(5, 30), None, 5), reading(h(4), 360)) == [CORRECTED, COUNTED, CORRECTED]
    assert bench.device.trace.closed == h(3)
    assert [total.start * 1000 for total in bench.checkpoint().totals] == [h(5)]


def test_an_hour_that_has_nothing_left_is_said_once_more_with_zeros() -> None:
    #  h0 ├─ 00:30 for 1 h ──│── 01:30, then corrected to end at 00:40
    bench = Bench()
    bench.take(reading(h(0, 30), 360, for_s=3600))
    assert bench.hours().keys() == {0, 1}
    bench.take(reading(h(0, 30), 360, for_s=600))
    changed = {(total.start * 1000 - BASE) // HOUR: total for total in bench.checkpoint().totals}
    assert changed.keys() == {0, 1} and changed[1].absent and not changed[0].absent
    assert (changed[1].start, changed[1].end, changed[1].power_max_mw) == (h(1) // 1000, h(2) // 1000, None)
    bench.take(reading(h(0, 31), None, 5))
    assert [total.start * 1000 for total in bench.checkpoint().totals] == [h(0)]


def test_an_hour_that_came_and_went_between_two_checkpoints_is_never_said() -> None:
    bench = Bench()
    bench.take(reading(h(0, 30), 360, for_s=3600), reading(h(0, 30), 360, for_s=600))
    assert [total.start * 1000 for total in bench.checkpoint().totals] == [h(0)]


# What is written


def slots(changes: DeviceChanges) -> list[int]:
    """The slot of each row of a trace that is written; 255 is a whole hour, -1 the device's own row."""
    return [key[-1] if len(key) > len(b"cad-1\0") else -1 for key, _ in changes.rows]


def test_in_order_a_checkpoint_writes_the_newest_slot_and_reads_nothing() -> None:
    bench = Bench()
    bench.take(*(reading(h(0, 0, 10 * i), 60) for i in range(100)))  # 16:40: the fourth slot
    assert slots(bench.checkpoint()) == [0, 1, 2, 3, -1]
    bench.loads.clear()
    bench.take(*(reading(h(0, 17, 10 * i), 60) for i in range(6)))
    changes = bench.checkpoint()
    assert (slots(changes), changes.dead, bench.loads) == ([3], [], [])
    bench.take(*(reading(h(0, 20, 10 * i), 60) for i in range(6)))
    assert slots(bench.checkpoint()) == [4]


def test_a_reading_out_of_order_writes_its_slot_only() -> None:
    bench = Bench()
    bench.take(*(reading(h(0, minute), 60) for minute in range(30)))
    bench.checkpoint()
    bench.take(reading(h(0, 12, 30), 60))
    assert slots(bench.checkpoint()) == [2]


def test_an_hour_that_is_no_longer_the_newest_becomes_one_row() -> None:
    bench = Bench()
    bench.take(*(reading(h(0, minute), 60) for minute in range(0, 60, 5)))
    bench.checkpoint()
    bench.take(reading(h(1, 0), 60))
    changes = bench.checkpoint()
    assert slots(changes) == [255, 0, -1]
    assert [key[-1] for key in changes.dead] == list(range(12))
    assert len(bench.rows) == 3


def test_the_rows_of_closed_hours_go() -> None:
    bench = Bench(SHORT)
    for hour in range(50):
        bench.take(*(reading(h(hour, minute), 60, 5 + hour) for minute in range(0, 60, 7)))
        bench.checkpoint()
    assert len(bench.rows) <= 9 + 3 + 1  # the newest hour's slots, the hours since the first open one, the device's own


def test_gap_hours_have_no_rows() -> None:
    bench = Bench()
    bench.take(reading(h(0), None, 5), reading(h(50), None, 105))
    assert len(bench.totals()) == 51
    assert len(bench.rows) == 3


def test_a_reading_takes_16_bytes_at_most_with_all_that_belongs_to_it() -> None:
    bench = Bench()
    count = 0
    for hour in range(3):
        for i in range(360):
            bench.take(reading(h(hour, 0, 10 * i), (i * 7_919) % 9_000 + 0.001 * (i % 1000), 6_613_405 + (hour * 360 + i) * 12.345))
            count += 1
    bench.checkpoint()
    assert sum(len(key) + len(row) for key, row in bench.rows.items()) <= 16 * count


# Once found by fuzzing, or easily broken


def test_a_correction_of_the_newest_reading_is_no_second_reading() -> None:
    bench = Bench()
    bench.take(reading(h(0), 360), reading(h(0, 0, 10), 360), reading(h(0, 0, 10), None, 5), reading(h(0, 0, 20), 0))
    show(bench.hours()[0], readings=3, covered_ms=20_000, import_mwh=2 * WH)


def test_a_point_far_back_that_changes_a_line_changes_every_hour_of_it() -> None:
    bench = Bench()
    bench.take(reading(h(0), None, 0), reading(h(10), None, 100))
    bench.checkpoint()
    bench.crash()
    bench.take(reading(h(5), None, 0))
    assert {hour: total.import_mwh for hour, total in bench.hours().items()} == dict.fromkeys(range(5), 0) | dict.fromkeys(range(5, 10), 20 * WH) | {
        10: 0
    }


def test_what_was_in_doubt_when_its_hour_closed_is_decided_by_the_first_that_comes() -> None:
    #  import  5 ── 50,000 in doubt │ h0 closes … 05:40: 50,003, which would make it a reset, comes after 05:50: 6, which makes it a glitch
    bench = Bench(SHORT)
    bench.take(reading(h(0), None, 5), reading(h(0, 10), None, 50_000), reading(h(1), 0), reading(h(3), 0), reading(h(5, 30), 0))
    bench.checkpoint()
    bench.crash()
    bench.take(reading(h(5, 50), None, 6), reading(h(5, 40), None, 50_003))
    hours = bench.hours()
    assert sum(total.import_mwh + total.unbooked_import_mwh for total in hours.values()) == 1 * WH
    assert {hour: total.glitches for hour, total in hours.items() if total.glitches} == {5: 1}


def test_an_interval_holds_on_over_the_edge_of_the_closed_hours() -> None:
    #  360 W ├─────────────── for ten hours │ E at h3 ────────────────┤
    bench = Bench(SHORT)
    bench.take(reading(h(0), 360, for_s=36_000), reading(h(3), None, None, 5), reading(h(6), None, None, 5))
    bench.checkpoint()
    bench.crash()
    bench.take(reading(h(6, 30), None, None, 5), reading(h(4, 30), None, None, 5))
    assert {hour: total.covered_ms for hour, total in bench.hours().items()} == dict.fromkeys(range(10), HOUR)


@pytest.mark.parametrize("days", [39, 41, 100])
def test_a_silence_costs_no_rows_and_loses_nothing(days: int) -> None:
    bench = Bench()
    bench.take(reading(h(0), None, 5))
    bench.checkpoint()
    bench.crash()
    bench.take(reading(BASE + days * DAY, None, 1_005))
    bench.checkpoint()
    assert len(bench.rows) <= 3
    assert sum(total.import_mwh + total.unbooked_import_mwh for total in bench.sent.values()) == 1_000 * WH
