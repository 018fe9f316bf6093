"""The live reading: the newest value of each kind, whatever comes again or late."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.live import Live, live, mean_power, newest
from metering.reading import Decoder, Reading
from metering.rules import Rules
from tests import strategies
from tests.oracle import Message, Oracle

VALUES = ("power_mw", "power_at", "import_mwh", "import_at", "export_mwh", "export_at", "at")


def told(found: Live) -> dict[str, int | None]:
    return {name: getattr(found, name) for name in VALUES}


def lives(messages: list[Message]) -> list[Live]:
    decoder = Decoder(Rules())
    return [live("cad-1", decoder.decode(m.key, m.value, m.timestamp).readings, m.offset) for m in messages]


messages = strategies.elements().flatmap(strategies.batched).map(strategies.as_messages)


@given(messages)
def test_message_by_message_it_is_the_oracles(drawn: list[Message]) -> None:
    oracle = Oracle(Rules())
    for message in drawn:
        oracle.add(message)
    expected = {name: value for name, value in oracle.live["cad-1"].items() if name in VALUES}
    assert told(reduce(newest, lives(drawn))) == expected


@given(messages, st.data())
def test_how_messages_are_merged_does_not_matter(drawn: list[Message], data: st.DataObject) -> None:
    parts = lives(drawn)
    while len(parts) > 1:
        i = data.draw(st.integers(0, len(parts) - 2))
        parts[i : i + 2] = [newest(parts[i], parts[i + 1])]
    assert parts[0] == reduce(newest, lives(drawn))


@given(messages)
def test_what_comes_again_changes_nothing_but_the_offset(drawn: list[Message]) -> None:
    once = reduce(newest, lives(drawn))
    again = newest(once, lives(drawn)[-1])
    assert told(again) == told(once)


@given(messages)
def test_it_never_goes_back(drawn: list[Message]) -> None:
    found = lives(drawn)[0]
    for one in lives(drawn)[1:]:
        later = newest(found, one)
        assert later.version >= found.version
        found = later


def test_each_kind_has_its_own_instant() -> None:
    readings: list[Reading] = [(10, 1_000, 10_000, None, None, None), (20, 2_000, None, None, None, None), (30, None, None, 7, None, None)]
    assert live("cad-1", readings, 5) == Live("cad-1", 2_000, 20, 10_000, 10, 7, 30, 5)
    assert live("cad-1", readings, 5).at == 30


def test_an_old_batch_adds_only_what_was_not_there() -> None:
    now = live("cad-1", [(20, 2_000, None, None, None, None)], 5)
    old = live("cad-1", [(10, 9_000, 9, None, None, None)], 6)
    assert newest(now, old) == Live("cad-1", 2_000, 20, 9, 10, None, None, 6)


def test_of_the_same_instant_the_later_message_stands() -> None:
    first, second = (live("cad-1", [(20, power, None, None, None, None)], offset) for power, offset in ((1, 5), (2, 6)))
    assert newest(first, second).power_mw == 2


@pytest.mark.parametrize(
    ("energy", "for_ms", "mean"),
    [(1_000, 3_600_000, 1_000), (1, 7_200_000, 1), (1, 7_200_001, 0), (-1, 7_200_000, -1), (-1, 7_200_001, 0), (0, 1, 0)],
)
def test_a_mean_power_is_rounded_half_away_from_zero(energy: int, for_ms: int, mean: int) -> None:
    assert mean_power((0, None, None, None, for_ms, energy)) == mean


def test_a_power_is_its_own_mean_and_a_register_has_none() -> None:
    assert mean_power((0, 7, None, None, 60_000, None)) == 7
    assert mean_power((0, None, 7, None, None, None)) is None
