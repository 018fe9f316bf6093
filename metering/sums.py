"""What is added up within one hour: exact sums that become a total when they are asked.

Power is integrated in mW·ms; 3,600,000 of these are one mWh.
"""

from __future__ import annotations

from metering.rules import MS_PER_HOUR
from metering.total import Grain, Method, Total


class Direction:
    """Import or export within one hour.

    `flow`: the integral so far. `energy`, `estimated`, `unbooked`: mWh of the register. `lined`: a piece of a line of the register lies here.
    A *hole* is time without such a line. `hole` is the integral in the holes that have ended; the last one began at `open_at`
    (None: a line reaches to the hour's end), when the integral stood at `open_mark` (None: not known before the next flow is).
    `edges`: the ends (sign 1) and beginnings (-1) of ended holes at which the integral is not known yet.
    """

    __slots__ = ("edges", "energy", "estimated", "flow", "hole", "lined", "open_at", "open_mark", "unbooked")

    def __init__(self, start: int) -> None:
        self.flow = 0
        self.energy = 0
        self.estimated = 0
        self.unbooked = 0
        self.lined = False
        self.hole = 0
        self.edges: tuple[tuple[int, int], ...] = ()
        self.open_at: int | None = start
        self.open_mark: int | None = 0

    def copy(self) -> Direction:
        """An independent copy."""
        other = Direction.__new__(Direction)
        other.flow = self.flow
        other.energy = self.energy
        other.estimated = self.estimated
        other.unbooked = self.unbooked
        other.lined = self.lined
        other.hole = self.hole
        other.edges = self.edges
        other.open_at = self.open_at
        other.open_mark = self.open_mark
        return other

    @property
    def rest(self) -> int:
        """The integral in the holes, in mWh; every mark is known by now."""
        flow = self.hole
        if self.open_at is not None:
            assert self.open_mark is not None
            flow += self.flow - self.open_mark
        return flow // MS_PER_HOUR


class Sums:
    """One hour `[start, end)` of one device, in ms."""

    __slots__ = ("covered", "end", "export", "first_at", "glitches", "high", "high_at", "imports", "last_at", "low", "readings", "resets", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.readings = 0
        self.first_at: int | None = None
        self.last_at: int | None = None
        self.low: int | None = None
        self.high: int | None = None
        self.high_at: int | None = None
        self.covered = 0
        self.glitches = 0
        self.resets = 0
        self.imports = Direction(start)
        self.export = Direction(start)

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Import, export."""
        return self.imports, self.export

    def copy(self) -> Sums:
        """An independent copy."""
        other = Sums.__new__(Sums)
        other.start = self.start
        other.end = self.end
        other.readings = self.readings
        other.first_at = self.first_at
        other.last_at = self.last_at
        other.low = self.low
        other.high = self.high
        other.high_at = self.high_at
        other.covered = self.covered
        other.glitches = self.glitches
        other.resets = self.resets
        other.imports = self.imports.copy()
        other.export = self.export.copy()
        return other

    @property
    def exists(self) -> bool:
        """Whether there is a total: a reading, a piece of a line or of a hold, or something unbooked."""
        both = self.directions
        return bool(self.readings or self.covered or any(one.lined or one.unbooked for one in both))

    def total(self, device: str) -> Total:
        """The hour's total, as yet without a version."""
        imports, export = self.imports, self.export
        rests = imports.rest, export.rest
        by_register = imports.lined or export.lined
        by_power = any(rests)
        method = Method.MIXED if by_register and by_power else Method.REGISTER if by_register else Method.POWER if by_power else None
        return Total(
            device,
            Grain.HOUR,
            self.start // 1000,
            self.end // 1000,
            imports.energy + rests[0],
            export.energy + rests[1],
            method,
            imports.flow // MS_PER_HOUR,
            export.flow // MS_PER_HOUR,
            imports.estimated,
            export.estimated,
            imports.unbooked,
            export.unbooked,
            self.low,
            self.high,
            self.high_at,
            self.readings,
            self.covered,
            self.first_at,
            self.last_at,
            self.glitches,
            self.resets,
            0,
            0,
            0,
        )
