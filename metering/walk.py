"""The walk over a device's readings in order of `at`, which books their energy into hours.

Everything that affects how power is integrated and how a register's lines are booked lives here. One reading is fed at a time,
in O(1); the state between two readings is small and can be kept (`state`), so a walk can begin again at any hour.
What depends on a reading that has not come is not booked while feeding, only on the copy that `finish` makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from metering.live import mean_power
from metering.period import Calendar
from metering.reading import Reading
from metering.register import Point, RegisterState, Verdict, judge, on_line
from metering.rules import MS_PER_HOUR, SILENCE_MS, Rules
from metering.sums import Direction, Sums


class Interval(NamedTuple):
    """A reading that holds over `[at, end)`, with its mean power in mW, or with its exact energy in mWh."""

    at: int
    end: int
    power: int | None
    energy: int | None

    def flow(self, a: int, b: int) -> int:
        """What flows in `[a, b)`, in mW·ms."""
        if self.energy is None:
            assert self.power is not None
            return self.power * (b - a)
        size, span = abs(self.energy), self.end - self.at
        part = (size * (b - self.at) // span - size * (a - self.at) // span) * MS_PER_HOUR
        return part if self.energy > 0 else -part


class WalkState(NamedTuple):
    """A walk between two readings: the newest flow (at `cursor`; `instant` in mW unless it is an interval), intervals that hold, both registers."""

    cursor: int = 0
    instant: int | None = None
    intervals: tuple[Interval, ...] = ()
    imports: RegisterState = RegisterState()
    export: RegisterState = RegisterState()


class Register:
    """A register's state while walking. `verdict` is p's without a next point; `mark` the hour's integral at p, None while not known."""

    __slots__ = ("base", "first", "mark", "p", "p_at", "s_at", "v", "v_at", "verdict", "zero")

    def __init__(self, state: RegisterState) -> None:
        self.v_at, self.v, self.s_at, self.p_at, self.p, self.zero, self.base, self.first = state
        self.mark: int | None = 0
        self.verdict = Verdict.VALID

    def state(self) -> RegisterState:
        """What must be remembered."""
        return RegisterState(self.v_at, self.v, self.s_at, self.p_at, self.p, self.zero, self.base, self.first)

    def judge(self, rules: Rules, n: Point | None) -> Verdict:
        """The verdict on p, with the next point or as yet without."""
        assert self.p_at is not None
        v = None if self.v_at is None else (self.v_at, self.v)
        return judge(rules, v, v and (self.s_at, self.v), (self.p_at, self.p), n)


class Walk:
    """Hours from `start` on are booked into `hours`; what would fall before `closed` is gone, what falls between sets `reach`.

    `reach`: the earliest instant before `start` at which a reading fed here may have changed an hour; None if there is none.
    `wary`: the readings fed are not merely added to those before, so every step that comes from before `start` may have changed.
    """

    __slots__ = ("_marked", "calendar", "closed", "cursor", "hour", "hours", "instant", "intervals", "reach", "registers", "rules", "start", "wary")

    def __init__(self, rules: Rules, calendar: Calendar, closed: int, start: int, state: WalkState) -> None:
        self.rules = rules
        self.calendar = calendar
        self.closed = closed
        self.start = start
        self.hours: dict[int, Sums] = {}
        self.hour = Sums(-1, -1)
        self.cursor, self.instant, self.intervals = state.cursor, state.instant, state.intervals
        self.registers = (Register(state.imports), Register(state.export))
        self.reach: int | None = None
        self.wary = False
        self._marked = True
        for register in self.registers:
            if register.p_at is not None:
                register.verdict = register.judge(rules, None)

    def state(self) -> WalkState:
        """What must be remembered to walk on from here."""
        imports, export = self.registers
        return WalkState(self.cursor, self.instant, self.intervals, imports.state(), export.state())

    def feed_all(self, readings: Iterable[Reading]) -> None:
        """Takes the next readings."""
        for reading in readings:
            self.feed(reading)

    def feed(self, reading: Reading) -> None:
        """Takes the next reading; its `at` is later than that of all before."""
        at, power, imports, export, for_ms, energy = reading
        hour = self.hour
        if at >= hour.end:
            hour = self.hour = self._sums(at)
        hour.readings += 1
        if hour.first_at is None:
            hour.first_at = at
        hour.last_at = at
        if for_ms is None:
            if power is not None:
                self._feed_instant(hour, at, power)
        else:
            self._feed_interval(hour, reading, Interval(at, at + for_ms, power, energy))
        if imports is not None:
            self._feed_point(hour, hour.imports, self.registers[0], at, imports)
        if export is not None:
            self._feed_point(hour, hour.export, self.registers[1], at, export)

    def feed_more(self, more: Reading) -> None:
        """Takes values of kinds that the newest reading did not have, for the same instant."""
        before = self.hour.readings
        self.feed(more)
        self.hour.readings = before

    def finish(self) -> dict[int, Sums]:
        """The hours as they stand if no further reading comes: nothing is booked here that has not happened."""
        end = self._copy()
        end._resolve(going_on=False)
        end.instant = None
        if end.intervals:
            end._book(max(interval.end for interval in end.intervals))
        for d, register in enumerate(end.registers):
            if register.p_at is not None and register.verdict is not Verdict.DOUBT:
                end._decide(d, register, register.verdict)
        return end.hours

    def forget(self, before: int) -> None:
        """Drops the hours that start before; what falls there from now on sets `reach`."""
        self.start = max(self.start, before)
        for start in [start for start in self.hours if start < before]:
            del self.hours[start]

    # Power

    def _feed_instant(self, hour: Sums, at: int, power: int) -> None:
        _mean(hour, at, power)
        held = self.instant
        cursor = self.cursor
        if held is not None and cursor >= hour.start and self._marked and not self.intervals:
            span = at - cursor
            if span > self.rules.hold_ms:
                span = self.rules.hold_ms
            hour.covered += span
            if held > 0:
                hour.imports.flow += held * span
            else:
                hour.export.flow -= held * span
        else:
            self._turn(at)
        self.cursor = at
        self.instant = power

    def _feed_interval(self, hour: Sums, reading: Reading, interval: Interval) -> None:
        mean = mean_power(reading)
        assert mean is not None
        _mean(hour, interval.at, mean)
        self._turn(interval.at)
        self.cursor = interval.at
        self.instant = None
        # One that the new interval outlasts can never resume.
        self.intervals = (*(older for older in self.intervals if older.end > interval.end), interval)

    def _turn(self, at: int) -> None:
        """The flow goes on at `at`: what held until there is booked, and no longer holds unless it is an interval that outlasts it."""
        self._resolve(going_on=True)
        self._book(at)
        self.intervals = tuple(interval for interval in self.intervals if interval.end > at)

    def _pieces(self, to: int, going_on: bool) -> Iterator[tuple[int, int, Interval]]:
        """What holds from the cursor until `to`: the newest while it does, then the next older. An instant only if a flow follows (`going_on`)."""
        holders = [*self.intervals]
        if going_on and self.instant is not None:
            holders.append(Interval(self.cursor, self.cursor + self.rules.hold_ms, self.instant, None))
        at = self.cursor
        for holder in reversed(holders):
            end = min(holder.end, to)
            if end > at:
                yield at, end, holder
                at = end
            if at == to:
                return

    def _book(self, to: int) -> None:
        for a, b, holder in self._pieces(to, going_on=True):
            while a < b:
                hour = self._sums(a, flows=True)
                edge = min(b, hour.end)
                hour.covered += edge - a
                flow = holder.flow(a, edge)
                if flow > 0:
                    hour.imports.flow += flow
                else:
                    hour.export.flow -= flow
                a = edge

    def _flow_until(self, hour: Sums, d: int, at: int, going_on: bool) -> int:
        """The hour's integral in direction d at an instant not before the cursor."""
        sign = -1 if d else 1
        flow = hour.directions[d].flow
        for a, b, holder in self._pieces(at, going_on):
            a, b = max(a, hour.start), min(b, hour.end)
            if a < b:
                flow += max(0, sign * holder.flow(a, b))
        return flow

    def _resolve(self, going_on: bool) -> None:
        """Works out the marks at register points that came after the newest flow."""
        if self._marked:
            return
        for hour in self.hours.values():
            for d, side in enumerate(hour.directions):
                for at, sign in side.edges:
                    side.hole += sign * self._flow_until(hour, d, at, going_on)
                side.edges = ()
                if side.open_at is not None and side.open_mark is None:
                    side.open_mark = self._flow_until(hour, d, side.open_at, going_on)
        for d, register in enumerate(self.registers):
            if register.p_at is not None and register.mark is None:
                register.mark = self._flow_until(self._sums(register.p_at), d, register.p_at, going_on)
        self._marked = True

    # Registers

    def _feed_point(self, hour: Sums, side: Direction, register: Register, at: int, value: int) -> None:
        p_at, p = register.p_at, register.p
        if p_at is not None:
            v_at = register.v_at
            if register.verdict is Verdict.VALID and value >= p and v_at is not None and v_at >= hour.start and not register.first:
                # The ordinary case: v, p and this point in one hour, nothing in doubt.
                if p != register.v:
                    side.energy += p - register.v
                    if register.s_at < hour.start and p_at - register.s_at > self.rules.estimate_after_ms and p > register.v:
                        side.estimated += p - register.v
                    register.v = p
                    register.s_at = p_at
                side.lined = True
                side.open_at = p_at
                side.open_mark = register.mark
                register.v_at = p_at
                register.zero = False
            else:
                self._decide_by(0 if side is hour.imports else 1, register, (at, value))
        register.p_at = at
        register.p = value
        if self.cursor == at and self._marked:
            register.mark = side.flow
        else:
            register.mark = None
            self._marked = False
        if register.v_at is not None:
            if 0 <= value - register.v <= self.rules.register_step_mwh:
                register.verdict = Verdict.VALID
            else:
                register.verdict = register.judge(self.rules, None)
            if register.v_at < self.start and (self.wary or register.verdict is Verdict.VALID):
                self._reached(register.v_at)
        else:
            register.verdict = Verdict.VALID

    def _decide_by(self, d: int, register: Register, n: Point) -> None:
        verdict = register.judge(self.rules, n)
        assert register.p_at is not None
        if self.wary or verdict is not register.verdict:
            self._reached(register.p_at if register.v_at is None else register.v_at)
        self._decide(d, register, verdict)

    def _decide(self, d: int, register: Register, verdict: Verdict) -> None:
        """Books what p turned out to be, and lets v and s move on."""
        p_at = register.p_at
        assert p_at is not None
        if verdict is Verdict.GLITCH:
            if not (register.p == 0 and register.zero) and p_at >= self.start:
                self._sums(p_at).glitches += 1
            register.zero = register.p == 0
        else:
            self._book_step(d, register, p_at, verdict)
            if verdict is Verdict.RESET or register.v_at is None or register.p != register.v:
                register.s_at = p_at
            register.v_at, register.v = p_at, register.p
            register.zero = register.first = False
        register.p_at = None

    def _book_step(self, d: int, register: Register, p_at: int, verdict: Verdict) -> None:
        """The step from v to p: a line where there is one, else a hole that ends at p; and what closed hours have of it too much or too little."""
        v_at = register.v_at
        owed = -register.base if register.first else 0
        lined = False
        if v_at is not None and verdict is Verdict.VALID:
            lined = p_at - v_at <= SILENCE_MS
            if not lined:
                owed += register.p - register.v
            elif register.first:
                owed += on_line((v_at, register.v), (p_at, register.p), self.closed) - register.v
        if lined:
            self._book_line(d, register, p_at)
        if p_at < self.start:
            return
        hour = self._sums(p_at)
        side = hour.directions[d]
        side.unbooked += owed
        hour.resets += verdict is Verdict.RESET
        if not lined and side.open_at is not None:
            for at, mark, sign in ((side.open_at, side.open_mark, -1), (p_at, register.mark, 1)):
                if mark is None:
                    side.edges = (*side.edges, (at, sign))
                else:
                    side.hole += sign * mark
        side.open_at, side.open_mark = p_at, register.mark

    def _book_line(self, d: int, register: Register, p_at: int) -> None:
        assert register.v_at is not None
        v, p = (register.v_at, register.v), (p_at, register.p)
        since = register.s_at if register.p > register.v else register.v_at
        estimated = p_at - since > self.rules.estimate_after_ms and self.calendar.hour(p_at - 1)[0] > since
        at = max(register.v_at, self.start)
        low = on_line(v, p, at)
        while at < p_at:
            hour = self._sums(at)
            side = hour.directions[d]
            at = min(hour.end, p_at)
            high = on_line(v, p, at)
            side.energy += high - low
            side.estimated += high - low if estimated else 0
            side.lined = True
            if at == hour.end:
                side.open_at = None
            low = high

    # Hours

    def _sums(self, at: int, flows: bool = False) -> Sums:
        """The hour of an instant; one before `start` is not kept."""
        start, end = self.calendar.hour(at)
        if start < self.start:
            if flows:
                self._reached(at)
            return Sums(start, end)
        hour = self.hours.get(start)
        if hour is None:
            hour = self.hours[start] = Sums(start, end)
        return hour

    def _reached(self, at: int) -> None:
        if self.closed <= at < self.start or at < self.closed < self.start:
            at = max(at, self.closed)
            self.reach = at if self.reach is None else min(self.reach, at)

    def _copy(self) -> Walk:
        other = Walk(self.rules, self.calendar, self.closed, self.start, self.state())
        other.hours = {start: hour.copy() for start, hour in self.hours.items()}
        other._marked = self._marked
        for copied, register in zip(other.registers, self.registers, strict=True):
            copied.mark = register.mark
            copied.verdict = register.verdict
        return other


def _mean(hour: Sums, at: int, power: int) -> None:
    """Extremes of the power of readings; the earliest of equals."""
    if hour.high is None or hour.low is None:
        hour.low = hour.high = power
        hour.high_at = at
    elif power > hour.high:
        hour.high = power
        hour.high_at = at
    elif power < hour.low:
        hour.low = power
