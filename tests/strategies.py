"""Small adversarial timelines for hypothesis: coarse values at coarse instants, so that equal values, zeros, ties, small steps, spans of exactly
and just over six hours or forty days, glitches, resets and crossings of the edge E happen all the time instead of never.

An *element* is one reading as JSON fields without its device: `at` in epoch ms, values in the wire's units. A list of them is in order of arrival.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from metering.rules import Rules
from tests.oracle_reading import Message

Element = dict[str, Any]
DEVICE = "cad-1"
ERASE: dict[str, Any] = {"erase": True}
"""Among elements: what erases the device."""
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

# Hour edges in the zones of `rules`: an ordinary day, a month's end, both clock changes of London and of Lord Howe, a leap day.
ANCHORS = {
    "Europe/London": (1_764_000_000_000, 1_764_547_200_000, 1_774_746_000_000, 1_761_440_400_000, 1_709_164_800_000),
    "Asia/Kathmandu": (1_764_000_900_000, 1_764_526_500_000),
    "Australia/Lord_Howe": (1_764_000_000_000, 1_759_591_800_000, 1_775_314_800_000),
    "America/New_York": (1_764_000_000_000, 1_762_063_200_000, 1_772_953_200_000),
}
POWERS_W = (0, 0, 1, -1, 360, 360, 431.5, -720, 0.001, 99_999.999, 100_000, -100_000)
REGISTERS_WH = (
    0, 0, 0.001, 5, 9.999, 10, 10.001, 11, 500, 1_000, 1_000.001, 1_500, 1_510, 2_000, 3_500, 50_000, 100_000, 601_000, 601_001, 6_613_405, 10**12,
)  # fmt: skip
STEPS_WH = (0, 0, 0, 0.001, 1, 1, 7, 400, 1_000, -5, -10, -10.001, 26_000, 150_000, 601_000, 700_000)
GAPS_MS = (
    1, 999, SECOND, 10 * SECOND, 10 * SECOND, 10 * SECOND, 59 * SECOND, MINUTE, 61 * SECOND, 5 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, HOUR - 1, HOUR,
    HOUR + 1, 2 * HOUR, 6 * HOUR, 6 * HOUR + 1, DAY, 3 * DAY, 3 * DAY + 1, 40 * DAY, 40 * DAY + 1, 43 * DAY, 44 * DAY, 100 * DAY,
)  # fmt: skip
NEAR_EDGE_MS = (0, 0, -1, 1, -10 * SECOND, 10 * SECOND, -MINUTE, MINUTE, 5 * MINUTE, 30 * MINUTE, -30 * MINUTE)
FOR_S = (0.001, 1, 10, 60, 90, 1_800, 1_800, 3_600, 3_601, 7_200, 86_400)


def rules() -> st.SearchStrategy[Rules]:
    """The defaults as often as not; otherwise a short horizon, so that E moves with every few readings."""
    return st.one_of(
        st.just(Rules()),
        st.builds(
            Rules,
            zone=st.sampled_from(sorted(ANCHORS)),
            hold_ms=st.sampled_from((10 * SECOND, MINUTE, MINUTE, 2 * HOUR)),
            register_step_mwh=st.sampled_from((1_000, 1_000_000, 1_000_000)),
            restate_ms=st.sampled_from((0, 1, HOUR, 2 * HOUR, 72 * HOUR)),
            estimate_after_ms=st.sampled_from((30 * MINUTE, 30 * MINUTE, HOUR, 10 * SECOND)),
        ),
    )


@st.composite
def flows(draw: st.DrawFn) -> Element:
    """A power at an instant, a power over an interval, or an interval's energy within the limit of the mean power."""
    kind = draw(st.sampled_from(("instant", "instant", "instant", "interval", "energy")))
    if kind == "instant":
        return {"power_w": draw(st.sampled_from(POWERS_W))}
    for_s = draw(st.sampled_from(FOR_S))
    if kind == "interval":
        return {"power_w": draw(st.sampled_from(POWERS_W)), "for_s": for_s}
    shares = (0, 0.001, 0.5, -0.5, 1 / 3, 1)
    most_mwh = int(100_000_000 * round(for_s * 1000) / 3_600_000)
    return {"energy_wh": int(most_mwh * draw(st.sampled_from(shares))) / 1000, "for_s": for_s}


@st.composite
def values(draw: st.DrawFn, registers: st.SearchStrategy[float]) -> Element:
    """At least one of a flow, an import and an export; most often power with import, or either alone."""
    kinds = draw(st.sampled_from(("f", "i", "fi", "fi", "fi", "e", "ie", "fie")))
    element: Element = draw(flows()) if "f" in kinds else {}
    if "i" in kinds:
        element["import_wh"] = draw(registers)
    if "e" in kinds:
        element["export_wh"] = draw(registers)
    return element


@st.composite
def scattered(draw: st.DrawFn, zone: str, most: int) -> list[Element]:
    """Anything at any of a few instants near hour edges, in any order: the same instant often comes again."""
    anchor = draw(st.sampled_from(ANCHORS.get(zone, ANCHORS["Europe/London"])))
    hours = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 6, 24, 72, 73, 74, 75, 24 * 40, 24 * 43, 24 * 44))
    instants = st.builds(lambda hour, near: anchor + hour * HOUR + near, hours, st.sampled_from(NEAR_EDGE_MS))
    element = st.builds(lambda at, brought: {"at": at} | brought, instants, values(st.sampled_from(REGISTERS_WH)))
    return draw(st.lists(element, min_size=1, max_size=most))


@st.composite
def marched(draw: st.DrawFn, zone: str, most: int) -> list[Element]:
    """A device that goes on in time with a register that mostly rises; single points are off; a few readings come out of order or twice."""
    at = draw(st.sampled_from(ANCHORS.get(zone, ANCHORS["Europe/London"]))) + draw(st.sampled_from(NEAR_EDGE_MS))
    wh = float(draw(st.sampled_from((0, 5, 1_500, 50_000, 6_613_405))))
    elements: list[Element] = []
    for _ in range(draw(st.integers(1, most))):
        wh = round(max(0, wh + draw(st.sampled_from(STEPS_WH))), 3)
        seen = draw(st.sampled_from((wh, wh, wh, wh, wh, wh, 0, 2, wh + 30_000, wh / 2)))
        elements.append({"at": at} | draw(values(st.just(round(seen, 3)))))
        at += draw(st.sampled_from(GAPS_MS))
    return draw(disordered(elements))


@st.composite
def disordered(draw: st.DrawFn, elements: list[Element]) -> list[Element]:
    """Each element delayed by none or a few places; some come a second time."""
    places = [(i + draw(st.sampled_from((0, 0, 0, 0, 1.5, 2.5, 5.5))), i) for i in range(len(elements))]
    again = [(i + 0.25 + draw(st.sampled_from((0, 1, 3))), i) for i in range(len(elements)) if draw(st.integers(0, 9)) == 0]
    return [dict(elements[i]) for _, i in sorted(places + again)]


def elements(zone: str = "Europe/London", most: int = 12) -> st.SearchStrategy[list[Element]]:
    """One device's readings in order of arrival."""
    return st.one_of(scattered(zone, most), marched(zone, most))


@st.composite
def true_registers(draw: st.DrawFn, zone: str = "Europe/London", most: int = 12) -> list[Element]:
    """Only honest import registers of one meter, 1 Wh a second at most, in some disorder: nothing is a glitch or a reset."""
    at = draw(st.sampled_from(ANCHORS.get(zone, ANCHORS["Europe/London"]))) + draw(st.sampled_from(NEAR_EDGE_MS))
    mwh = draw(st.sampled_from((1_000, 1_500_000, 6_613_405_000)))
    found: list[Element] = []
    for _ in range(draw(st.integers(1, most))):
        found.append({"at": at, "import_wh": mwh / 1000})
        gap = draw(st.sampled_from(GAPS_MS))
        mwh += draw(st.integers(0, gap))
        at += gap
    return draw(disordered(found))


def arrays(batch: Sequence[Element]) -> Element:
    """The same elements as one message's fields: an array of each field that any of them has, with null where one lacks it."""
    names = dict.fromkeys(name for element in batch for name in element)
    return {name: [element.get(name) for element in batch] for name in names}


def as_messages(elements: Sequence[Element | Sequence[Element]], device: str = DEVICE, first_offset: int = 100) -> list[Message]:
    """Records in order of arrival, a list among the elements as one message of arrays, ERASE as an erase; the broker's clock is never behind a
    device's."""
    messages: list[Message] = []
    clock = 0
    for offset, entry in enumerate(elements, first_offset):
        if entry is ERASE:
            messages.append(Message(device.encode(), None, clock, offset, headers=("wattfall-erase",)))
            continue
        batch = [entry] if isinstance(entry, dict) else list(entry)
        clock = max(clock, *(element["at"] + round(element.get("for_s", 0) * 1000) for element in batch))
        fields = {"device": device} | (entry if isinstance(entry, dict) else arrays(batch))
        messages.append(Message(device.encode(), json.dumps(fields).encode(), clock, offset))
    return messages


@st.composite
def batched(draw: st.DrawFn, elements: list[Element]) -> list[Element | list[Element]]:
    """Cut into messages: single elements, and runs of them as one."""
    cut: list[Element | list[Element]] = []
    i = 0
    while i < len(elements):
        size = draw(st.sampled_from((1, 1, 1, 2, 3, 8)))
        cut.append(elements[i] if size == 1 else elements[i : i + size])
        i += size
    return cut


@st.composite
def timelines(draw: st.DrawFn, most: int = 12) -> tuple[Rules, list[Message]]:
    """Rules, and one device's records in order of their offsets."""
    drawn = draw(rules())
    return drawn, as_messages(draw(batched(draw(elements(drawn.zone, most)))))
