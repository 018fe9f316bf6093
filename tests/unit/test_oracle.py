"""The oracle against figures worked out by hand, clause by clause of docs/metering.md.

In the timelines h0, h1, … are the hours from 16:00 UTC on 24 November 2025 on, `│` an hour's edge, registers in Wh.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.rules import Rules
from metering.total import Grain, Method, Total
from tests import strategies
from tests.generator import STARTS, Rates, device_name, generate, manifest, meter_of
from tests.oracle import Message, Oracle
from tests.oracle_calendar import day_at, hour_at, month_at
from tests.oracle_reading import murmur2, partition_of
from tests.oracle_register import Kind
from tests.poison import CORPUS, Poison

BASE = 1_764_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
WH = 1_000
USUAL = Rules()
SHORT = Rules(restate_ms=2 * HOUR)


def h(hours: int, minutes: int = 0, seconds: float = 0) -> int:
    """Epoch ms of an instant of the timeline."""
    return BASE + hours * HOUR + minutes * MINUTE + round(seconds * SECOND)


def at(instant: int, **values: Any) -> dict[str, Any]:
    """One reading's fields."""
    return {"at": instant} | values


def fed(*elements: strategies.Element | list[strategies.Element], rules: Rules = USUAL) -> Oracle:
    """An oracle that was given the readings in this order, a list as one message."""
    oracle = Oracle(rules)
    for message in strategies.as_messages(elements):
        oracle.add(message)
    return oracle


def total(oracle: Oracle, start: int, grain: Grain = Grain.HOUR) -> Total:
    """The total that starts then."""
    return oracle.totals()[strategies.DEVICE, grain, start // 1000]


def imports(oracle: Oracle) -> dict[int, tuple[int, int]]:
    """By number of the hour: imported and unbooked, in Wh."""
    return {
        (start * 1000 - BASE) // HOUR: (found.import_mwh // WH, found.unbooked_import_mwh // WH)
        for (_, grain, start), found in sorted(oracle.totals().items())
        if grain is Grain.HOUR
    }


def show(found: Total, **expected: Any) -> None:
    """Compares the named fields, all at once."""
    assert {name: getattr(found, name) for name in expected} == expected


# 1. A reading


@pytest.mark.parametrize("poison", CORPUS, ids=str)
def test_each_poison_is_rejected_for_its_reason(poison: Poison) -> None:
    oracle = Oracle(Rules())
    key, value = poison.made("cad-1", "2025-11-24T16:00:00Z", BASE)
    oracle.add(Message(key, value, BASE, 7))
    assert {(offset, reason) for offset, reason, _ in oracle.rejected} == {(7, poison.reason)}
    assert not oracle.totals() and not oracle.live


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (BASE, BASE),
        ("2025-11-24T16:00:00Z", BASE),
        ("2025-11-24t16:00:00z", BASE),
        ("2025-11-24 17:30:00.5+01:30", BASE + 500),
        ("2025-11-24T10:59:59.9999999-05:00", BASE - 1),
        ("2025-11-24T16:00:00-00:00", BASE),
    ],
)
def test_times_are_cut_to_ms(value: int | str, instant: int) -> None:
    oracle = Oracle(Rules())
    oracle.add(Message(b"a", json.dumps({"device": "a", "at": value, "power_w": 1}).encode(), BASE, 0))
    assert oracle.live["a"]["at"] == instant


def test_a_clock_may_be_five_minutes_ahead_of_the_brokers() -> None:
    oracle = Oracle(Rules())
    for offset, (ahead, for_s) in enumerate([(300_000, None), (300_001, None), (240_000, 60), (240_001, 60)]):
        value = json.dumps({"device": "a", "at": BASE + ahead, "power_w": 1, "for_s": for_s}).encode()
        oracle.add(Message(b"a", value, BASE, offset))
    assert oracle.rejected == [(1, "at.future", None), (3, "at.future", None)]


def test_a_bad_element_rejects_itself_and_the_others_count() -> None:
    # index     0          1               2              3 (before 0)
    # power     360        "x"             none           720
    elements = [at(h(0, 1), power_w=360), at(h(0, 2), power_w="x"), at(h(0, 3)), at(h(0, 0, 50), power_w=720)]
    oracle = fed(elements)
    assert oracle.rejected == [(100, "value.type", [1]), (100, "value.missing", [2])]
    assert oracle.outcomes == {"counted": 2, "rejected": 2}
    show(total(oracle, BASE), readings=2, covered_ms=10_000, integral_import_mwh=2 * WH)


def test_keys_are_placed_as_kafka_places_them() -> None:
    known = {b"21": -973932308, b"foobar": -790332482, b"abc": 479470107, b"a-little-bit-long-string": -985981536}  # Kafka's own test vectors
    assert {key: murmur2(key) for key in known} == {key: value % 2**32 for key, value in known.items()}
    value = json.dumps({"device": "abc", "at": BASE, "power_w": 1}).encode()
    oracle = Oracle(Rules())
    right = partition_of(b"abc", 12)
    oracle.add(Message(b"abc", value, BASE, 0, right, 12))
    oracle.add(Message(b"abc", value, BASE, 1, right ^ 1, 12))
    oracle.add(Message(None, value, BASE, 2))
    assert oracle.rejected == [(1, "partition.mismatch", None), (2, "device.mismatch", None)]


# 2. The set


def test_nothing_new_is_a_duplicate_and_anything_new_a_correction() -> None:
    oracle = fed(
        at(h(0, 1), power_w=360),
        at(h(0, 1), power_w=360),  # the same: duplicate
        at(h(0, 1), import_wh=5),  # apart: corrected, the power stays
        at(h(0, 1), power_w=360, import_wh=5),  # both known: duplicate
        at(h(0, 1), power_w=720),  # another power: corrected
        at(h(0, 1, 10), power_w=0),
    )
    assert oracle.outcomes == {"counted": 2, "duplicate": 2, "corrected": 2}
    show(total(oracle, BASE), readings=2, integral_import_mwh=2 * WH, power_max_mw=720_000)


def test_a_flow_is_replaced_as_a_whole() -> None:
    # 16:10 first an interval of half an hour, then an instant: it holds for the ten seconds to the next
    oracle = fed(at(h(0, 10), energy_wh=50, for_s=1800), at(h(0, 10, 10), power_w=0), at(h(0, 10), power_w=360))
    show(total(oracle, BASE), covered_ms=10_000, integral_import_mwh=1 * WH)


# 3. Energy from the power


def test_an_instant_holds_until_the_next_at_most_its_hold_and_the_newest_not_at_all() -> None:
    # 16:00:00 360 W ──10 s── 16:00:10 720 W ──60 s──┤ gap ├── 16:05:00 360 W
    oracle = fed(at(h(0), power_w=360), at(h(0, 0, 10), power_w=720), at(h(0, 5), power_w=360))
    show(total(oracle, BASE), covered_ms=70_000, integral_import_mwh=1 * WH + 12 * WH, import_mwh=13 * WH, method=Method.POWER)


def test_a_reading_without_flow_does_not_end_a_hold() -> None:
    oracle = fed(at(h(0), power_w=360), at(h(0, 0, 5), import_wh=9), at(h(0, 0, 10), power_w=360))
    show(total(oracle, BASE), covered_ms=10_000, integral_import_mwh=1 * WH)


def test_a_hold_is_split_at_the_edge_and_negative_power_is_export() -> None:
    # 16:59:50 −360 W ──10 s──│17:00:00──5 s── 17:00:05
    oracle = fed(at(h(0, 59, 50), power_w=-360), at(h(1, 0, 5), power_w=0))
    show(total(oracle, h(0)), integral_export_mwh=1 * WH, integral_import_mwh=0, covered_ms=10_000, export_mwh=1 * WH)
    show(total(oracle, h(1)), integral_export_mwh=500, covered_ms=5_000, readings=1, power_min_mw=0, power_max_mw=0)


def test_an_hour_is_floored_once() -> None:
    # 144 mW over 10 s are 0.4 mWh: three of them 1.2
    oracle = fed(*(at(h(0, 0, 10 * i), power_w=0.144) for i in range(4)))
    show(total(oracle, BASE), integral_import_mwh=1)


def test_the_newest_holder_counts_and_an_older_one_resumes() -> None:
    # interval 1000 W   ├─────────────────── 30 min ──────────────────┤
    # instants 3600 W         ├ 16:10:00 ─ 16:10:10 (no next: holds nothing)
    oracle = fed(at(h(0), power_w=1000, for_s=1800), at(h(0, 10), power_w=3600), at(h(0, 10, 10), power_w=3600))
    show(total(oracle, BASE), covered_ms=1_800_000, integral_import_mwh=(1790 * 1_000_000 + 10 * 3_600_000) // 3600)


def test_an_intervals_energy_stays_exactly_its_mwh() -> None:
    # 5 mWh over 16:59 … 17:01: ⌊2.5⌋ before the edge, the other 3 behind; exported the same
    for sign, name in ((1, "integral_import_mwh"), (-1, "integral_export_mwh")):
        oracle = fed(at(h(0, 59), energy_wh=sign * 0.005, for_s=120))
        assert [getattr(total(oracle, h(i)), name) for i in (0, 1)] == [2, 3]
        show(total(oracle, h(0)), readings=1, covered_ms=60_000, power_min_mw=sign * 150)
        show(total(oracle, h(1)), readings=0, covered_ms=60_000, power_min_mw=None, first_at=None)


def test_a_mean_power_is_rounded_half_away_from_zero() -> None:
    # 1 mWh over 7,200 s is 0.5 mW
    for sign in (1, -1):
        show(total(fed(at(h(0), energy_wh=sign * 0.001, for_s=7200)), BASE), power_max_mw=sign, power_max_at=h(0))


# 4. Energy from the register


def test_a_step_over_the_edge_is_split_where_the_line_crosses_it() -> None:
    # 16:59 1000 Wh ──1 min──│──2 min── 17:02 1003 Wh
    oracle = fed(at(h(0, 59), import_wh=1000), at(h(1, 2), import_wh=1003))
    assert imports(oracle) == {0: (1, 0), 1: (2, 0)}
    show(total(oracle, h(0)), method=Method.REGISTER, estimated_import_mwh=0, covered_ms=0, readings=1)
    oracle = fed(at(h(0, 59), import_wh=1), at(h(1, 2), import_wh=1.001))  # ⌊1/3 mWh⌋, the rest behind
    assert [total(oracle, h(i)).import_mwh for i in (0, 1)] == [0, 1]


def test_a_gap_of_hours_gives_each_its_estimated_share() -> None:
    # 16:30 0 ── 60 Wh an hour ── 19:30 180 Wh
    oracle = fed(at(h(0, 30), import_wh=1), at(h(3, 30), import_wh=181))
    assert imports(oracle) == {0: (30, 0), 1: (60, 0), 2: (60, 0), 3: (30, 0)}
    show(total(oracle, h(1)), readings=0, estimated_import_mwh=60 * WH, method=Method.REGISTER, first_at=None, covered_ms=0)


@pytest.mark.parametrize(
    ("a", "b", "estimated"),
    [
        (h(0, 45), h(1, 15), 0),  # 1,800 s are not further apart than 1,800 s
        (h(0, 45), h(1, 15, 0.001), 30 * WH),
        (h(0), h(0, 59), 0),  # no edge between them
        (h(0), h(1), 0),  # an edge at either end is not between
        (h(0), h(1, 0, 1), 30 * WH),
    ],
)
def test_estimated_needs_more_than_half_an_hour_and_an_edge_between(a: int, b: int, estimated: int) -> None:
    oracle = fed(at(a, import_wh=100), at(b, import_wh=130))
    assert sum(found.estimated_import_mwh for (_, grain, _), found in oracle.totals().items() if grain is Grain.HOUR) == estimated


def test_where_it_rose_a_step_counts_from_when_it_began_to_stand_still() -> None:
    # 16:30 100 ─ 16:50 100 ─│─ 17:10 110: 20 minutes from v, 40 from s; of the step itself half lies in either hour
    oracle = fed(at(h(0, 30), import_wh=100), at(h(0, 50), import_wh=100), at(h(1, 10), import_wh=110))
    assert [total(oracle, h(i)).estimated_import_mwh for i in (0, 1)] == [5 * WH, 5 * WH]
    # where it fell, within 10 Wh, it counts from v: 20 minutes are no estimate
    oracle = fed(at(h(0, 30), import_wh=100), at(h(0, 50), import_wh=100), at(h(1, 10), import_wh=90))
    show(total(oracle, h(1)), estimated_import_mwh=0, method=Method.REGISTER, import_mwh=-5 * WH)


def test_over_forty_days_there_is_no_line_but_a_step_unbooked() -> None:
    exactly = fed(at(h(0), import_wh=100), at(h(0) + 40 * DAY, import_wh=100 + 960))
    assert len(imports(exactly)) == 961 and imports(exactly)[959] == (1, 0) and imports(exactly)[960] == (0, 0)
    longer = fed(at(h(0), import_wh=100), at(h(0) + 40 * DAY + 1, import_wh=100 + 960))
    assert imports(longer) == {0: (0, 0), 960: (0, 960)}
    show(total(longer, h(960)), method=None, estimated_import_mwh=0, import_mwh=0)


def walked(*registers: float, gap_ms: int = 10 * SECOND, rules: Rules = USUAL) -> tuple[int, int, int]:
    """Register energy in mWh, glitches and resets of a register read at equal steps within one day."""
    found = total(fed(*(at(h(0) + i * gap_ms, import_wh=wh) for i, wh in enumerate(registers)), rules=rules), day_at("UTC", h(0))[0], Grain.DAY)
    return found.import_mwh, found.glitches, found.resets


@pytest.mark.parametrize(
    ("registers", "expected"),
    [
        # one 0, and a run of them, must not book the whole register as use
        ((5000, 0, 5001), (1 * WH, 1, 0)),
        ((5000, 0, 0, 0, 5001), (1 * WH, 1, 0)),
        ((5000, 0, 5001, 0, 5002), (2 * WH, 2, 0)),
        # a 0 first: with a second point that goes on, the register was exchanged, or read for the first time
        ((0, 5000), (0, 0, 0)),
        ((0, 5000, 5001), (1 * WH, 0, 1)),
        ((0, 5000, 0), (0, 1, 0)),
        # within the step of 1 kWh a 0 is nothing special
        ((0, 1000), (1000 * WH, 0, 0)),
        # back by 10 Wh at most is the same register: the sum still telescopes
        ((5000, 4990, 5001), (1 * WH, 0, 0)),
        ((5000, 4990), (-10 * WH, 0, 0)),
        # a single value too high; but not while there is nothing after it, and not when it is followed by a dip within 10 Wh
        ((5000, 6000, 5001), (1 * WH, 1, 0)),
        ((5000, 6000), (1000 * WH, 0, 0)),
        ((5000, 5011, 5001), (11 * WH - 10 * WH, 0, 0)),
        # nor by a 0
        ((5, 1000, 0), (995 * WH, 0, 0)),
        # further than a step and 100 kW: in doubt, until the next says which
        ((5000, 7000), (0, 0, 0)),
        ((5000, 7000, 5001), (1 * WH, 1, 0)),
        ((5000, 7000, 7001), (1 * WH, 0, 1)),
        # back by more than 10 Wh: in doubt, then a glitch or a meter exchanged
        ((5000, 4000), (0, 0, 0)),
        ((5000, 4000, 5001), (1 * WH, 1, 0)),
        ((5000, 4000, 4001), (1 * WH, 0, 1)),
        # the next fits both: the nearer one, and of two as near the one that was there
        ((5000, 4980, 4990), (-10 * WH, 1, 0)),
        ((5000, 4500, 5000.5), (500, 1, 0)),
        ((5000, 4980, 4991), (-9 * WH, 1, 0)),
        ((5000, 4989, 4990), (1 * WH, 0, 1)),
        # the next fits neither: a glitch, and the next is looked at in turn
        ((5000, 9000, 2000, 5001), (1 * WH, 2, 0)),
        ((5000, 9000, 2000, 2001), (1 * WH, 1, 1)),
    ],
)
def test_validity(registers: tuple[float, ...], expected: tuple[int, int, int]) -> None:
    assert walked(*registers) == expected


def test_what_can_be_is_a_step_and_the_greatest_power() -> None:
    # 10 s at 100 kW are 277,777.7 mWh, on top of the step of 1,000 Wh
    assert walked(5000, 6277.777) == (1_277_777, 0, 0)
    assert walked(5000, 6277.778) == (0, 0, 0)


def test_after_six_hours_the_mean_is_at_most_25_kw() -> None:
    # 8 hours: 600 kWh + 2 · 25 kWh + 1 kWh
    assert walked(1000, 1000 + 651_000, gap_ms=7 * HOUR + HOUR)[0] == 651_000 * WH
    assert walked(1000, 1000 + 651_000.001, gap_ms=8 * HOUR) == (0, 0, 0)


def test_a_register_that_a_gateway_reads_every_half_hour_jumps_by_what_was_used() -> None:
    # it stands for 30 minutes, then 40 kWh more within 10 s: too much for v→p, not for s→p
    standing = [at(h(0, minute), import_wh=1000) for minute in range(0, 31, 10)]
    jumped = at(h(0, 30, 10), import_wh=41_000)
    assert imports(fed(*standing, jumped)) == {0: (0, 0)}
    oracle = fed(*standing, jumped, at(h(0, 30, 20), import_wh=41_001))
    assert imports(oracle) == {0: (40_001, 0)}
    show(total(oracle, BASE), glitches=0, resets=0)


def test_glitches_and_resets_are_counted_once_per_register_in_the_points_hour() -> None:
    # import and export both 0 at 16:59:50
    both = [at(h(0, 59, 40), import_wh=5000, export_wh=6000), at(h(0, 59, 50), import_wh=0, export_wh=0), at(h(1), import_wh=5001, export_wh=6002)]
    oracle = fed(*both)
    show(total(oracle, h(0)), glitches=2, import_mwh=1 * WH, export_mwh=2 * WH)
    show(total(oracle, h(1)), glitches=0)


def test_the_register_counts_where_it_lies_and_the_power_in_the_rest() -> None:
    # power    16:00:00 ── 3600 W ── 16:01:00 ── … (held for a minute each)
    # register          16:00:30 ── 20 Wh ── 16:01:00
    oracle = fed(
        at(h(0), power_w=3600),
        at(h(0, 0, 30), import_wh=100),
        at(h(0, 1), power_w=0, import_wh=120),
    )
    show(total(oracle, BASE), import_mwh=50 * WH, integral_import_mwh=60 * WH, method=Method.MIXED, export_mwh=0)


def test_a_direction_without_a_say_does_not_make_it_mixed() -> None:
    register = [at(h(0), import_wh=100, power_w=0), at(h(0, 1), import_wh=100, power_w=0)]
    show(total(fed(*register), BASE), method=Method.REGISTER, import_mwh=0)
    show(total(fed(at(h(0), power_w=-360, import_wh=100), at(h(0, 0, 10), power_w=0, import_wh=100)), BASE), method=Method.MIXED, export_mwh=1 * WH)
    show(total(fed(at(h(0), power_w=0), at(h(0, 1), power_w=0)), BASE), method=None, covered_ms=60_000)
    # a rest of less than 1 mWh is none: 1 mW for ten seconds
    less = [at(h(0), power_w=0.001), at(h(0, 0, 10), power_w=0, import_wh=100), at(h(0, 1), import_wh=100)]
    show(total(fed(*less), BASE), method=Method.REGISTER, covered_ms=10_000)


# 5. A total


def test_the_earliest_of_equal_peaks() -> None:
    oracle = fed(at(h(0, 2), power_w=5), at(h(0, 1), power_w=5), at(h(0, 3), power_w=-7), at(h(0), power_w=4))
    show(total(oracle, BASE), power_min_mw=-7_000, power_max_mw=5_000, power_max_at=h(0, 1), first_at=h(0), last_at=h(0, 3), readings=4)
    oracle = fed(at(h(1, 2), power_w=5), at(h(0, 3), power_w=5))
    show(total(oracle, day_at("UTC", BASE)[0], Grain.DAY), power_max_at=h(0, 3), first_at=h(0, 3), last_at=h(1, 2), readings=2)


HOURS = [  # zone, instant, how far before it its hour starts and how far after it ends, in minutes
    ("Europe/London", "2025-11-24T16:20Z", 20, 40),
    ("Asia/Kathmandu", "2025-11-24T16:20Z", 5, 55),  # 22:05 +05:45
    ("Europe/London", "2025-10-26T00:30Z", 30, 30),  # 01:30 +01:00
    ("Europe/London", "2025-10-26T01:30Z", 30, 30),  # 01:30 again, another hour
    ("Australia/Lord_Howe", "2025-10-04T15:29Z", 59, 1),  # 01:59 +10:30
    ("Australia/Lord_Howe", "2025-10-04T15:30Z", 0, 30),  # 02:30 +11: the hour from 02:30 to 03:00
    ("Australia/Lord_Howe", "2025-10-04T16:00Z", 0, 60),
    ("Australia/Lord_Howe", "2026-04-04T14:59Z", 59, 1),  # 01:59 +11
    ("Australia/Lord_Howe", "2026-04-04T15:00Z", 0, 30),  # 01:30 +10:30: the hour from 01:30 to 02:00
    ("Australia/Lord_Howe", "2026-04-04T15:30Z", 0, 60),
]


@pytest.mark.parametrize(("zone", "instant", "before", "after"), HOURS)
def test_hours_are_local(zone: str, instant: str, before: int, after: int) -> None:
    at_ms = moment(instant)
    assert hour_at(zone, at_ms) == (at_ms - before * MINUTE, at_ms + after * MINUTE)
    assert hour_at(zone, at_ms - before * MINUTE - 1)[1] == at_ms - before * MINUTE


def moment(text: str) -> int:
    """Epoch ms of `2025-11-24T16:20Z`."""
    oracle = Oracle(Rules())
    oracle.add(Message(b"a", json.dumps({"device": "a", "at": text.replace("Z", ":00Z"), "power_w": 1}).encode(), 2**50, 0))
    found = oracle.live["a"]["at"]
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    ("zone", "instant", "start", "hours"),
    [
        ("Europe/London", "2025-11-24T16:20Z", "2025-11-24T00:00Z", 24),
        ("Europe/London", "2025-10-26T12:00Z", "2025-10-25T23:00Z", 25),
        ("Europe/London", "2026-03-29T12:00Z", "2026-03-29T00:00Z", 23),
        ("Australia/Lord_Howe", "2026-04-05T00:00Z", "2026-04-04T13:00Z", 24.5),
        ("America/Havana", "2025-03-09T12:00Z", "2025-03-09T05:00Z", 23),  # 00:00 does not exist: from 01:00 on
        ("America/Santiago", "2025-04-05T12:00Z", "2025-04-05T03:00Z", 25),  # at 24:00 it is 23:00 again
        ("Pacific/Apia", "2011-12-29T12:00Z", "2011-12-29T10:00Z", 24),  # the 30th was left out
    ],
)
def test_days_go_from_the_first_instant_of_a_date_to_that_of_the_next(zone: str, instant: str, start: str, hours: float) -> None:
    assert day_at(zone, moment(instant)) == (moment(start), moment(start) + round(hours * HOUR))


def test_months_are_local() -> None:
    assert month_at("Europe/Amsterdam", moment("2025-10-31T23:30Z")) == (moment("2025-10-31T23:00Z"), moment("2025-11-30T23:00Z"))
    assert month_at("Europe/London", moment("2024-02-29T23:59Z")) == (moment("2024-02-01T00:00Z"), moment("2024-03-01T00:00Z"))


def test_a_day_is_its_hours_and_a_month_its_days() -> None:
    # 30 November 22:30 UTC (23:30 in Amsterdam) ── 1 Wh a minute ── 01:30
    rules = Rules(zone="Europe/Amsterdam")
    start = moment("2025-11-30T22:30Z")
    oracle = fed(at(start, import_wh=100, power_w=7), at(start + 3 * HOUR, import_wh=280), rules=rules)
    show(total(oracle, moment("2025-10-31T23:00Z"), Grain.MONTH), import_mwh=30 * WH, estimated_import_mwh=30 * WH, power_max_at=start, last_at=start)
    december = total(oracle, moment("2025-11-30T23:00Z"), Grain.MONTH)
    show(december, import_mwh=150 * WH, end=moment("2025-12-31T23:00Z") // 1000, readings=1, power_max_mw=None, method=Method.REGISTER)
    assert total(oracle, moment("2025-11-30T23:00Z"), Grain.DAY)._replace(grain=Grain.MONTH, end=december.end) == december


# 6. Open and closed hours (SHORT: hours close after two)


def edge(oracle: Oracle) -> int:
    """E, in hours of the timeline."""
    found = oracle.devices[strategies.DEVICE].edge
    assert found is not None
    return (found - BASE) // HOUR


def test_the_first_reading_opens_forty_days_and_the_horizon() -> None:
    oracle = fed(at(h(1, 10), power_w=1), rules=SHORT)
    assert edge(oracle) == 1 - 2 - 960


def test_the_edge_is_the_newest_hour_with_a_leading_reading_older_than_the_horizon() -> None:
    # lead    h0:10  h1:10          h3:10 → E = h1
    # not               h0:50 (came after h1:10)
    steps = [at(h(0, 10), power_w=1), at(h(1, 10), power_w=1), at(h(0, 50), power_w=1)]
    assert edge(fed(*steps, at(h(2, 10), power_w=1), rules=SHORT)) == 0
    assert edge(fed(*steps, at(h(3, 9, 59.999), power_w=1), rules=SHORT)) == 0
    assert edge(fed(*steps, at(h(3, 10), power_w=1), rules=SHORT)) == 1
    # after a silence, what did not lead does not close what it fills
    assert edge(fed(steps[0], at(h(9), power_w=1), at(h(5), power_w=1), at(h(10, 30), power_w=1), rules=SHORT)) == 0
    assert edge(fed(steps[0], at(h(9), power_w=1), at(h(5), power_w=1), at(h(11), power_w=1), rules=SHORT)) == 9
    # never more than 40 days of silence
    assert edge(fed(steps[0], at(h(3), power_w=1), at(h(2000), power_w=1), rules=SHORT)) == 2000 - 2 - 960


def test_a_reading_before_the_edge_is_late_and_changes_nothing() -> None:
    lead = [at(h(i, 10), power_w=360, import_wh=100 + i) for i in range(4)]
    oracle = fed(*lead, rules=SHORT)
    before = oracle.totals()
    for message in strategies.as_messages([at(h(0, 59, 59.999), power_w=1), at(h(1), power_w=1)], first_offset=200):
        oracle.add(message)
    assert oracle.late == [(200, None)] and oracle.outcomes["late"] == 1
    after = oracle.totals()
    assert {key for key in after if after[key] != before.get(key)} == {
        (strategies.DEVICE, grain, start // 1000)
        for grain, start in ((Grain.HOUR, h(1)), (Grain.DAY, h(-16)), (Grain.MONTH, month_at("UTC", BASE)[0]))
    }


def test_an_array_is_its_readings_one_by_one_so_some_of_it_may_be_late() -> None:
    # the array's own newest moves the edge only behind the older ones
    oracle = fed([at(h(3, 10), power_w=1), at(h(0, 10), power_w=1), at(h(1, 10), power_w=1)], rules=SHORT)
    assert oracle.late == [] and edge(oracle) == 1
    oracle = fed(at(h(1, 10), power_w=1), at(h(3, 10), power_w=1), [at(h(4), power_w=1), at(h(0, 50), power_w=1), at(h(1), power_w=1)], rules=SHORT)
    assert oracle.late == [(102, [1])]


def test_a_reading_that_moves_the_edge_counts_first() -> None:
    # h0:10 100 Wh ──────── h1:10 (power alone) ──── h4:10 340 Wh moves E to h1; h0 has its 50 Wh of the line nevertheless
    oracle = fed(at(h(0, 10), import_wh=100), at(h(1, 10), power_w=0), at(h(4, 10), import_wh=340), rules=SHORT)
    assert edge(oracle) == 1
    assert imports(oracle) == {0: (50, 0), 1: (60, 0), 2: (60, 0), 3: (60, 0), 4: (10, 0)}


def test_the_successor_came_after_its_past_was_closed() -> None:
    # power     h1:10  h2:10  h3:10 → E = h1
    # register  h0:10 1000 ───│── 1 Wh a minute ── h3:10 1180, sent apart, after that
    powers = [at(h(i, 10), power_w=0) for i in (1, 2, 3)]
    oracle = fed(at(h(0, 10), import_wh=1000), *powers, at(h(3, 10), import_wh=1180), rules=SHORT)
    assert imports(oracle) == {0: (0, 0), 1: (60, 0), 2: (60, 0), 3: (10, 50)}
    show(total(oracle, h(-16), Grain.DAY), import_mwh=130 * WH, unbooked_import_mwh=50 * WH)


def test_the_successor_changed_after_its_past_was_closed() -> None:
    # register  h0:10 1000 ── 1 Wh a minute ── h3:10 1180 ── h5:10 1300 → E = h3, h0 … h2 hold B = 170
    # then comes h3:05 1000: nothing was used until then, so 170 too much have been booked
    line = [at(h(0, 10), import_wh=1000), at(h(3, 10), import_wh=1180), at(h(5, 10), import_wh=1300)]
    assert imports(fed(*line, rules=SHORT)) == {0: (50, 0), 1: (60, 0), 2: (60, 0), 3: (60, 0), 4: (60, 0), 5: (10, 0)}
    oracle = fed(*line, at(h(3, 5), import_wh=1000), rules=SHORT)
    assert edge(oracle) == 3
    assert imports(oracle) == {0: (50, 0), 1: (60, 0), 2: (60, 0), 3: (180 + 50, -170), 4: (60, 0), 5: (10, 0)}


def test_the_correction_is_not_made_twice() -> None:
    # as before, then E goes on to h5: the −170 of h3 are booked now
    line = [at(h(0, 10), import_wh=1000), at(h(3, 10), import_wh=1180), at(h(5, 10), import_wh=1300), at(h(3, 5), import_wh=1000)]
    oracle = fed(*line, at(h(7, 10), import_wh=1420), rules=SHORT)
    assert edge(oracle) == 5
    assert imports(oracle) == {0: (50, 0), 1: (60, 0), 2: (60, 0), 3: (230, -170), 4: (60, 0), 5: (60, 0), 6: (60, 0), 7: (10, 0)}


def test_a_reset_after_its_past_was_closed_takes_back_what_closed_hours_hold() -> None:
    # 1180 at h3:10 turns out to be 40 of a new meter: no line, but h0 … h2 hold 170 of one
    line = [at(h(0, 10), import_wh=1000), at(h(3, 10), import_wh=1180), at(h(5, 10), import_wh=1300)]
    swapped = [at(h(5, 10), import_wh=160), at(h(3, 10), import_wh=40)]
    oracle = fed(*line, *swapped, rules=SHORT)
    assert imports(oracle) == {0: (50, 0), 1: (60, 0), 2: (60, 0), 3: (50, -170), 4: (60, 0), 5: (10, 0)}
    show(total(oracle, h(3)), resets=1)


def test_over_forty_days_the_whole_step_less_what_is_held() -> None:
    # closed hours hold 170 up to h3; then the points of h3:10 and h5:10 turn out to be zeros, and the next valid one is 41 days away
    line = [at(h(0, 10), import_wh=2000), at(h(3, 10), import_wh=2180), at(h(5, 10), import_wh=2300)]
    zeros = [at(h(5, 10), import_wh=0), at(h(3, 10), import_wh=0)]
    oracle = fed(*line, *zeros, at(h(984), import_wh=3000), rules=SHORT)
    assert imports(oracle) == {0: (50, 0), 1: (60, 0), 2: (60, 0), 3: (0, 0), 5: (0, 0), 984: (0, 1000 - 170)}
    show(total(oracle, h(3)), glitches=1)
    show(total(oracle, h(5)), glitches=0)


def test_what_was_in_doubt_before_the_edge_is_decided_by_the_first_that_comes() -> None:
    # register  h0:10 1000   h0:20 900 (in doubt)    power moves E to h1    h4:20 960: a new meter since h0:20, 15 Wh an hour
    doubt = [at(h(0, 10), import_wh=1000), at(h(0, 20), import_wh=900), *(at(h(i, 10), power_w=0) for i in (1, 2, 3))]
    oracle = fed(*doubt, at(h(4, 20), import_wh=960), rules=SHORT)
    assert imports(oracle) == {0: (0, 0), 1: (15, 0), 2: (15, 0), 3: (15, 0), 4: (5, 10)}
    assert not any(found.resets for found in oracle.totals().values())  # its hour was closed by then
    # decided a glitch by 1001 at h3, it stays one whatever comes before that
    oracle = fed(*doubt, at(h(3), import_wh=1001), at(h(2), import_wh=901), rules=SHORT)
    assert [total(oracle, h(i)).glitches for i in range(4)] == [0, 0, 1, 0]
    assert sum(found.import_mwh + found.unbooked_import_mwh for (_, grain, _), found in oracle.totals().items() if grain is Grain.HOUR) == 1 * WH


def test_a_jump_that_was_in_doubt_before_the_edge_is_unbooked() -> None:
    # register  h0:00 1000  h0:29:50 1000  h0:30 41000 (in doubt)    E = h1    h3:10 41160: it was a jump, 1 Wh a minute since
    # closed hours hold nothing of the 40,000 and the 30 up to h1
    standing = [at(h(0), import_wh=1000), at(h(0, 29, 50), import_wh=1000), at(h(0, 30), import_wh=41_000)]
    powers = [at(h(i, 10), power_w=0) for i in (1, 2, 3)]
    oracle = fed(*standing, *powers, at(h(3, 10), import_wh=41_160), rules=SHORT)
    assert imports(oracle) == {0: (0, 0), 1: (60, 0), 2: (60, 0), 3: (10, 40_030)}


def test_a_value_in_doubt_that_is_corrected_is_in_doubt_still() -> None:
    oracle = fed(at(h(0), import_wh=5000), at(h(0, 1), import_wh=9000), at(h(0, 1), import_wh=9001))
    show(total(oracle, BASE), import_mwh=0, glitches=0, resets=0, readings=2)


def test_what_has_been_decided_stays_though_a_later_point_would_say_otherwise() -> None:
    # register  h0:10 1000  h0:20 1300 (valid: nothing after it)   E = h1   h3:10 1010 would have made it one value too high
    decided = [at(h(0, 10), import_wh=1000), at(h(0, 20), import_wh=1300), *(at(h(i, 10), power_w=0) for i in (1, 2, 3))]
    oracle = fed(*decided, at(h(3, 10), import_wh=1010), at(h(3, 20), import_wh=1011), rules=SHORT)
    assert imports(oracle) == {0: (300, 0), 1: (0, 0), 2: (0, 0), 3: (1, 0)}
    show(total(oracle, h(3)), resets=1)


def test_a_run_of_zeros_across_the_edge_counts_once() -> None:
    zeros = [at(h(0, 10), import_wh=5000), at(h(0, 20), import_wh=0), *(at(h(i, 10), power_w=0) for i in (1, 2, 3))]
    oracle = fed(*zeros, at(h(3, 10), import_wh=0), at(h(3, 20), import_wh=5000), rules=SHORT)
    assert [total(oracle, h(i)).glitches for i in (0, 3)] == [1, 0]


def test_a_hold_reaches_over_the_edge() -> None:
    # h0:59:50 360 W is the newest flow when h0 closes by registers alone; a power of h1:00:10 lets it hold: 10 s of it are too late, 10 s count
    registers = [at(h(i, 10), import_wh=1) for i in (1, 2, 3)]
    oracle = fed(at(h(0, 59, 50), power_w=360), *registers, at(h(1, 0, 10), power_w=0), rules=SHORT)
    show(total(oracle, h(0)), covered_ms=0)
    show(total(oracle, h(1)), covered_ms=10_000, integral_import_mwh=1 * WH)


def test_closed_hours_never_come_to_be() -> None:
    # after a jump of 100 days only what lies within 40 days and the horizon is open: an interval reaching in from before is cut there
    oracle = fed(at(h(0), import_wh=100), at(h(2400), import_wh=200), at(h(2400 - 962 - 1), power_w=1, for_s=7200), rules=SHORT)
    assert oracle.outcomes["late"] == 1 and imports(oracle) == {0: (0, 0), 2400: (0, 100)}


# 8. Live


def test_live_is_the_newest_of_each_kind() -> None:
    oracle = fed(
        at(h(0, 10), power_w=1, import_wh=10),  # offset 100
        at(h(0, 20), power_w=2),  # 101
        at(h(0, 5), power_w=9, import_wh=9, export_wh=3),  # 102: old, but the first export
        at(h(0, 20), power_w=2),  # 103: nothing new
    )
    assert oracle.live[strategies.DEVICE] == {
        "device": strategies.DEVICE, "at": h(0, 20), "power_mw": 2_000, "power_at": h(0, 20), "import_mwh": 10 * WH, "import_at": h(0, 10),
        "export_mwh": 3 * WH, "export_at": h(0, 5), "offset": 102,
    }  # fmt: skip
    live = fed(at(h(0, 10), power_w=1), at(h(0, 10), power_w=5), at(h(0, 20), energy_wh=-1, for_s=3600)).live[strategies.DEVICE]
    assert (live["power_mw"], live["power_at"], live["offset"]) == (-1_000, h(0, 20), 102)


# What must hold of any timeline


@settings(deadline=None)
@given(st.data())
def test_honest_registers_telescope(data: st.DataObject) -> None:
    rules = data.draw(strategies.rules())
    oracle = fed(*data.draw(strategies.true_registers(rules.zone)), rules=rules)
    points = [reading.import_mwh for _, reading in sorted(oracle.devices[strategies.DEVICE].known.items())]
    for grain in Grain:
        totals = [found for (_, of, _), found in oracle.totals().items() if of is grain]
        assert points[0] is not None and points[-1] is not None
        assert sum(found.import_mwh + found.unbooked_import_mwh for found in totals) == points[-1] - points[0]
        assert not any(found.glitches or found.resets for found in totals)


@settings(deadline=None)
@given(st.data())
def test_whatever_comes_registers_and_unbooked_are_the_steps_of_valid_points(data: st.DataObject) -> None:
    rules = data.draw(strategies.rules())
    drawn = data.draw(strategies.elements(rules.zone, most=16))
    oracle = fed(*(at(element["at"], import_wh=element.get("import_wh", 1_000)) for element in drawn), rules=rules)
    device = oracle.devices[strategies.DEVICE]
    assert device.edge is not None
    valid = [verdict for verdict in device.verdicts("import") if verdict.is_valid]
    steps = sum(v.point.mwh - v.before.v.mwh for v in valid if v.before.v is not None and v.kind is Kind.VALID)
    hours = [found for (_, grain, start), found in oracle.totals().items() if grain is Grain.HOUR and start * 1000 >= device.edge]
    held = device.lines["import"].booked  # beyond the last valid point before E, by closed hours: the first valid one behind it settles that
    assert not valid or sum(found.import_mwh + found.unbooked_import_mwh for found in hours) + held == steps


@settings(deadline=None)
@given(st.data())
def test_any_order_and_any_split_give_the_same_while_nothing_closes(data: st.DataObject) -> None:
    rules = Rules(zone=data.draw(st.sampled_from(sorted(strategies.ANCHORS))), restate_ms=100_000 * HOUR)
    elements = list({element["at"]: element for element in data.draw(strategies.elements(rules.zone))}.values())
    last = max(element["at"] for element in elements) + DAY
    first, second = (
        [message.__class__(message.key, message.value, last, message.offset) for message in strategies.as_messages(drawn)]
        for drawn in (elements, data.draw(strategies.batched(data.draw(st.permutations(elements)))))
    )
    totals = []
    for messages in (first, second):
        oracle = Oracle(rules)
        for message in messages:
            oracle.add(message)
        assert oracle.outcomes["late"] == 0
        totals.append(oracle.totals())
    assert totals[0] == totals[1]


@settings(deadline=None)
@given(strategies.timelines())
def test_nothing_is_dropped_and_no_absent_total_is_named(timeline: tuple[Rules, list[Message]]) -> None:
    rules, messages = timeline
    oracle = Oracle(rules)
    for message in messages:
        oracle.add(message)
    elements = sum(len(fields["at"]) if isinstance(fields["at"], list) else 1 for fields in (json.loads(m.value or b"") for m in messages))
    assert oracle.outcomes.total() == elements and not oracle.rejected
    assert not any(found.absent for found in oracle.totals().values())


# The generator


@pytest.mark.parametrize("name", STARTS)
def test_a_generated_meter_is_its_own_answer(name: str) -> None:
    zone, start = STARTS[name]
    sent = generate(3, 4, start, 6, interval_s=60, rates=Rates.none())
    oracle = Oracle(Rules(zone=zone))
    for offset, message in enumerate(sent):
        oracle.add(Message(message.key, message.value, message.timestamp_ms, offset))
    last = start + 6 * HOUR - MINUTE
    hours = [found for (_, grain, _), found in oracle.totals().items() if grain is Grain.HOUR and found.start * 1000 >= start]
    assert len(hours) >= 4 * 6 and manifest(sent) == {"in_order": 4 * 6 * 60}
    for found in hours:
        a, b = max(found.start * 1000, start), min(found.end * 1000, last)
        meter = next(meter_of(3, number, 60) for number in range(4) if device_name(number) == found.device)
        assert (found.import_mwh, found.export_mwh) == tuple(meter.register_mwh(b, sign) - meter.register_mwh(a, sign) for sign in (1, -1))
        assert abs(found.integral_import_mwh - meter.energy_mwh(b, 1) + meter.energy_mwh(a, 1)) <= 1


def test_the_generator_tags_what_it_does_and_repeats_itself() -> None:
    rates = Rates(silences_an_hour=0.02, resets_an_hour=0.05, poison=0.05)
    sent = generate(5, 12, BASE, 12, interval_s=30, rates=rates)
    assert sent == generate(5, 12, BASE, 12, interval_s=30, rates=rates) != generate(6, 12, BASE, 12, interval_s=30, rates=rates)
    expected = {"in_order", "shuffled", "late_3h", "late_3d", "late_40d", "duplicate", "correction", "apart", "future", "poison", "key_mismatch"}
    assert expected | {"glitch", "reset", "gap", "silence", "batch", "batch_again", "overlap"} <= set(manifest(sent))
    oracle = Oracle(Rules())
    for offset, message in enumerate(sent):
        oracle.add(Message(message.key, message.value, message.timestamp_ms, offset))
    reasons = {offset: reason for offset, reason, _ in oracle.rejected}
    for offset, message in enumerate(sent):
        wanted = {"poison": message.tags[-1], "future": "at.future", "key_mismatch": "device.mismatch"}.get(message.tags[0])
        assert reasons.get(offset) == wanted
