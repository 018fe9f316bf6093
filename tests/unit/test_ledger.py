"""A register's rise from its first to its last valid point is what the hours have of it, whatever comes when."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.findings import Seen, find
from agents.recount import Recount, Recounter
from metering.ledger import Ledger
from metering.period import Calendar
from metering.rules import Rules
from tests import strategies
from tests.folding import record
from tests.strategies import HOUR

WH = 1_000


# A meter is exchanged at 1:00. Later a point arrives that would make a glitch of the new meter's first, had its hour not been closed.
#
#     0:00          1:00       | E      1:36 (last)      2:00
#     100,000 Wh    5 Wh       |        100,000 Wh       10 Wh


@pytest.mark.parametrize("n_first", [True, False], ids=["reset when it closes", "in doubt when it closes"])
def test_what_a_point_before_the_edge_was_found_to_be_it_stays(n_first: bool) -> None:
    ledger, n = Ledger(Rules()), (2 * HOUR, 10 * WH)
    ledger.add(0, 100_000 * WH)
    ledger.add(HOUR, 5 * WH)
    if n_first:
        ledger.add(*n)
    ledger.close(HOUR + HOUR // 2)
    if not n_first:
        assert ledger.account().last == (0, 100_000 * WH)
        ledger.add(*n)
    ledger.add(HOUR + HOUR * 6 // 10, 100_000 * WH)
    account = ledger.account()
    assert (account.rise, account.first, account.last) == (5 * WH, (0, 100_000 * WH), n)


def test_a_correction_replaces_the_point() -> None:
    ledger = Ledger(Rules())
    for at, wh in ((0, 10), (HOUR, 30), (2 * HOUR, 40), (HOUR, 20), (2 * HOUR, 50)):
        ledger.add(at, wh * WH)
    assert ledger.account().rise == 40 * WH


# A register is silent for a day, then 2,000 Wh higher, and the hours of that close. Then the later value is taken back.
#
#     0:00        …   E   24:00 (first)    26:00        24:00 (again)
#     5,000 Wh    …   |   7,000 Wh         (power)      90,000,000 Wh


def test_what_closed_hours_have_of_a_line_that_leads_nowhere_any_more_is_pending() -> None:
    rules = Rules(restate_ms=HOUR)
    recount = Recount("a", rules, Calendar(rules.zone))
    for hour, power, wh in ((0, None, 5_000), (24, None, 7_000), (26, 1, None), (24, None, 90_000_000)):
        recount.take((1_764_000_000_000 + hour * HOUR, power, None if wh is None else wh * WH, None, None, None))
    imports = find(recount, recount.totals().values(), Calendar(rules.zone), Seen(1 << 40, 1 << 40, 0)).energies[0]
    assert imports.equal and imports.account.rise == 0 and imports.hours == -imports.unbooked == 2_000 * WH


@given(st.data())
@settings(max_examples=150)
def test_any_timeline_agrees_with_its_registers(data: st.DataObject) -> None:
    rules = dataclasses.replace(data.draw(strategies.rules()), restate_ms=HOUR)
    messages = strategies.as_messages(data.draw(strategies.batched(data.draw(strategies.elements(rules.zone)))))
    counter = Recounter({message.key.decode() for message in messages if message.key}, rules, 0, 1, cut=False)
    counter.take([record(message.key, message.value, message.timestamp, message.offset) for message in messages])
    for recount in counter.recounts.values():
        assert find(recount, recount.totals().values(), Calendar(rules.zone), Seen(1 << 40, 1 << 40, 0)).wrong == []
