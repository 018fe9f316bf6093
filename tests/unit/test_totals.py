"""How totals add up, travel and are compared: an hour is in its day, a day in its month, in every field that adds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metering.period import Calendar
from metering.rules import Rules
from metering.total import Grain, Method, Total, fold
from metering.wire import LARGEST, LONGEST, total_from_json, total_key, total_to_json
from tests import oracle_hour, strategies
from tests.folding import Folding, folded
from tests.strategies import HOUR

NOW = 1_764_000_000
ADDS = [name for name in Total._fields if name.endswith("_mwh") or name in ("readings", "covered_ms", "glitches", "resets")]
energy = st.integers(-(2**70), 2**70)
count = st.integers(0, 10**9)
power = st.one_of(st.none(), st.integers(-5, 5))
moment = st.one_of(st.none(), st.integers(NOW * 1000, NOW * 1000 + 9))


@st.composite
def hours(draw: st.DrawFn) -> Total:
    values: dict[str, Any] = {name: draw(energy if name.endswith("_mwh") else count) for name in ADDS}
    low = draw(power)
    high = None if low is None else low + draw(st.integers(0, 3))
    at = None if low is None else draw(st.integers(NOW * 1000, NOW * 1000 + 9))
    start = NOW + 3600 * draw(st.integers(0, 23))
    values |= {"device": "cad-1", "grain": Grain.HOUR, "start": start, "end": start + 3600, "method": draw(st.sampled_from((None, *Method)))}
    values |= {"power_min_mw": low, "power_max_mw": high, "power_max_at": at, "first_at": draw(moment), "last_at": draw(moment)}
    return Total(**values, epoch=draw(count), offset=draw(count), reflects=draw(count))


parts = st.lists(hours(), min_size=1, max_size=6, unique_by=lambda total: total.start)


@given(parts, st.data())
def test_a_period_is_the_sum_of_its_parts_in_any_order(drawn: list[Total], data: st.DataObject) -> None:
    total = fold(drawn, Grain.DAY, NOW, NOW + 86_400, 5, 77)
    assert {name: getattr(total, name) for name in ADDS} == {name: sum(getattr(part, name) for part in drawn) for name in ADDS}
    assert (total.device, total.grain, total.start, total.end) == ("cad-1", Grain.DAY, NOW, NOW + 86_400)
    assert (total.version, total.reflects) == ((5, 77), max(part.reflects for part in drawn))
    assert fold(data.draw(st.permutations(drawn)), Grain.DAY, NOW, NOW + 86_400, 5, 77) == total


@given(parts, st.integers(1, 5))
def test_a_month_is_its_hours_whatever_its_days(drawn: list[Total], cut: int) -> None:
    groups = [group for group in (drawn[:cut], drawn[cut:]) if group]
    days = [fold(group, Grain.DAY, min(part.start for part in group), NOW, 0, 0) for group in groups]
    by_days, by_hours = (fold(some, Grain.MONTH, NOW, NOW + 86_400, 1, 1) for some in (days, drawn))
    assert by_days == by_hours


@given(parts)
def test_extremes_and_methods_are_the_oracles(drawn: list[Total]) -> None:
    ours = fold(drawn, Grain.DAY, NOW, NOW + 86_400, 0, 0)
    told = ["power_min_mw", "power_max_mw", "method"]
    theirs = oracle_hour.folded(sorted(drawn, key=lambda part: part.start), Grain.DAY, NOW, NOW + 86_400)
    assert {name: getattr(ours, name) for name in told} == {name: getattr(theirs, name) for name in told}


def part(start: int, **values: Any) -> Total:
    zeros: dict[str, Any] = dict.fromkeys(Total._fields, 0)
    nulls = dict.fromkeys(("method", "power_min_mw", "power_max_mw", "power_max_at", "first_at", "last_at"))
    return Total(**(zeros | nulls | {"device": "cad-1", "grain": Grain.HOUR, "start": start, "end": start + 3600} | values))


def day(*drawn: Total) -> Total:
    return fold(drawn, Grain.DAY, NOW, NOW + 86_400, 0, 0)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ((None, None), None),
        ((Method.REGISTER, None), Method.REGISTER),
        ((Method.POWER, Method.POWER), Method.POWER),
        ((Method.POWER, Method.REGISTER), Method.MIXED),
        ((Method.MIXED, None), Method.MIXED),
    ],
)
def test_a_days_method_is_that_of_its_hours(methods: tuple[Method | None, ...], expected: Method | None) -> None:
    assert day(*(part(NOW + 3600 * i, method=method) for i, method in enumerate(methods))).method is expected


def test_of_equal_peaks_the_earliest_and_of_firsts_and_lasts_the_outermost() -> None:
    total = day(
        part(NOW, power_min_mw=3, power_max_mw=9, power_max_at=50, first_at=40, last_at=60),
        part(NOW + 3600, power_min_mw=-3, power_max_mw=9, power_max_at=70, first_at=70, last_at=80),
        part(NOW + 7200),
    )
    assert (total.power_min_mw, total.power_max_mw, total.power_max_at, total.first_at, total.last_at) == (-3, 9, 50, 40, 80)


# Hour ⊂ day ⊂ month, by the folds themselves


@given(st.data())
def test_days_and_months_hold_what_hours_hold(data: st.DataObject) -> None:
    rules = data.draw(strategies.rules().filter(lambda rules: rules.restate_ms >= HOUR))
    messages = strategies.as_messages(data.draw(strategies.elements(rules.zone)))
    folding = Folding(rules)
    for message in messages:
        folding.take([message])
        if data.draw(st.booleans()):
            folding.checkpoint()
    folding.checkpoint()
    for grain, period in ((Grain.DAY, folding.calendar.day), (Grain.MONTH, folding.calendar.month)):
        sums: dict[tuple[int, int], list[int]] = {}
        for total in folding.sent.values():
            if total.grain is Grain.HOUR:
                held = sums.setdefault(period(total.start), [0] * len(ADDS))
                sums[period(total.start)] = [a + getattr(total, name) for a, name in zip(held, ADDS, strict=True)]
        larger = [total for total in folding.sent.values() if total.grain is grain]
        assert {(total.start, total.end): [getattr(total, name) for name in ADDS] for total in larger} == sums


def test_months_of_readings_may_come_between_two_checkpoints() -> None:
    """Forgetting old periods forgets no total that was not yet sent on."""
    start = 1_764_000_000_000
    elements = [{"at": start + i * 12 * HOUR, "power_w": 360, "for_s": 3600} for i in range(400)]
    folding = folded(Rules(), strategies.as_messages(elements))
    sums = {grain: sum(total.import_mwh for total in folding.sent.values() if total.grain is grain) for grain in Grain}
    assert sums == dict.fromkeys(Grain, 400 * 360_000)


# On the wire


@given(hours())
def test_a_total_comes_back_as_it_was_sent(total: Total) -> None:
    small = total._replace(**{name: getattr(total, name) % LARGEST for name in ADDS})
    back = total_from_json(total_to_json(small))
    assert back == small and type(back.grain) is Grain and (back.method is None or type(back.method) is Method)


def test_fields_of_a_later_version_are_ignored() -> None:
    sent = json.loads(total_to_json(part(NOW)))
    assert total_from_json(json.dumps(sent | {"later": 1}).encode()) == part(NOW)


@pytest.mark.parametrize(
    "value", [b"", b"[]", b"{}", b"null", b"\xff", total_to_json(part(NOW)).replace(b'"hour"', b'"week"'), total_to_json(part(NOW)) + b" " * LONGEST]
)
def test_what_is_no_total_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="not a total"):
        total_from_json(value)


WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.lists(st.integers(0, 9)),
    st.dictionaries(st.text(), st.none()),
)
TOO_FAR = st.sampled_from((-(2**63), -LARGEST - 1, LARGEST + 1, 2**63, 2**64 - 1))
NULLABLE = ("method", "power_min_mw", "power_max_mw", "power_max_at", "first_at", "last_at")


@given(st.sampled_from(Total._fields), st.one_of(WRONG, TOO_FAR))
def test_a_field_with_any_wrong_value_is_a_value_error(field: str, wrong: Any) -> None:
    """And nothing worse: a level topic is written by whoever may."""
    right: dict[str, Callable[[str], object]] = {
        "device": re.compile("[A-Za-z0-9._:-]{1,128}").fullmatch,
        "grain": list(Grain).__contains__,
        "method": list(Method).__contains__,
    }
    assume(not (wrong is None and field in NULLABLE))
    assume(not (field in right and isinstance(wrong, str) and right[field](wrong)))
    sent = json.loads(total_to_json(part(NOW)))
    with pytest.raises(ValueError, match="not a total"):
        total_from_json(json.dumps(sent | {field: wrong}).encode())


@pytest.mark.parametrize(("field", "kind"), get_type_hints(Total).items())
def test_a_field_may_be_null_where_the_total_says_so(field: str, kind: Any) -> None:
    sent = json.dumps(json.loads(total_to_json(part(NOW))) | {field: None}).encode()
    if NoneType in get_args(kind):
        assert getattr(total_from_json(sent), field) is None
    else:
        with pytest.raises(ValueError, match="not a total"):
            total_from_json(sent)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": NOW, "end": NOW},
        {"start": NOW, "end": NOW - 1},
        {"start": 943_920_000 - 1, "end": NOW},
        {"end": 253_370_764_801},
        {"start": 253_370_764_800, "end": 253_370_764_801},
        {"first_at": -1},
        {"last_at": 253_370_764_800_001},
        {"power_max_at": 2**56},
        {"device": ""},
        {"device": "a|b"},
        {"device": "a" * 129},
        {"device": "cad-1\n"},
    ],
    ids=str,
)
def test_a_total_out_of_all_bounds_is_a_value_error(wrong: dict[str, Any]) -> None:
    sent = json.loads(total_to_json(part(NOW)))
    with pytest.raises(ValueError, match="not a total"):
        total_from_json(json.dumps(sent | wrong).encode())


@pytest.mark.parametrize("start", [943_920_000, 253_370_764_800 - 3600])
def test_what_is_a_total_has_its_day_and_month_and_adds_up_within_64_bits(start: int) -> None:
    """In the first and the last hour that there can be."""
    largest = part(start, import_mwh=LARGEST)
    assert total_from_json(total_to_json(largest)) == largest
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert Calendar(zone).day(start) and Calendar(zone).month(start)
    month = fold([largest._replace(start=start + i) for i in range(31)], Grain.MONTH, start, start + 1, 0, 0)
    assert json.loads(total_to_json(month))["import_mwh"] == 31 * LARGEST


def test_the_key_is_device_and_start() -> None:
    assert total_key("cad-1", NOW) == b"cad-1|1764000000"


# What is left


@pytest.mark.parametrize("field", [name for name in Total._fields if name not in ("device", "grain", "start", "end", "epoch", "offset", "reflects")])
def test_a_total_with_anything_in_it_is_not_absent(field: str) -> None:
    assert part(NOW, epoch=1, offset=2, reflects=3).absent
    assert not part(NOW, **{field: Method.POWER if field == "method" else 1}).absent


def test_the_version_is_no_content() -> None:
    assert part(NOW, epoch=1, offset=2, reflects=3).content == part(NOW).content != part(NOW, readings=1).content
    assert part(NOW, epoch=1, offset=9).version < part(NOW, epoch=2, offset=2).version < part(NOW, epoch=2, offset=3).version
