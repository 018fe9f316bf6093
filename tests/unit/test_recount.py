"""A device counted again without its first readings, which retention has removed: what is compared is what it was with them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.findings import Finding, Seen, find
from agents.recount import Recounter
from metering.period import Calendar
from metering.rules import Rules
from tests.folding import record
from tests.strategies import DAY, HOUR, MINUTE, Element, as_messages, disordered

BEGUN = 1_764_000_000_000
WH = 1_000


def compared(rules: Rules, elements: list[Element], cut: int) -> Finding:
    """What is found by who knows only the messages from `cut` on, if all that follows from all of them is stored."""
    messages = [record(message.key, message.value, message.timestamp, message.offset) for message in as_messages(elements)]
    whole, rest = (Recounter(["cad-1"], rules, 0, 1, cut=cut) for cut in (False, True))
    whole.take(messages)
    rest.take(messages[cut:])
    stored, known = whole.recounts[b"cad-1"], rest.recounts[b"cad-1"]
    return find(known, stored.totals().values(), Calendar(rules.zone), Seen(1 << 40, 1 << 40, 0))


@st.composite
def registers(draw: st.DrawFn, places: int) -> list[float]:
    """Wh of a register that stands or rises, that jumps further than it can have gone since it last stood somewhere, and now and then is off."""
    wh, rise = draw(st.sampled_from((0.0, 7.0, 5_000.0))), draw(st.sampled_from((0, 0, 0.001, 1)))
    jumps = draw(st.dictionaries(st.integers(0, places), st.sampled_from((-11, 1, 1_010, 1_040, 1_070)), max_size=3))
    off = draw(st.dictionaries(st.integers(0, places // 2), st.sampled_from((-11, 11, -5_000, 30_000)), max_size=3))
    shown = []
    for place in range(places):
        wh = max(0.0, wh + rise + jumps.get(place, 0))
        shown.append(max(0.0, wh + off.get(place, 0)))
    return shown


@st.composite
def timelines(draw: st.DrawFn) -> tuple[Rules, list[Element], int]:
    """Some days of a device whose power is at most 1 W, and how many of its messages are gone."""
    rules = Rules(
        hold_ms=draw(st.sampled_from((MINUTE, DAY))),
        max_power_mw=1_000,
        register_step_mwh=draw(st.sampled_from((1 * WH, 1_000 * WH))),
        restate_ms=draw(st.sampled_from((HOUR, 72 * HOUR))),
    )
    gaps = draw(st.lists(st.sampled_from((HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)), min_size=10, max_size=20))
    power = draw(st.sampled_from(({}, {}, {"power_w": -1}, {"power_w": 1, "for_s": 86_400})))
    imports, exports = draw(registers(len(gaps))), draw(st.one_of(st.none(), registers(len(gaps))))
    elements: list[Element] = [{"at": BEGUN + sum(gaps[:place]), "import_wh": wh} | power for place, wh in enumerate(imports)]
    if exports:
        elements = [element | {"export_wh": wh} for element, wh in zip(elements, exports, strict=True)]
    return rules, draw(disordered(elements)), draw(st.integers(1, 5))


@given(timelines())
@settings(max_examples=100)
def test_whatever_came_before_nothing_that_is_compared_depends_on_it(timeline: tuple[Rules, list[Element], int]) -> None:
    assert compared(*timeline).wrong == []


def at(hours: float, wh: float | None = None, **more: float) -> Element:
    return {"at": BEGUN + round(hours * HOUR)} | ({} if wh is None else {"import_wh": wh}) | more


def each(*hours: float, **shown: float) -> list[Element]:
    return [at(hour, **shown) for hour in hours]


ONE_WATT = Rules(max_power_mw=1_000)
AN_HOUR = Rules(max_power_mw=1_000, restate_ms=HOUR)
DAYS = range(0, 49, 6)
JUMP_WH = 1_050
"""At the 54th hour more than 1 W makes since the first hours that are there, less than it makes since those that are gone."""


def hard(wh: float, *kept: Element, jump: bool = True, rules: Rules = ONE_WATT) -> tuple[Rules, list[Element], int]:
    """A register has stood at `wh` for two days when all that is gone ends; then comes `kept`, then it stands there again, and jumps."""
    gone, first = each(-60, -50, import_wh=wh), at(0, power_w=0)
    later = [at(hour, wh) for hour in DAYS if hour * HOUR + BEGUN > max(one["at"] for one in (first, *kept))]
    jumped = [at(hour, wh + JUMP_WH) for hour in (54, 60, 66, 72)] if jump else []
    return rules, [*gone, first, *kept, *later, *jumped], len(gone)


HARD = {
    "it jumps from where it stood before": hard(5_000),
    "it jumps, and the first point there is a glitch": hard(5_011, at(6, 5_000)),
    "the same, and before that it shows 0": hard(1_018, at(2, 0), at(10, 0), at(18, 1_007)),
    "the same, and between the first two comes another late": hard(
        5_011, at(6, 5_000), at(12.5, 5_011), at(13.6, power_w=0), at(12.1, 4_500), rules=AN_HOUR
    ),
    "it shows 0 from then on, whatever flows": hard(5_000, *each(*DAYS, import_wh=0, power_w=1, for_s=3_600), jump=False),
    "the same, and something else that is corrected": hard(5_000, at(2, 30_000), *each(2, *DAYS, import_wh=0, power_w=1, for_s=3_600), jump=False),
    "it shows something else once, and then 0 as before": hard(0, at(6, 30_000), jump=False),
    "the same, and it jumps": hard(0, at(6, 30_000)),
    "it speaks late, and its first point is a glitch": hard(
        5_000, *each(*DAYS[:6], power_w=0), at(36, 4_989), at(48, 5_000), at(60, power_w=0), jump=False
    ),
    "it speaks late, and rises where nobody can say since when": hard(
        5_000, *each(*DAYS[:6], power_w=0), at(36.97, 5_000), at(36.98, 5_000), at(37.2, 5_001), at(48, power_w=0), jump=False
    ),
    "there are two, and who begins is believed": hard(5_000, *(at(hour, 52_000 if hour % 12 else 5_000) for hour in range(6, 73, 6)), jump=False),
}


@pytest.mark.parametrize("timeline", HARD.values(), ids=HARD)
def test_what_depends_on_what_is_gone_is_not_compared(timeline: tuple[Rules, list[Element], int]) -> None:
    assert compared(*timeline).wrong == []


@pytest.mark.parametrize(
    "shown",
    [{"power_w": 1}, {"import_wh": 5_000}, {"import_wh": 5_000, "export_wh": 0, "power_w": 1}],
    ids=["no register", "a register that stands", "another one that shows 0, and nothing flows that way"],
)
def test_a_day_after_the_first_reading_that_is_there_all_is_compared(shown: Element) -> None:
    hours = range(73)
    finding = compared(ONE_WATT, each(*hours, **shown), 10)
    assert finding.wrong == [] and finding.compared_from * 1000 == BEGUN + 35 * HOUR and finding.compared == 73 - 35 + 1, "and a day"
