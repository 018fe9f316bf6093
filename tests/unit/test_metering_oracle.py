"""The product against the oracle: the same records, in any order, cut anywhere, with checkpoints and crashes anywhere, give the same totals.

What fails here is drawn as a timeline of its own, in test_device.py.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.rules import Rules
from tests import strategies
from tests.folding import Folding
from tests.generator import STARTS, Rates, generate
from tests.oracle import Message, Oracle
from tests.strategies import DAY, HOUR, MINUTE, SECOND, Element

ZONES = sorted(strategies.ANCHORS)
ORDERS = ("sorted", "sorted", "shuffled", "swapped", "swapped", "live first")
CHECKPOINTS = (0.0, 0.1, 0.5, 1.0)
SPANS = (*(HOUR, 3 * HOUR, 12 * HOUR, 60 * HOUR) * 4, 50 * DAY, 100 * DAY)
BLOCK = 50
BLOCKS = 6


def compare(
    rules: Rules, messages: Sequence[Message], checkpoints: Iterable[int] = (), crashes: Iterable[int] = (), hot_devices: int = 1_000
) -> None:
    """Checkpoints and crashes are given by the number of messages that came before; a crash follows a checkpoint."""
    oracle, folding = Oracle(rules), Folding(rules, hot_devices)
    stops, crashed = {*checkpoints, *crashes, len(messages)}, set(crashes)
    for count, message in enumerate(messages, 1):
        oracle.add(message)
        folding.take([message])
        if count in stops:
            folding.checkpoint()
        if count in crashed:
            folding.crash()
    assert folding.outcomes == +oracle.outcomes
    assert sorted(folding.rejected, key=str) == sorted(oracle.rejected, key=str)
    assert folding.late == oracle.late
    assert folding.totals() == {key: total.content for key, total in oracle.totals().items()}


# Drawn by hypothesis, so that what fails becomes small

rules_in_hours = strategies.rules().map(lambda rules: dataclasses.replace(rules, restate_ms=max(HOUR, rules.restate_ms)))
"""WATTFALL_RESTATE_HOURS is at least 1."""


@given(st.data())
@settings(max_examples=120)
def test_any_timeline_gives_the_oracles_totals(data: st.DataObject) -> None:
    rules = data.draw(rules_in_hours)
    messages = strategies.as_messages(data.draw(strategies.batched(data.draw(strategies.elements(rules.zone)))))
    places = st.sets(st.integers(1, len(messages)))
    compare(rules, messages, data.draw(places), data.draw(places))


@given(st.data())
@settings(max_examples=60)
def test_honest_registers_in_any_order_give_the_oracles_totals(data: st.DataObject) -> None:
    rules = data.draw(rules_in_hours)
    elements = data.draw(st.permutations(data.draw(strategies.true_registers(rules.zone))))
    messages = strategies.as_messages(data.draw(strategies.batched(list(elements))))
    places = st.sets(st.integers(1, len(messages)))
    compare(rules, messages, data.draw(places), data.draw(places))


@given(st.data())
@settings(max_examples=80)
def test_erases_anywhere_give_the_oracles_totals(data: st.DataObject) -> None:
    rules = data.draw(rules_in_hours)
    both = []
    for device in (strategies.DEVICE, "neighbour"):
        elements = data.draw(strategies.batched(data.draw(strategies.elements(rules.zone, 8))))
        for place in sorted(data.draw(st.sets(st.integers(0, len(elements)), max_size=3)), reverse=True):
            elements.insert(place, strategies.ERASE)
        both.append(strategies.as_messages(elements, device))
    turns = data.draw(st.permutations([number for number, messages in enumerate(both) for _ in messages]))
    ways = [iter(messages) for messages in both]
    messages = [dataclasses.replace(next(ways[number]), offset=offset) for offset, number in enumerate(turns, 100)]
    places = st.sets(st.integers(1, len(messages)))
    compare(rules, messages, data.draw(places), data.draw(places), data.draw(st.sampled_from((1, 1_000))))


# Once wrong. A device sends; then a reading comes for an hour before; then the device turns two hours; all between two checkpoints.
#
#     7 July 10:00                10 July 10:00       11:00              12:00              13:00
#     0 W, three days of nothing        10:59:30 (2nd)  11:00:10 (1st)       12:00:10           13:00:10


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def after_silence(*told: tuple[str, dict[str, int]]) -> list[Message]:
    later = [{"at": instant(f"2025-07-10T{time}Z"), **values} for time, values in told]
    return strategies.as_messages([{"at": instant("2025-07-07T10:00:00Z"), "power_w": 0}, *later])


@pytest.mark.parametrize("checkpoints", [set(), {1}, {2}, {3}, {4}, {1, 2, 3, 4}])
def test_a_power_that_holds_into_an_hour_that_was_told_changes_it(checkpoints: set[int]) -> None:
    times = ("11:00:10", "10:59:30", "12:00:10", "13:00:10")
    compare(Rules(), after_silence(*((time, {"power_w": 3600}) for time in times)), checkpoints)


@pytest.mark.parametrize("edit", [("10:55:00", 1190), ("10:50:00", 1100)], ids=["one more", "a correction"])
@pytest.mark.parametrize("checkpoints", [{4}, {1, 4}, {4, 5}, {4, 6}, set(range(1, 9))])
def test_a_register_whose_line_reaches_into_an_hour_that_was_told_changes_it(edit: tuple[str, int], checkpoints: set[int]) -> None:
    before = (("10:50:00", 1000), ("11:10:00", 1200), ("11:20:00", 1200))
    after = (("12:00:00", 1200), ("12:10:00", 1200), ("13:00:00", 1200))
    compare(Rules(), after_silence(*((time, {"import_wh": wh, "power_w": 0}) for time, wh in (*before, edit, *after))), checkpoints)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "Europe/Amsterdam", "Australia/Lord_Howe"])
def test_the_first_readings_that_are_accepted_have_their_day_and_month(zone: str) -> None:
    times = ("2000-01-01T00:00:00Z", "2000-01-01T12:00:00Z", "2000-01-05T00:00:00Z")
    compare(Rules(zone=zone), strategies.as_messages([{"at": instant(time), "power_w": 1} for time in times]))


# Drawn by seeds, so that there are many, and long ones


class Drawn:
    """One seed's rules and records: a device that goes on for an hour to a hundred days, and what can go wrong with it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        zone = self._one_of(ZONES)
        restate, hold = self._one_of((1, 3, 72)) * HOUR, self._one_of((MINUTE, MINUTE, 30 * MINUTE))
        self.rules = Rules(zone=zone, restate_ms=restate, hold_ms=hold)
        self.start = self._one_of(strategies.ANCHORS[zone]) - self._one_of((0, HOUR, 20 * HOUR))
        elements = [element for at in self._instants() for element in self._apart(self._element(at))]
        self.messages = strategies.as_messages(self._cut(self._again(self._ordered(elements))))

    def places(self) -> list[int]:
        """Where something may happen: after none, some, half or all of the messages."""
        rate = self._one_of(CHECKPOINTS)
        return [count for count in range(1, len(self.messages) + 1) if self._happens(rate)]

    def _one_of(self, choices: Sequence[Any]) -> Any:
        return self.chance.choice(choices)

    def _happens(self, rate: float) -> bool:
        return self.chance.random() < rate

    def _instants(self) -> list[int]:
        span = self._one_of(SPANS)
        step = self._one_of((SECOND, 10 * SECOND, 5 * MINUTE, 30 * MINUTE))
        instants = {self.start + self.chance.randrange(0, span, step) for _ in range(self.chance.randint(1, 30))}
        if self._happens(0.5):
            instants |= {at // HOUR * HOUR for at in instants if self._happens(0.3)}
            instants |= {at + self._one_of((10, 60, 61)) * SECOND for at in instants if self._happens(0.5)}
        self.wh = self._one_of((0, 5_000, 6_613_405))
        return sorted(instants)

    def _element(self, at: int) -> Element:
        self.wh = max(0, self.wh + self._one_of((0, 0, 1, -5, 20, 500)))
        seen = self.wh
        if self._happens(0.12):
            seen = 0
        if self._happens(0.06):
            seen = self.wh + self._one_of((1_500, 50_000))
        if self._happens(0.06):
            seen = self.wh = self._one_of((0, 1, 90_000))
        element = {"at": at} | self._flow()
        if self._happens(0.7) or len(element) == 1:
            element["import_wh"] = seen
        if self._happens(0.3):
            element["export_wh"] = seen // 2
        return element

    def _flow(self) -> Element:
        power = {"power_w": self._one_of((100, -50, 3_000, 0.123))}
        for_s = {"for_s": self._one_of((10, 60, 1_800, 7_200))}
        energy = {"energy_wh": self._one_of((1, -0.777, 0.123))}
        drawn: Element = self._one_of(({}, power, power, power, power | for_s, energy | for_s))
        return drawn

    def _apart(self, element: Element) -> list[Element]:
        """Gateways send power and register apart."""
        names = [name for name in element if name in ("power_w", "import_wh", "export_wh")]
        if "for_s" in element or len(names) < 2 or self._happens(0.7):
            return [element]
        return [{"at": element["at"], name: element[name]} for name in names]

    def _ordered(self, elements: list[Element]) -> list[Element]:
        order = self._one_of(ORDERS)
        if order == "shuffled":
            self.chance.shuffle(elements)
        elif order == "live first":  # the box tells what is now, and then what it has kept
            elements = [elements[-1], *elements[:-1]]
        elif order == "swapped":
            for i in range(len(elements) - 1):
                if self._happens(0.3):
                    j = min(len(elements) - 1, i + self.chance.randint(1, 4))
                    elements[i], elements[j] = elements[j], elements[i]
        return elements

    def _again(self, elements: list[Element]) -> list[Element]:
        """Duplicates and corrections, anywhere."""
        for _ in range(self.chance.randint(0, 4)):
            element = dict(self._one_of(elements))
            if "import_wh" in element and self._happens(0.5):
                element["import_wh"] = max(0, element["import_wh"] + self._one_of((5, -5, 2_000)))
            if "power_w" in element and self._happens(0.5):
                element["power_w"] += 7
            elements.insert(self.chance.randrange(len(elements) + 1), element)
        return elements

    def _cut(self, elements: list[Element]) -> list[Element | list[Element]]:
        if self._happens(0.7):
            return list(elements)
        size = self._one_of((2, 5, 100))
        return [elements[i : i + size] for i in range(0, len(elements), size)]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_seeded_timelines_give_the_oracles_totals(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        agree(seed)


@pytest.mark.parametrize("seed", [50_135, 50_670, 52_200])
def test_a_walk_that_goes_on_from_a_state_kept_before_hours_closed_gives_the_oracles_totals(seed: int) -> None:
    """Few timelines show it: the state must take what it knew of points before the edge from what is carried across."""
    agree(seed)


def agree(seed: int) -> None:
    drawn = Drawn(seed)
    try:
        compare(drawn.rules, drawn.messages, drawn.places(), drawn.places())
    except AssertionError as error:
        error.add_note(f"seed {seed}, {drawn.rules}")
        raise


# Many devices at once


@pytest.mark.parametrize("name", ["autumn", "spring, Lord Howe", "month end, Kathmandu"])
def test_generated_devices_give_the_oracles_totals_though_few_fit_in_memory(name: str) -> None:
    zone, start = STARTS[name]
    rates = Rates(silences_an_hour=0.01, resets_an_hour=0.05, poison=0.02, glitch=0.01)
    sent = generate(11, 6, start, 8, interval_s=60, rates=rates)
    messages = [Message(m.key, m.value, m.timestamp_ms, offset, 0, 1) for offset, m in enumerate(sent)]
    compare(Rules(zone=zone), messages, range(0, len(messages), 50), range(0, len(messages), 333), hot_devices=2)
