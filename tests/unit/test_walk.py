"""The walk over a device's readings: drawn timelines, and that it can stop and go on anywhere.

In the drawings h0, h1, … are hours, `│` is an hour's edge, registers are in Wh.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.period import Calendar
from metering.reading import Reading
from metering.rules import Rules
from metering.total import Total
from metering.walk import Walk, WalkState
from tests import strategies
from tests.strategies import Element

BASE = 1_764_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
USUAL = Rules()
WH = 1_000


def h(hours: int, minutes: int = 0, seconds: float = 0) -> int:
    """Epoch ms of an instant of the timeline."""
    return BASE + hours * HOUR + minutes * MINUTE + round(seconds * SECOND)


def reading(at: int, power_w: float | None = None, import_wh: float | None = None, export_wh: float | None = None, **more: float) -> Reading:
    milli = [None if value is None else round(value * 1000) for value in (power_w, import_wh, export_wh, more.get("for_s"), more.get("energy_wh"))]
    return at, milli[0], milli[1], milli[2], milli[3], milli[4]


def began(rules: Rules = USUAL, start: int = 0, state: WalkState | None = None) -> Walk:
    return Walk(rules, Calendar(rules.zone), 0, start, state or WalkState())


def totals(walk: Walk) -> dict[int, Total]:
    """What there is, by epoch ms of the hour's start."""
    return {start: sums.total("d") for start, sums in walk.finish().items() if sums.exists}


def walked(*readings: Reading, rules: Rules = USUAL) -> dict[int, Total]:
    """By number of the hour."""
    walk = began(rules)
    for one in readings:
        walk.feed(one)
    return {(start - BASE) // HOUR: total for start, total in totals(walk).items()}


def show(total: Total, **expected: Any) -> None:
    """Compares the named fields, all at once."""
    assert {name: getattr(total, name) for name in expected} == expected


# Power


def test_the_newest_reading_holds_nothing_yet() -> None:
    show(walked(reading(h(0), 360))[0], readings=1, covered_ms=0, integral_import_mwh=0, power_min_mw=360_000, power_max_at=h(0), method=None)


@pytest.mark.parametrize(("gap_s", "covered_s"), [(10, 10), (60, 60), (61, 60), (3_000, 60)])
def test_a_power_holds_until_the_next_but_no_longer_than_a_minute(gap_s: int, covered_s: int) -> None:
    show(walked(reading(h(0), 360), reading(h(0, 0, gap_s), 0))[0], covered_ms=covered_s * SECOND, integral_import_mwh=covered_s * 100)


def test_a_hold_is_split_at_the_edge() -> None:
    # 720 W from 59:50 │ to 00:20
    hours = walked(reading(h(0, 59, 50), 720), reading(h(1, 0, 20), 0))
    show(hours[0], covered_ms=10_000, import_mwh=2 * WH, method="power")
    show(hours[1], covered_ms=20_000, import_mwh=4 * WH, method="power")


def test_what_flows_out_is_export() -> None:
    hours = walked(reading(h(0), -360), reading(h(0, 0, 10), 720), reading(h(0, 0, 20), 0))
    show(hours[0], export_mwh=1 * WH, import_mwh=2 * WH, covered_ms=20_000, power_min_mw=-360_000, power_max_mw=720_000)


def test_an_hour_is_floored_once_and_not_each_reading() -> None:
    # 100 mW for 10 s are 0.28 mWh, ten times 2.8
    show(walked(*(reading(h(0, 0, 10 * i), 0.1) for i in range(11)))[0], integral_import_mwh=2, import_mwh=2)


def test_an_interval_holds_to_its_end_and_resumes_when_a_newer_one_ends() -> None:
    #   360 W ├──────────────────────────┤ 01:00
    #   720 W        10:00 ├──┤ 10:10
    hours = walked(reading(h(0), 360, for_s=3600), reading(h(0, 10), 720, for_s=10))
    show(hours[0], covered_ms=HOUR, integral_import_mwh=360 * WH + 1 * WH)


def test_an_intervals_energy_is_spread_evenly_and_stays_exact() -> None:
    # 1 Wh + 1 mWh over 2 hours
    hours = walked(reading(h(0, 30), energy_wh=1.001, for_s=7200))
    assert [hours[i].integral_import_mwh for i in range(3)] == [250, 500, 251]
    show(hours[0], power_max_mw=501, readings=1)
    show(hours[2], readings=0, covered_ms=30 * MINUTE, first_at=None, power_max_mw=None)


def test_an_instant_with_nothing_after_it_is_no_holder_and_the_interval_below_counts() -> None:
    #   360 W ├──────────────────────────┤ 01:00
    #   720 W        10:00 ├ and no more
    show(walked(reading(h(0), 360, for_s=3600), reading(h(0, 10), 720))[0], covered_ms=HOUR, integral_import_mwh=360 * WH, power_max_mw=720_000)


def test_a_reading_without_flow_ends_no_hold() -> None:
    show(walked(reading(h(0), 360), reading(h(0, 0, 5), import_wh=7), reading(h(0, 0, 10), 0))[0], covered_ms=10_000)


# Registers


def test_a_step_over_the_edge_is_split_where_the_line_crosses_it() -> None:
    #  100 at 59:00 │ 160 at 02:00: 20 a minute
    hours = walked(reading(h(0, 59), import_wh=100), reading(h(1, 2), import_wh=160))
    show(hours[0], import_mwh=20 * WH, estimated_import_mwh=0, method="register")
    show(hours[1], import_mwh=40 * WH, estimated_import_mwh=0, method="register")


def test_a_gap_of_hours_gives_each_its_estimated_share() -> None:
    hours = walked(reading(h(0, 30), import_wh=0), reading(h(3, 30), export_wh=0), reading(h(4), import_wh=7))
    assert {hour: (total.import_mwh, total.estimated_import_mwh, total.readings) for hour, total in hours.items()} == {
        0: (WH, WH, 1), 1: (2 * WH, 2 * WH, 0), 2: (2 * WH, 2 * WH, 0), 3: (2 * WH, 2 * WH, 1), 4: (0, 0, 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "estimated"),
    [
        (h(0, 5), h(0, 55), False),  # no edge between them
        (h(0), h(1), False),  # only at their ends
        (h(0, 20), h(1), False),
        (h(0, 20), h(1, 1), True),
        (h(0, 45), h(1, 15), False),  # no more than half an hour
        (h(0, 45), h(1, 15, 0.001), True),
    ],
)
def test_estimated_is_what_comes_from_far_apart_with_an_edge_between(first: int, second: int, estimated: bool) -> None:
    hours = walked(reading(first, import_wh=0), reading(second, import_wh=60))
    assert sum(total.estimated_import_mwh for total in hours.values()) == (60 * WH if estimated else 0)


def test_a_register_that_stood_still_rose_nobody_knows_when() -> None:
    # 5 at 00:10, 5 at 00:55 │ 9 at 01:05: since 00:10
    hours = walked(reading(h(0, 10), import_wh=5), reading(h(0, 55), import_wh=5), reading(h(1, 5), import_wh=9))
    assert [(hours[i].import_mwh, hours[i].estimated_import_mwh) for i in (0, 1)] == [(2 * WH, 2 * WH), (2 * WH, 2 * WH)]


def test_over_forty_days_the_step_is_unbooked() -> None:
    hours = walked(reading(h(0), import_wh=100), reading(h(960, 0, 0.001), import_wh=350))
    assert set(hours) == {0, 960}
    show(hours[960], import_mwh=0, unbooked_import_mwh=250 * WH)


def test_a_glitch_is_no_use_and_is_counted() -> None:
    hours = walked(*(reading(h(0, i), import_wh=wh) for i, wh in enumerate((5_000, 5_001, 0, 0, 5_002, 90_000, 5_003))))
    show(hours[0], import_mwh=3 * WH, glitches=2, resets=0)  # zeros of one run once, and the one too high


def test_a_reset_is_no_use_and_goes_on_from_there() -> None:
    hours = walked(*(reading(h(0, i), import_wh=wh) for i, wh in enumerate((5_000, 5_001, 10, 12))))
    show(hours[0], import_mwh=3 * WH, glitches=0, resets=1)


def test_where_the_register_lies_it_counts_and_in_the_rest_the_power() -> None:
    #  power  360 W ─────────────────────────── 30 min
    #  import         10 min: 5 ──── 20 min: 7
    powers = [reading(h(0, minute), 360) for minute in range(31)]
    powers[10] = reading(h(0, 10), 360, 5)
    powers[20] = reading(h(0, 20), 360, 7)
    show(walked(*powers)[0], import_mwh=2 * WH + 20 * 6 * WH, integral_import_mwh=180 * WH, method="mixed")


def test_where_the_line_crosses_the_edge_the_power_beside_it_does_not_count() -> None:
    #  power  0:40 ── 360 W ─────────│───────────────── 1:20
    #  import        0:50: 5 ────────│──── 1:10: 11
    powers = {minute: reading(h(0, minute), 360) for minute in range(40, 81)}
    powers |= {50: reading(h(0, 50), 360, 5), 70: reading(h(0, 70), 360, 11)}
    hours = walked(*powers.values())
    assert [(hours[i].import_mwh, hours[i].integral_import_mwh) for i in (0, 1)] == [(60 * WH + 3 * WH, 120 * WH), (3 * WH + 60 * WH, 120 * WH)]


# What else is told


def test_the_earliest_of_equal_peaks_and_the_first_and_last_reading() -> None:
    hours = walked(reading(h(0), None, 5), reading(h(0, 1), -7), reading(h(0, 2), 9), reading(h(0, 3), 9), reading(h(0, 4), 2))
    show(hours[0], first_at=h(0), last_at=h(0, 4), readings=5, power_min_mw=-7_000, power_max_mw=9_000, power_max_at=h(0, 2))


# Stop and go on anywhere


def as_readings(elements: list[Element]) -> list[Reading]:
    """The last of each instant, in order."""
    return [reading(**element) for _, element in sorted({element["at"]: element for element in elements}.items())]


timelines = strategies.rules().flatmap(lambda rules: st.tuples(st.just(rules), strategies.elements(rules.zone, most=16).map(as_readings)))


@given(timelines, st.data())
@settings(max_examples=120)
def test_a_walk_goes_on_from_its_state(timeline: tuple[Rules, list[Reading]], data: st.DataObject) -> None:
    """From the state before an hour: that hour and all after are the same; before it, all but what `reach` says."""
    rules, readings = timeline
    calendar = Calendar(rules.zone)
    whole, part = began(rules), began(rules)
    start = calendar.hour(data.draw(st.sampled_from(readings))[0])[0]
    for one in readings:
        whole.feed(one)
        if one[0] < start:
            part.feed(one)
    rest = began(rules, start, part.state())
    for one in readings:
        if one[0] >= start:
            rest.feed(one)
    expected, before, after = totals(whole), totals(part), totals(rest)
    assert after == {hour: total for hour, total in expected.items() if hour >= start}
    reach = start if rest.reach is None else calendar.hour(rest.reach)[0]
    assert {k: v for k, v in before.items() if k < reach} == {k: v for k, v in expected.items() if k < reach}


def test_a_point_that_is_no_longer_in_doubt_reaches_back_to_where_its_line_begins() -> None:
    #  100 ── 0:30: 100 ── 3:30: 350,000 in doubt │ h5: 350,001
    before = began()
    for at, wh in ((h(-3), 100), (h(0, 30), 100), (h(3, 30), 350_000)):
        before.feed(reading(at, import_wh=wh))
    rest = began(start=h(5), state=before.state())
    rest.feed(reading(h(5, 1), import_wh=350_001))
    assert rest.reach == h(0, 30)


@given(timelines)
def test_asking_for_the_hours_changes_nothing(timeline: tuple[Rules, list[Reading]]) -> None:
    rules, readings = timeline
    asked, unasked = began(rules), began(rules)
    for one in readings:
        asked.feed(one)
        unasked.feed(one)
        assert totals(asked) == totals(asked)
    assert totals(asked) == totals(unasked) and asked.state() == unasked.state()


@given(timelines, st.data())
def test_forgetting_changes_no_later_hour(timeline: tuple[Rules, list[Reading]], data: st.DataObject) -> None:
    rules, readings = timeline
    full, short = began(rules), began(rules)
    limit = 0
    for one in readings:
        full.feed(one)
        short.feed(one)
        if data.draw(st.booleans()):
            limit = full.calendar.hour(one[0])[0]
            short.forget(limit)
    assert totals(short) == {hour: total for hour, total in totals(full).items() if hour >= limit}


@given(timelines, st.data())
def test_more_of_the_newest_instant_is_as_if_it_had_come_at_once(timeline: tuple[Rules, list[Reading]], data: st.DataObject) -> None:
    rules, readings = timeline
    whole, apart = began(rules), began(rules)
    for one in readings:
        whole.feed(one)
        at, power, imports, export, for_ms, energy = one
        pieces: list[Reading] = [(at, power, None, None, for_ms, energy), (at, None, imports, None, None, None), (at, None, None, export, None, None)]
        first, *more = data.draw(st.permutations([piece for piece in pieces if piece[1:] != (None,) * 5]))
        apart.feed(first)
        for piece in more:
            apart.feed_more(piece)
    assert totals(apart) == totals(whole)
