"""The oracle's device: the set of its readings, its edge E, and what the open hours are, worked out anew from the set."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from metering.rules import Rules
from metering.total import Grain, Total
from tests.oracle_calendar import day_at, hour_at, month_at
from tests.oracle_hour import DIRECTIONS, NEVER, Holder, Hour, folded, hour_total, lies_in, newest_of
from tests.oracle_reading import LONGEST_INTERVAL_MS, Reading
from tests.oracle_register import Kind, Line, Point, Verdict, at_time, walk

SILENCE_MS = 40 * 86_400_000


class Device:
    """The set of one device's readings, its edge E, and the totals of closed hours as they were when they were closed."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name, self.rules = name, rules
        self.known: dict[int, Reading] = {}
        self.all_at: list[int] = []
        self.flow_at: list[int] = []
        self.point_at: dict[str, list[int]] = {direction: [] for direction in DIRECTIONS}
        self.leading: list[int] = []
        self.edge: int | None = None
        self.lines = {direction: Line() for direction in DIRECTIONS}
        self.closed: dict[int, Total] = {}
        self.cached: dict[tuple[Grain, int], Total] | None = None

    # What comes in

    def take(self, reading: Reading) -> str:
        """The outcome: late, counted, duplicate or corrected."""
        if self.edge is not None and reading.at < self.edge:
            return "late"
        before = self.known.get(reading.at)
        merged = reading if before is None else before.replaced_by(reading)
        if merged == before:
            return "duplicate"
        self.cached = None
        self.known[reading.at] = merged
        if before is None:
            insort(self.all_at, reading.at)
        if merged.flow is not None and (before is None or before.flow is None):
            insort(self.flow_at, reading.at)
        for direction in DIRECTIONS:
            self._point(direction, before, merged)
        if not self.leading or reading.at > self.leading[-1]:
            self.leading.append(reading.at)
            self._move_edge()
        return "counted" if before is None else "corrected"

    def _point(self, direction: str, before: Reading | None, merged: Reading) -> None:
        mwh = register_of(merged, direction)
        if mwh is None or before is not None and register_of(before, direction) is not None:
            return
        insort(self.point_at[direction], merged.at)
        if self.lines[direction].doubt is not None:
            self.lines[direction] = self.lines[direction].settled(Point(merged.at, mwh), self.rules)

    def _move_edge(self) -> None:
        newest = self.leading[-1]
        horizon = newest - self.rules.restate_ms
        edge = hour_at(self.rules.zone, horizon - SILENCE_MS)[0]
        old_enough = bisect_right(self.leading, horizon)
        if old_enough:
            edge = max(edge, hour_at(self.rules.zone, self.leading[old_enough - 1])[0])
        if self.edge is None:
            self.edge = edge
        elif edge > self.edge:
            self._close(edge)

    def _close(self, edge: int) -> None:
        hours = self._hours(edge)
        self.closed |= {start: hour_total(self.name, start, hour) for start, hour in hours.items() if hour.exists}
        for direction in DIRECTIONS:
            held = sum(hour.sides[direction].register + hour.sides[direction].unbooked for hour in hours.values())
            line = self.lines[direction]
            booked = line.booked + held
            for verdict in self.verdicts(direction):
                if verdict.point.at >= edge:
                    break
                if verdict.kind is Kind.VALID and verdict.before.v is not None:
                    booked -= verdict.point.mwh - verdict.before.v.mwh
                line = line.past(verdict.point, verdict.kind)
            self.lines[direction] = replace(line, booked=booked)
        self.edge = edge

    # What comes out

    def totals(self) -> dict[tuple[Grain, int], Total]:
        if self.cached is None:
            hours = self.closed | {start: hour_total(self.name, start, hour) for start, hour in self._hours(NEVER).items() if hour.exists}
            days = self._folded(hours, Grain.DAY)
            months = self._folded(days, Grain.MONTH)
            self.cached = {(total.grain, total.start): total for level in (hours, days, months) for total in level.values()}
        return self.cached

    def _folded(self, parts: dict[int, Total], grain: Grain) -> dict[int, Total]:
        period_at = day_at if grain is Grain.DAY else month_at
        within: dict[tuple[int, int], list[Total]] = {}
        for start in sorted(parts):
            within.setdefault(period_at(self.rules.zone, start), []).append(parts[start])
        return {start: folded(group, grain, start // 1000, end // 1000) for (start, end), group in within.items()}

    # The hours from E up to a limit

    def _hours(self, limit: int) -> dict[int, Hour]:
        assert self.edge is not None
        hours: dict[int, Hour] = {}
        for at in self.all_at[bisect_left(self.all_at, self.edge) : bisect_left(self.all_at, limit)]:
            self._hour(hours, at).readings.append((at, self.known[at].flow))
        drawn = {direction: self._draw(direction, limit, hours) for direction in DIRECTIONS}
        self._integrate(limit, hours, drawn)
        return hours

    def _hour(self, hours: dict[int, Hour], at: int) -> Hour:
        start, end = hour_at(self.rules.zone, at)
        return hours.setdefault(start, Hour(end))

    def verdicts(self, direction: str) -> Iterator[Verdict]:
        """Every point from E on, judged."""
        ats = self.point_at[direction]
        points = (Point(ats[i], register_of(self.known[ats[i]], direction) or 0) for i in range(bisect_left(ats, self.edge or 0), len(ats)))
        return walk(self.lines[direction], points, self.rules)

    def _draw(self, direction: str, limit: int, hours: dict[int, Hour]) -> list[tuple[int, int]]:
        """Books the register's energy, unbooked, glitches and resets of the hours before the limit; the segments, whole."""
        segments: list[tuple[int, int]] = []
        is_first = True
        for verdict in self.verdicts(direction):
            p, v = verdict.point, verdict.before.v
            if p.at < limit and verdict.is_counted_glitch:
                self._hour(hours, p.at).glitches += 1
            if p.at < limit and verdict.kind is Kind.RESET:
                self._hour(hours, p.at).resets += 1
            if not verdict.is_valid:
                continue
            if p.at < limit and v is not None:
                self._hour(hours, p.at).sides[direction].unbooked += self._unbooked(direction, verdict, is_first)
            if verdict.kind is Kind.VALID and v is not None and p.at - v.at <= SILENCE_MS:
                segments.append((v.at, p.at))
                self._book(direction, verdict, limit, hours)
            if p.at >= limit:
                break
            is_first = False
        return segments

    def _unbooked(self, direction: str, verdict: Verdict, is_first: bool) -> int:
        """What the lines up to the point have before E, less what closed hours hold of it; or a step over a silence."""
        v, p = verdict.before.v, verdict.point
        assert v is not None and self.edge is not None
        held = self.lines[direction].booked if is_first else 0
        if verdict.kind is Kind.RESET:
            return -held
        if p.at - v.at > SILENCE_MS:
            return p.mwh - v.mwh - held
        return at_time(v, p, self.edge) - v.mwh - held if is_first else 0

    def _book(self, direction: str, verdict: Verdict, limit: int, hours: dict[int, Hour]) -> None:
        v, s, p = verdict.before.v, verdict.before.s, verdict.point
        assert v is not None and s is not None and self.edge is not None
        since = s.at if p.mwh > v.mwh else v.at
        is_far = p.at - since > self.rules.estimate_after_ms and hour_at(self.rules.zone, since)[1] < p.at
        a = max(v.at, self.edge)
        while a < min(p.at, limit):
            hour = self._hour(hours, a)
            b = min(p.at, hour.end)
            energy = at_time(v, p, b) - at_time(v, p, a)
            side = hour.sides[direction]
            side.drawn = True
            side.register += energy
            side.estimated += energy if is_far else 0
            a = b

    def _holders(self, limit: int) -> list[Holder]:
        """In order of start: whatever may hold at or after E and before the limit."""
        assert self.edge is not None
        first = max(0, bisect_left(self.flow_at, self.edge - LONGEST_INTERVAL_MS) - 1)
        ats = self.flow_at[first : bisect_left(self.flow_at, limit) + 1]
        found: list[Holder] = []
        for at, following in pairwise([*ats, None]):
            assert at is not None
            flow = self.known[at].flow
            assert flow is not None
            if flow.for_ms is not None:
                found.append(Holder(at, at + flow.for_ms, flow))
            elif following is not None:
                found.append(Holder(at, min(following, at + self.rules.hold_ms), flow))
        return found

    def _integrate(self, limit: int, hours: dict[int, Hour], drawn: dict[str, list[tuple[int, int]]]) -> None:
        assert self.edge is not None
        holders = self._holders(limit)
        cuts = {self.edge, limit} | {t for segments in drawn.values() for segment in segments for t in segment}
        for holder in holders:
            cuts |= {holder.start, holder.end}
            hour_end = hour_at(self.rules.zone, holder.start)[1]
            while hour_end < holder.end:
                cuts.add(hour_end)
                hour_end = hour_at(self.rules.zone, hour_end)[1]
        for a, b, holder in newest_of(holders, sorted(t for t in cuts if self.edge <= t <= limit)):
            hour = self._hour(hours, a)
            hour.covered += b - a
            energy = holder.energy(a, b)
            direction = "import" if sum(energy) > 0 else "export"
            side = hour.sides[direction]
            for part in (0, 1):
                side.integral[part] += abs(energy[part])
                side.rest[part] += 0 if lies_in(drawn[direction], a) else abs(energy[part])


def register_of(reading: Reading, direction: str) -> int | None:
    return reading.import_mwh if direction == "import" else reading.export_mwh
