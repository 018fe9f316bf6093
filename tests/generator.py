"""Seeded readings whose answer is known: each device has a closed-form power and so an exact register, and everything that goes wrong is tagged.

`generate` gives the messages of some devices in the order in which they are sent; equal arguments give equal messages, byte for byte.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, NamedTuple

from tests.poison import ORDINARY

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
BEGUN_MS = 978_307_200_000
"""When every meter was installed, at 0: the first instant of 2001."""
BOX = 180
"""Readings that an edge box sends in one message."""

STARTS: dict[str, tuple[str, int]] = {
    "plain day": ("Europe/London", 1_763_942_400_000),
    "month end": ("Europe/Amsterdam", 1_764_532_800_000),
    "leap day": ("Europe/London", 1_709_154_000_000),
    "spring": ("Europe/London", 1_774_738_800_000),
    "autumn": ("Europe/Amsterdam", 1_761_429_600_000),
    "spring, New York": ("America/New_York", 1_772_942_400_000),
    "autumn, New York": ("America/New_York", 1_762_052_400_000),
    "month end, Kathmandu": ("Asia/Kathmandu", 1_764_515_700_000),
    "spring, Lord Howe": ("Australia/Lord_Howe", 1_759_584_600_000),
    "autumn, Lord Howe": ("Australia/Lord_Howe", 1_775_307_600_000),
}
"""Zones and starts two to four hours before what their names say."""


class Sent(NamedTuple):
    """A message, and when the broker would take it; the first tag of an ordinary one is `in_order` or `shuffled`."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    tags: tuple[str, ...]

    @property
    def device(self) -> str:
        """Whom an ordinary one is from."""
        assert self.key is not None
        return self.key.decode()


@dataclass(frozen=True)
class Rates:
    """How often: a share of readings, of batches or of devices, or so many in a device's hour."""

    shuffled: float = 0.05
    late_3h: float = 0.01
    late_3d: float = 0.005
    late_40d: float = 0.002
    duplicate: float = 0.03
    correction: float = 0.01
    apart: float = 0.05
    future: float = 0.002
    poison: float = 0.01
    key_mismatch: float = 0.002
    glitch: float = 0.002
    batch_devices: float = 0.3
    batch_again: float = 0.2
    batch_overlap: float = 0.3
    resets_an_hour: float = 0.01
    gaps_an_hour: float = 0.03
    silences_an_hour: float = 0.002

    @classmethod
    def none(cls) -> Rates:
        """Every reading once, in order, one a message: the answer is the meter's own."""
        return cls(**dict.fromkeys(cls.__dataclass_fields__, 0.0))


@dataclass(frozen=True)
class Meter:
    """A household as steps of power, over and over; its registers are exact, then cut to what the meter shows."""

    levels_mw: tuple[int, ...]
    step_ms: int
    shows_mwh: int

    @classmethod
    def drawn(cls, random: Random, interval_ms: int) -> Meter:
        solar = random.random() < 0.3
        levels = tuple(random.randrange(-4_000_000 if solar else 0, 9_000_000) for _ in range(random.randint(1, 40)))
        return cls(levels, interval_ms * random.choice((1, 6, 30, 360)), random.choice((1, 1_000, 1_000, 100_000)))

    def power_mw(self, at: int) -> int:
        return self.levels_mw[(at - BEGUN_MS) // self.step_ms % len(self.levels_mw)]

    def energy_mwh(self, at: int, sign: int) -> int:
        """Exact since the beginning, floored: of import with sign 1, of export with -1."""
        levels = [max(0, sign * level) for level in self.levels_mw]
        steps, rest = divmod(at - BEGUN_MS, self.step_ms)
        cycles, whole = divmod(steps, len(levels))
        return ((cycles * sum(levels) + sum(levels[:whole])) * self.step_ms + levels[whole] * rest) // 3_600_000

    def register_mwh(self, at: int, sign: int) -> int:
        return self.energy_mwh(at, sign) // self.shows_mwh * self.shows_mwh


def meter_of(seed: int, number: int, interval_s: int = 10) -> Meter:
    """The meter behind the device of that number."""
    return Meter.drawn(Random(f"meter {seed} {number}"), interval_s * SECOND)


def device_name(number: int) -> str:
    """The device's id."""
    return f"cad-{number:06d}"


def generate(seed: int, devices: int, start_ms: int, hours: float, interval_s: int = 10, rates: Rates = Rates()) -> list[Sent]:
    """Readings of `devices` from `start_ms` on, in order of sending; a silence of weeks makes a device go on after the others."""
    sent = [
        (message.timestamp_ms, number, place, message)
        for number in range(devices)
        for place, message in enumerate(Device(seed, number, interval_s * SECOND, rates).messages(start_ms, start_ms + int(hours * HOUR)))
    ]
    return [message for *_, message in sorted(sent)]


def manifest(sent: Iterable[Sent]) -> Counter[str]:
    """How many messages carry each tag."""
    return Counter(tag for message in sent for tag in message.tags)


class Device:
    """One device's messages; `_…` draws are from its own random numbers, so devices do not depend on each other."""

    def __init__(self, seed: int, number: int, interval_ms: int, rates: Rates) -> None:
        self.random = Random(f"device {seed} {number}")
        self.name, self.rates, self.interval_ms = device_name(number), rates, interval_ms
        self.meter = meter_of(seed, number, interval_ms // SECOND)
        self.style = self.random.choice(("zulu", "offset", "ms")) if rates != Rates.none() else "ms"
        self.fields = self.random.choice(("pi", "pi", "pie", "p", "i", "ie")) if rates != Rates.none() else "pie"
        self.is_box = self._happens(rates.batch_devices)
        self.taken = {1: 0, -1: 0}

    def _happens(self, rate: float) -> bool:
        return self.random.random() < rate

    def messages(self, start: int, end: int) -> Iterator[Sent]:
        """In order of the readings' own time; the time of sending is in each."""
        instants = self._instants(start, end)
        if self.is_box:
            yield from self._boxes(list(instants))
        else:
            for at, tags in instants:
                yield from self._single(at, tags)

    def _instants(self, start: int, end: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        """When the device reads, and what happened to it before."""
        at, left = start, (end - start) // self.interval_ms
        an_hour = self.interval_ms / HOUR
        while left > 0:
            tags: tuple[str, ...] = ()
            if self._happens(self.rates.gaps_an_hour * an_hour):
                steps = self.random.randint(1, 5 * HOUR // self.interval_ms)
                at, left, tags = at + steps * self.interval_ms, left - steps, ("gap",)
            if self._happens(self.rates.silences_an_hour * an_hour):
                at, tags = at + self.random.randint(14, 60) * DAY // self.interval_ms * self.interval_ms, (*tags, "silence")
            if self._happens(self.rates.resets_an_hour * an_hour):
                self.taken = {sign: self.meter.register_mwh(at, sign) for sign in (1, -1)}
                tags = (*tags, "reset")
            yield at, tags
            at, left = at + self.interval_ms, left - 1

    def _single(self, at: int, tags: tuple[str, ...]) -> Iterator[Sent]:
        """One reading as a message, and whatever else is sent on the occasion."""
        rates, random = self.rates, self.random
        element, disturbed = self._element(at)
        now = at + random.randint(50, 900)
        tags = (*tags, *disturbed)
        if self._happens(rates.late_3h):
            yield self._message(element, now + 3 * HOUR, *tags, "late_3h")
        elif self._happens(rates.shuffled):
            yield self._message(element, now + random.randint(0, 5 * MINUTE), "shuffled", *tags)
        elif self._happens(rates.apart) and len(element) > 2:
            yield from (self._message({"at": at, name: element[name]}, now + random.randint(0, 9_000), "apart", *tags) for name in list(element)[1:])
        else:
            yield self._message(element, now, "in_order", *tags)
        if self._happens(rates.duplicate):
            yield self._message(element, now + random.randint(1, HOUR), "duplicate")
        if self._happens(rates.correction) and "power_w" in element:
            yield self._message({"at": at, "power_w": random.randrange(0, 9_000_000) / 1000}, now + random.randint(1, 2 * HOUR), "correction")
        yield from self._besides(at, now)

    def _besides(self, at: int, now: int) -> Iterator[Sent]:
        rates, random = self.rates, self.random
        for tag, rate, days in (("late_3d", rates.late_3d, 3), ("late_40d", rates.late_40d, 40)):
            if self._happens(rate):
                yield self._message(self._element(at - days * DAY)[0], now, tag)
        if self._happens(rates.future):
            ahead = random.choice((now + random.randint(5 * MINUTE + 1, HOUR), 4_070_908_800_000 + random.randint(0, DAY)))
            yield self._message({"at": ahead, "power_w": 1}, now, "future")
        if self._happens(rates.key_mismatch):
            yield self._message(self._element(at)[0], now, "key_mismatch")._replace(key=self.name.encode() + b"x")
        if self._happens(rates.poison):
            poison = random.choice(ORDINARY)
            yield Sent(*poison.made(self.name, self._time(at, "zulu"), at), now, ("poison", poison.reason))

    def _boxes(self, instants: list[tuple[int, tuple[str, ...]]]) -> Iterator[Sent]:
        """An edge box hands in what it has kept, again where no answer came, sometimes with readings of the box before."""
        random = self.random
        kept = [self._element(at) for at, _ in instants]
        for first in range(0, len(kept), BOX):
            overlap = random.randint(1, 60) if first and self._happens(self.rates.batch_overlap) else 0
            box = [element for element, _ in kept[max(0, first - overlap) : first + BOX]]
            happened = {tag for _, tags in [*instants[first : first + BOX], *kept[first : first + BOX]] for tag in tags}
            if self._happens(self.rates.shuffled):
                random.shuffle(box)
            now = instants[min(first + BOX, len(kept)) - 1][0] + random.randint(500, 5_000)
            message = self._message(arrays(box), now, "batch", *(("overlap",) if overlap else ()), *sorted(happened))
            yield message
            if self._happens(self.rates.batch_again):
                yield message._replace(timestamp_ms=now + random.randint(1_000, HOUR), tags=("batch_again",))

    def _element(self, at: int) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What the device says of an instant, and whether its register was off."""
        element: dict[str, Any] = {"at": at}
        tags: tuple[str, ...] = ()
        if "p" in self.fields:
            element["power_w"] = plain(self.meter.power_mw(at))
        for letter, name, sign in (("i", "import_wh", 1), ("e", "export_wh", -1)):
            if letter in self.fields:
                mwh = max(0, self.meter.register_mwh(at, sign) - self.taken[sign])
                if self._happens(self.rates.glitch):
                    mwh, tags = self.random.choice((0, 0, mwh // 10, mwh + 5_000_000_000, mwh + 20_000_000)), ("glitch",)
                element[name] = plain(mwh)
        return element, tags

    def _time(self, at: int, style: str) -> str:
        zone = UTC if style == "zulu" else timezone(timedelta(hours=5, minutes=45))
        text = datetime.fromtimestamp(at // 1000, zone).replace(microsecond=at % 1000 * 1000).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")

    def _message(self, element: dict[str, Any], now: int, *tags: str) -> Sent:
        at = element["at"]
        if self.style != "ms":
            at = [self._time(one, self.style) for one in at] if isinstance(at, list) else self._time(at, self.style)
        value = json.dumps({"device": self.name} | element | {"at": at}, separators=(",", ":"))
        return Sent(self.name.encode(), value.encode(), now, tags)


def arrays(box: list[dict[str, Any]]) -> dict[str, Any]:
    """Elements with equal fields as one object of arrays."""
    return {name: [element[name] for element in box] for name in box[0]}


def plain(milli: int) -> int | float:
    """mW as W, mWh as Wh: without a fraction where there is none."""
    return milli // 1000 if milli % 1000 == 0 else milli / 1000
