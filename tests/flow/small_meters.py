"""Devices that a state machine lets speak: each of its messages is an ordinary next reading, or one of the things that go wrong with readings."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.oracle_reading import partition_of
from tests.poison import ORDINARY
from tests.strategies import DAY, HOUR, MINUTE, SECOND, Element, arrays

BEGIN: Final = 1_764_534_600_000
"""Half past eight in the evening of 30 November 2025, UTC: a new day and a new month are near."""
KINDS: Final = ("next", "next", "next", "next", "apart", "box", "earlier", "again", "corrected", "late", "poison", "misplaced", "erase")
GAPS_MS: Final = (SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, HOUR + 1, 2 * HOUR, 5 * HOUR)
STEPS_WH: Final = (0, 1, 7, 400, -5, 2_600)


class Speech(NamedTuple):
    """What a device is to say next, or that it is erased, now and then in the wrong partition.

    `which` chooses among what it has said, or among the poisons.
    """

    kind: str
    gap_ms: int
    step_wh: int
    which: int
    fields: str


speeches = st.builds(
    Speech,
    st.sampled_from(KINDS),
    st.sampled_from(GAPS_MS),
    st.sampled_from(STEPS_WH),
    st.integers(0, 999),
    st.sampled_from(("pi", "pi", "p", "i", "pie", "f")),
)


class Sending(NamedTuple):
    """A record of so many readings, without the broker's part of it. `until`: the broker's clock is at least here."""

    partition: int
    key: bytes | None
    value: bytes | None
    until: int
    readings: int = 1
    headers: tuple[str, ...] = ()


class Meter:
    """A device and what it has said."""

    def __init__(self, device: str, partitions: int) -> None:
        self.device, self.partitions = device, partitions
        self.partition = partition_of(device.encode(), partitions)
        self.at, self.wh = BEGIN, 1_000
        self.told: list[Element] = []

    def say(self, speech: Speech) -> list[Sending]:
        """The messages of one speech."""
        if speech.kind == "erase":
            partition = (self.partition + (speech.which % 4 == 0)) % self.partitions
            return [Sending(partition, self.device.encode(), None, self.at, int(partition != self.partition), ("wattfall-erase",))]
        if speech.kind in ("next", "misplaced") or not self.told:
            return [self._sending(self._next(speech), misplaced=speech.kind == "misplaced")]
        if speech.kind == "poison":
            key, value = ORDINARY[speech.which % len(ORDINARY)].made(self.device, "2025-11-30T20:30:00Z", self.at)
            return [Sending(self.partition, key, value, self.at)]
        if speech.kind == "apart":
            element = self._next(speech._replace(fields="pi"))
            return [self._sending({name: element[name] for name in ("at", one)}) for one in ("import_wh", "power_w")]
        if speech.kind == "box":
            box = [self._next(speech) for _ in range(2 + speech.which % 3)]
            return [self._sending(arrays(box[::-1] if speech.which % 2 else box))]
        return [self._sending(self._about(self.told[speech.which % len(self.told)], speech))]

    def _about(self, told: Element, speech: Speech) -> Element:
        """Something about what was told before."""
        if speech.kind == "again":
            return told
        if speech.kind == "corrected":
            return {"at": told["at"], "power_w": speech.which}
        if speech.kind == "late":
            return {"at": self.at - 2 * DAY - speech.gap_ms, "power_w": 7}
        return {"at": told["at"] - speech.gap_ms, "power_w": 431.5}

    def _next(self, speech: Speech) -> Element:
        self.at += speech.gap_ms
        self.wh = max(0, self.wh + speech.step_wh)
        element: Element = {"at": self.at}
        if "p" in speech.fields:
            element["power_w"] = (0, 360, -720, 431.5)[speech.which % 4]
        if "i" in speech.fields:
            element["import_wh"] = self.wh
        if "e" in speech.fields:
            element["export_wh"] = self.wh / 2
        if "f" in speech.fields:
            element |= {"energy_wh": 0.5, "for_s": 1_800}
        self.told.append(element)
        return element

    def _sending(self, fields: dict[str, Any], *, misplaced: bool = False) -> Sending:
        partition = (self.partition + 1) % self.partitions if misplaced else self.partition
        ats, lengths = ([value] if not isinstance(value, list) else value for value in (fields["at"], fields.get("for_s", 0)))
        value = json.dumps({"device": self.device} | fields).encode()
        whole = 1 if misplaced else len(ats)
        return Sending(partition, self.device.encode(), value, max(ats) + max(lengths) * 1_000, whole)
