"""The table by which points of a register are believed, row by row, and what is kept of a register when its hours close.

In the drawings a point is (minutes, Wh); q is 1,000 Wh, so in a minute a register can rise by 2,666 Wh, in an hour by 101,000 Wh.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.register import Point, RegisterState, Verdict, close, fits, judge, judged, moved, on_line, settle_doubt
from metering.rules import Rules
from tests import oracle_register, strategies
from tests.oracle_register import Kind, Line

USUAL = Rules()
HOUR = 3_600_000
MINUTE = 60_000
Drawn = tuple[int, float]


def point(drawn: Drawn) -> Point:
    return drawn[0] * MINUTE, round(drawn[1] * 1000)


VALID, RESET, GLITCH, DOUBT = Verdict.VALID, Verdict.RESET, Verdict.GLITCH, Verdict.DOUBT

TABLE: dict[str, tuple[Drawn | None, Drawn | None, Drawn, Drawn | None, Verdict]] = {
    #                                           s           v          p              n
    "first of all": (None, None, (0, 70), None, VALID),
    "first of all, whatever follows": (None, None, (0, 70), (1, 0), VALID),
    "zero after more than a step": ((0, 1_000.001), (0, 1_000.001), (1, 0), None, GLITCH),
    "zero, and then it goes on from zero": ((0, 5_000), (0, 5_000), (1, 0), (2, 1), GLITCH),
    "zero after a step: in doubt": ((0, 1_000), (0, 1_000), (1, 0), None, DOUBT),
    "zero after a step: reset": ((0, 1_000), (0, 1_000), (1, 0), (2, 1), RESET),
    "after zero: in doubt": ((0, 0), (0, 0), (1, 1_000.001), None, DOUBT),
    "after zero: goes on": ((0, 0), (0, 0), (1, 6_000), (2, 6_001), RESET),
    "after zero: the zero was right": ((0, 0), (0, 0), (1, 6_000), (2, 0), GLITCH),
    "after zero: a step": ((0, 0), (0, 0), (1, 1_000), None, VALID),
    "fits": ((0, 100), (0, 100), (1, 102), None, VALID),
    "fits, as far as it can rise": ((0, 100), (0, 100), (1, 2_766.666), None, VALID),
    "fits, and n goes on": ((0, 100), (0, 100), (1, 2_000), (2, 2_001), VALID),
    "fits, 10 Wh down": ((0, 100), (0, 100), (1, 90), None, VALID),
    "fits, but n is back: too high": ((0, 100), (0, 100), (1, 2_000), (2, 101), GLITCH),
    "fits, n is back by 10 Wh only": ((0, 100), (0, 100), (1, 2_000), (2, 1_990), VALID),
    "fits, n is back by more than 10 Wh": ((0, 100), (0, 100), (1, 2_000), (2, 1_989.999), GLITCH),
    "fits, n is a zero": ((0, 5), (0, 5), (1, 2_000), (2, 0), VALID),
    "fits, n is below v too": ((0, 100), (0, 100), (1, 2_000), (2, 89.999), VALID),
    "stood still since s: in doubt": ((-60, 100), (0, 100), (1, 50_000), None, DOUBT),
    "stood still since s: fits": ((-60, 100), (0, 100), (1, 50_000), (2, 50_001), VALID),
    "stood still since s, but n is back": ((-60, 100), (0, 100), (1, 50_000), (2, 100), GLITCH),
    "stood still, but not so long": ((-20, 100), (0, 100), (1, 50_000), (2, 50_001), RESET),
    "too high: in doubt": ((0, 100), (0, 100), (1, 50_000), None, DOUBT),
    "too high: n fits v only": ((0, 100), (0, 100), (1, 50_000), (2, 200), GLITCH),
    "too low: n fits both, as near to v": ((0, 100), (0, 100), (1, 80), (2, 90), GLITCH),
    "too high: n fits both, nearer to p": ((0, 100), (0, 100), (1, 3_000), (2, 3_100), RESET),
    "another meter": ((0, 50_000), (0, 50_000), (1, 10), (2, 11), RESET),
    "another meter: in doubt": ((0, 50_000), (0, 50_000), (1, 10), None, DOUBT),
    "nothing fits": ((0, 50_000), (0, 50_000), (1, 10), (2, 30_000), GLITCH),
}


@pytest.mark.parametrize(("s", "v", "p", "n", "verdict"), TABLE.values(), ids=TABLE)
def test_the_table_row_by_row(s: Drawn | None, v: Drawn | None, p: Drawn, n: Drawn | None, verdict: Verdict) -> None:
    assert judge(USUAL, v and point(v), s and point(s), point(p), n and point(n)) is verdict


LIMITS = {  # how far apart, and the greatest rise, in mWh: q + what the greatest power gives
    "no time": (0, 1_000_000),
    "a minute at 100 kW": (MINUTE, 1_000_000 + 1_666_666),
    "six hours at 100 kW": (6 * HOUR, 1_000_000 + 600_000_000),
    "an hour more at 25 kW": (7 * HOUR, 1_000_000 + 625_000_000),
    "forty days": (960 * HOUR, 1_000_000 + 600_000_000 + 954 * 25_000_000),
}


@pytest.mark.parametrize(("apart", "rise"), LIMITS.values(), ids=LIMITS)
def test_a_register_rises_by_no_more_than_the_largest_plausible_use(apart: int, rise: int) -> None:
    assert fits(USUAL, (0, 500), (apart, 500 + rise)) and not fits(USUAL, (0, 500), (apart, 501 + rise))


def test_below_25_kw_the_greatest_power_goes_on_for_ever() -> None:
    small = dataclasses.replace(USUAL, max_power_mw=10_000_000, register_step_mwh=0)
    assert fits(small, (0, 0), (7 * HOUR, 70_000_000)) and not fits(small, (0, 0), (7 * HOUR, 70_000_001))


@pytest.mark.parametrize("step", [0, 1_000, 1_000_000])
def test_a_register_falls_by_10_wh_at_most(step: int) -> None:
    rules = dataclasses.replace(USUAL, register_step_mwh=step)
    assert fits(rules, (0, 20_000), (HOUR, 10_000)) and not fits(rules, (0, 20_000), (HOUR, 9_999))


# Whatever the values

KINDS = {Kind.VALID: VALID, Kind.RESET: RESET, Kind.GLITCH: GLITCH, Kind.DOUBT: DOUBT}
values = st.sampled_from([round(wh * 1000) for wh in strategies.REGISTERS_WH])
gaps = st.sampled_from(strategies.GAPS_MS)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Rules, Point, Point, Point, Point | None]:
    """Rules, s, v, p and n, one after the other; v has the value of s."""
    rules, s_at, value = draw(strategies.rules()), draw(gaps), draw(values)
    v_at = s_at + draw(st.sampled_from((0, *strategies.GAPS_MS)))
    p_at = v_at + draw(gaps)
    n = draw(st.one_of(st.none(), st.tuples(gaps.map(lambda gap: p_at + gap), values)))
    return rules, (s_at, value), (v_at, value), (p_at, draw(values)), n


@given(situations())
def test_every_verdict_is_the_oracles(situation: tuple[Rules, Point, Point, Point, Point | None]) -> None:
    rules, s, v, p, n = situation
    expected = oracle_register.judge(
        oracle_register.Point(*v), oracle_register.Point(*s), oracle_register.Point(*p), n and oracle_register.Point(*n), rules
    )
    assert judge(rules, v, s, p, n) is KINDS[expected]


@given(situations())
def test_only_what_has_no_next_point_is_in_doubt(situation: tuple[Rules, Point, Point, Point, Point | None]) -> None:
    rules, s, v, p, n = situation
    assert n is None or judge(rules, v, s, p, n) is not DOUBT


@given(situations())
def test_the_state_moves_as_the_oracles(situation: tuple[Rules, Point, Point, Point, Point | None]) -> None:
    rules, s, v, p, n = situation
    state = RegisterState(v[0], v[1], s[0], p[0], p[1])
    line = Line(oracle_register.Point(*v), oracle_register.Point(*s))
    verdict = judged(rules, state, n)
    kind = next(kind for kind, same in KINDS.items() if same is verdict)
    after, expected = moved(state, verdict), line.past(oracle_register.Point(*p), kind)
    assert expected.v is not None and expected.s is not None
    assert (after.v_at, after.v, after.s_at, after.zero) == (*expected.v, expected.s.at, expected.zero)
    assert (after.p_at is None) == (expected.doubt is None)


@given(values, values, st.integers(1, 10**10), st.lists(st.integers(0, 10**6), max_size=5))
def test_pieces_of_a_line_add_up_to_its_step(low: int, high: int, apart: int, cuts: list[int]) -> None:
    v, p = (0, low), (apart, high)
    edges = [0, *sorted(apart * cut // 10**6 for cut in cuts), apart]
    assert sum(on_line(v, p, b) - on_line(v, p, a) for a, b in pairwise(edges)) == high - low
    assert (on_line(v, p, 0), on_line(v, p, apart)) == (low, high)


def test_a_line_is_floored_upwards_and_downwards() -> None:
    assert [on_line((0, 0), (3, 2), at) for at in range(4)] == [0, 0, 1, 2]
    assert [on_line((0, 2), (3, 0), at) for at in range(4)] == [2, 1, 0, 0]


# What is kept when hours close: at 0 h is v with 100 Wh, and hours from `before` to `closed` go


def kept(at_hours: float, wh: float, **more: Any) -> RegisterState:
    return RegisterState(round(at_hours * HOUR), round(wh * 1000), round(at_hours * HOUR))._replace(**more)


def closing(state: RegisterState, before: float, closed: float, *later: tuple[float, float]) -> RegisterState:
    """`later`: the points from `closed` on, in hours and Wh."""
    return close(USUAL, state, round(before * HOUR), round(closed * HOUR), iter([(round(at * HOUR), round(wh * 1000)) for at, wh in later]))


def test_closed_hours_hold_their_part_of_the_line_over_the_edge() -> None:
    #   v 100 ──────│────── 300        │ closed
    #   0 h        1 h      2 h
    assert closing(kept(0, 100), 0, 1, (2, 300)) == kept(0, 100, base=100_000, first=True)


def test_at_the_next_closing_they_hold_more_of_it() -> None:
    once = closing(kept(0, 100), 0, 1, (2, 300))
    assert closing(once, 1, 1.5, (2, 300)) == kept(0, 100, base=150_000, first=True)


def test_with_no_point_after_the_edge_they_hold_nothing_yet() -> None:
    assert closing(kept(0, 100), 0, 1) == kept(0, 100, base=0, first=True)


def test_a_glitch_after_the_edge_is_no_end_of_the_line() -> None:
    assert closing(kept(0, 100), 0, 1, (1.5, 0), (2, 300)) == kept(0, 100, base=100_000, first=True)


def test_over_a_reset_or_forty_days_there_is_no_line() -> None:
    assert closing(kept(0, 5_000), 0, 1, (2, 10), (3, 11)).base == 0
    assert closing(kept(0, 100), 0, 1, (960, 300)).base == 208  # an hour of 200 Wh in 40 days, floored
    assert closing(kept(0, 100), 0, 1, (960.001, 300)).base == 0


def test_the_point_before_the_edge_is_decided_by_what_is_known() -> None:
    high = kept(0, 100, p_at=HOUR // 2, p=800_000_000)
    assert closing(high, 0, 1).p_at == HOUR // 2  # in doubt, and stays so
    assert closing(high, 0, 1, (2, 101)).p_at is None  # a glitch
    risen = kept(0, 100, p_at=HOUR // 2, p=200_000)
    assert (closing(risen, 0, 1).v_at, closing(risen, 0, 1).v) == (HOUR // 2, 200_000)


def test_a_point_in_doubt_is_settled_by_the_first_that_comes_and_its_step_is_no_longer_owed() -> None:
    #   s 100 ── v 100 ── p 50,000 │      closed hours hold 7 Wh beyond v
    carried = RegisterState(HOUR, 100_000, 0, HOUR + MINUTE, 50_000_000, base=7_000, first=True)
    valid = settle_doubt(USUAL, carried, (2 * HOUR, 50_001_000))
    assert valid._replace(p=0) == RegisterState(HOUR + MINUTE, 50_000_000, HOUR + MINUTE, base=7_000 - 49_900_000, first=True)
    glitch = settle_doubt(USUAL, carried, (2 * HOUR, 100_000))
    assert glitch._replace(p=0) == RegisterState(HOUR, 100_000, 0, base=7_000, first=True)


def test_a_reset_in_doubt_leaves_what_is_held_as_it_is() -> None:
    carried = RegisterState(0, 5_000_000, 0, MINUTE, 10_000, base=7_000, first=True)
    reset = settle_doubt(USUAL, carried, (2 * HOUR, 11_000))
    assert reset._replace(p=0) == RegisterState(MINUTE, 10_000, MINUTE, base=7_000, first=True)
