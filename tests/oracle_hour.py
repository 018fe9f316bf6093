"""The oracle's hour: what is gathered in it, the power's integral over its time, and the totals that follow."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

from metering.total import Grain, Method, Total
from tests.oracle_reading import MWMS_PER_MWH, Flow

DIRECTIONS = ("import", "export")
NEVER = 2**62


class Holder(NamedTuple):
    """A reading whose flow counts over [start, end) wherever no newer one does."""

    start: int
    end: int
    flow: Flow

    def energy(self, a: int, b: int) -> tuple[int, int]:
        """Of the span [a, b): mW·ms and whole mWh, signed."""
        if self.flow.energy_mwh is None:
            assert self.flow.power_mw is not None
            return self.flow.power_mw * (b - a), 0
        size, length = abs(self.flow.energy_mwh), self.end - self.start
        span = size * (b - self.start) // length - size * (a - self.start) // length
        return 0, span if self.flow.energy_mwh > 0 else -span


@dataclass
class Side:
    """One direction of one hour: energies in mWh, power integrals in mW·ms and whole mWh apart."""

    drawn: bool = False
    register: int = 0
    estimated: int = 0
    unbooked: int = 0
    integral: list[int] = field(default_factory=lambda: [0, 0])
    rest: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def counted(self) -> int:
        return self.register + floored(self.rest)

    @property
    def methods(self) -> set[Method]:
        return ({Method.REGISTER} if self.drawn else set()) | ({Method.POWER} if floored(self.rest) > 0 else set())


def floored(energy: list[int]) -> int:
    return energy[0] // MWMS_PER_MWH + energy[1]


@dataclass
class Hour:
    """What lies in one hour."""

    end: int
    sides: dict[str, Side] = field(default_factory=lambda: {direction: Side() for direction in DIRECTIONS})
    readings: list[tuple[int, Flow | None]] = field(default_factory=list)
    covered: int = 0
    glitches: int = 0
    resets: int = 0

    @property
    def exists(self) -> bool:
        return bool(self.readings) or self.covered > 0 or any(side.drawn or side.unbooked for side in self.sides.values())


def hour_total(device: str, start: int, hour: Hour) -> Total:
    """`start` in epoch ms."""
    powers = [(flow.mean_mw, at) for at, flow in hour.readings if flow is not None]
    peak = max((power for power, _ in powers), default=None)
    ats = [at for at, _ in hour.readings]
    imported, exported = (hour.sides[direction] for direction in DIRECTIONS)
    return Total(
        device=device,
        grain=Grain.HOUR,
        start=start // 1000,
        end=hour.end // 1000,
        import_mwh=imported.counted,
        export_mwh=exported.counted,
        method=one_of(imported.methods | exported.methods),
        integral_import_mwh=floored(imported.integral),
        integral_export_mwh=floored(exported.integral),
        estimated_import_mwh=imported.estimated,
        estimated_export_mwh=exported.estimated,
        unbooked_import_mwh=imported.unbooked,
        unbooked_export_mwh=exported.unbooked,
        power_min_mw=min((power for power, _ in powers), default=None),
        power_max_mw=peak,
        power_max_at=min((at for power, at in powers if power == peak), default=None),
        readings=len(ats),
        covered_ms=hour.covered,
        first_at=min(ats, default=None),
        last_at=max(ats, default=None),
        glitches=hour.glitches,
        resets=hour.resets,
        epoch=0,
        offset=0,
        reflects=0,
    )


def one_of(methods: set[Method]) -> Method | None:
    """Nothing counted: None; by more than one method: mixed."""
    return Method.MIXED if len(methods) > 1 else next(iter(methods), None)


def lies_in(segments: list[tuple[int, int]], t: int) -> bool:
    """The segments are in order and do not overlap."""
    i = bisect_right(segments, (t, NEVER)) - 1
    return i >= 0 and t < segments[i][1]


def newest_of(holders: list[Holder], cuts: list[int]) -> Iterator[tuple[int, int, Holder]]:
    """Between neighbouring cuts, the holder that counts: the newest of those that hold."""
    holding: list[tuple[int, int]] = []
    coming = 0
    for a, b in pairwise(cuts):
        while coming < len(holders) and holders[coming].start <= a:
            heappush(holding, (-holders[coming].start, coming))
            coming += 1
        while holding and holders[holding[0][1]].end <= a:
            heappop(holding)
        if holding:
            yield a, b, holders[holding[0][1]]


def folded(parts: list[Total], grain: Grain, start: int, end: int) -> Total:
    """A period's total from those of its parts, in order."""
    adds = [name for name in Total._fields if name.endswith("_mwh") or name in ("readings", "covered_ms", "glitches", "resets")]
    sums = {name: sum(getattr(part, name) for part in parts) for name in adds}
    peaks = [part for part in parts if part.power_max_mw is not None]
    peak = max(peaks, key=lambda part: part.power_max_mw or 0, default=None)  # the first, so the earliest, of equals
    return parts[0]._replace(
        **sums,
        grain=grain,
        start=start,
        end=end,
        method=one_of({part.method for part in parts if part.method is not None}),
        power_min_mw=min((part.power_min_mw for part in parts if part.power_min_mw is not None), default=None),
        power_max_mw=peak and peak.power_max_mw,
        power_max_at=peak and peak.power_max_at,
        first_at=next((part.first_at for part in parts if part.first_at is not None), None),
        last_at=next((part.last_at for part in reversed(parts) if part.last_at is not None), None),
    )
