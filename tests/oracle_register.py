"""The oracle's walk over a register: which points are valid, and what is kept of them once their hours are closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain, pairwise
from typing import NamedTuple

from metering.rules import Rules

MWMS_PER_MWH = 3_600_000
DIP_MWH = 10_000
SIX_HOURS_MS = 6 * 3_600_000
MEAN_MAX_MW = 25_000_000


class Point(NamedTuple):
    at: int
    mwh: int


class Kind(Enum):
    VALID = "valid"
    RESET = "reset"
    GLITCH = "glitch"
    DOUBT = "doubt"


@dataclass(frozen=True)
class Line:
    """Where the walk stands: the last valid point, the first of its run, a point in doubt, whether the newest was a glitched 0, and B."""

    v: Point | None = None
    s: Point | None = None
    doubt: Point | None = None
    zero: bool = False
    booked: int = 0

    def past(self, p: Point, kind: Kind) -> Line:
        """Where it stands when p has been judged."""
        if kind is Kind.DOUBT:
            return replace(self, doubt=p)
        if kind is Kind.GLITCH:
            return replace(self, doubt=None, zero=p.mwh == 0)
        same_run = kind is Kind.VALID and self.v is not None and self.v.mwh == p.mwh
        return replace(self, v=p, s=self.s if same_run else p, doubt=None, zero=False)

    def settled(self, n: Point, rules: Rules) -> Line:
        """The point in doubt, before E, is judged by the first later point that comes."""
        assert self.doubt is not None and n.at > self.doubt.at
        kind = judge(self.v, self.s, self.doubt, n, rules)
        moved = self.past(self.doubt, kind)
        if kind is Kind.VALID and self.v is not None:
            return replace(moved, booked=self.booked - (self.doubt.mwh - self.v.mwh))
        return moved


class Verdict(NamedTuple):
    point: Point
    kind: Kind
    before: Line

    @property
    def is_counted_glitch(self) -> bool:
        """Of zeros in an unbroken run only the first counts."""
        return self.kind is Kind.GLITCH and not (self.point.mwh == 0 and self.before.zero)

    @property
    def is_valid(self) -> bool:
        return self.kind in (Kind.VALID, Kind.RESET)


def walk(line: Line, points: Iterable[Point], rules: Rules) -> Iterator[Verdict]:
    """Left to right over the sorted points that follow `line`."""
    for p, n in pairwise(chain(points, [None])):
        assert p is not None
        kind = judge(line.v, line.s, p, n, rules)
        yield Verdict(p, kind, line)
        line = line.past(p, kind)


def fits(a: Point, b: Point, rules: Rules) -> bool:
    """Could a register have come from a to b?"""
    elapsed, rise = b.at - a.at, b.mwh - a.mwh
    energy = rules.max_power_mw * min(elapsed, SIX_HOURS_MS) + min(rules.max_power_mw, MEAN_MAX_MW) * max(0, elapsed - SIX_HOURS_MS)
    return rise >= -DIP_MWH and (rise - rules.register_step_mwh) * MWMS_PER_MWH <= energy


def judge(v: Point | None, s: Point | None, p: Point, n: Point | None, rules: Rules) -> Kind:
    """The first of the rules that applies; n is None while there is no point after p."""
    if v is None or s is None:
        return Kind.VALID
    if p.mwh == 0 and v.mwh > rules.register_step_mwh:
        return Kind.GLITCH
    if v.mwh == 0 and p.mwh > rules.register_step_mwh:
        if n is None:
            return Kind.DOUBT
        return Kind.RESET if fits(p, n, rules) else Kind.GLITCH
    if fits(v, p, rules):
        too_high = n is not None and 0 < n.mwh < p.mwh - DIP_MWH and fits(v, n, rules)
        return Kind.GLITCH if too_high else Kind.VALID
    if n is None:
        return Kind.DOUBT
    onwards = fits(p, n, rules)
    if fits(s, p, rules) and onwards:
        return Kind.VALID
    if fits(v, n, rules) and (not onwards or abs(n.mwh - v.mwh) <= abs(n.mwh - p.mwh)):
        return Kind.GLITCH
    return Kind.RESET if onwards else Kind.GLITCH


def at_time(a: Point, b: Point, t: int) -> int:
    """The register on the line from a to b, floored above a."""
    return a.mwh + (b.mwh - a.mwh) * (t - a.at) // (b.at - a.at)
