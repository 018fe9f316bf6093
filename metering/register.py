"""Which points of a cumulative register are to be believed.

Everything that affects the validity of a point lives here. A point is judged against v, the last valid one, s, the first of the
unbroken run of valid points with v's value, and n, the point after it, as far as there is one. The table, the first row that applies:

    first point of all                                       valid
    zero, after more than a step                             glitch    a gateway that has not read the meter yet
    more than a step, after zero                             reset if n fits it, else glitch
    fits v                                                   valid     unless n falls back and fits v: one value too high
    fits s, and n fits it                                    valid     a register that is read every half hour
    n fits v, and n does not fit it better                   glitch
    n fits it                                                reset     meter exchanged, roll-over
    otherwise                                                glitch

A row that needs n before there is one leaves the point in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from metering.rules import DIP_MWH, MS_PER_HOUR, SILENCE_MS, Rules

_BURST_MS: Final = 6 * MS_PER_HOUR
_SUSTAINED_MW: Final = 25_000_000

Point = tuple[int, int]
"""An instant in ms and the register's value in mWh."""


class Verdict(Enum):
    """What a point of a register turned out to be."""

    VALID = auto()
    RESET = auto()
    GLITCH = auto()
    DOUBT = auto()


class RegisterState(NamedTuple):
    """What must be remembered of a register to judge and book its next points.

    `base` is what closed hours hold of it beyond v; it is owed to the first valid point at or after the closing while `first` stands.
    """

    v_at: int | None = None
    v: int = 0
    s_at: int = 0
    p_at: int | None = None
    p: int = 0
    zero: bool = False
    base: int = 0
    first: bool = False


def fits(rules: Rules, a: Point, b: Point) -> bool:
    """Whether a register can have gone from a to b: hardly down, and up by no more than the largest plausible use."""
    rise = b[1] - a[1]
    if rise <= rules.register_step_mwh:
        return rise >= -DIP_MWH
    span = b[0] - a[0]
    burst = min(span, _BURST_MS)
    limit = rules.max_power_mw * burst + min(rules.max_power_mw, _SUSTAINED_MW) * (span - burst)
    return (rise - rules.register_step_mwh) * MS_PER_HOUR <= limit


def judge(rules: Rules, v: Point | None, s: Point | None, p: Point, n: Point | None) -> Verdict:
    """The verdict on p by the table above; the same arguments always give the same."""
    step = rules.register_step_mwh
    if v is None or s is None:
        return Verdict.VALID
    if p[1] == 0 and v[1] > step:
        return Verdict.GLITCH
    if v[1] == 0 and p[1] > step:
        return Verdict.DOUBT if n is None else Verdict.RESET if fits(rules, p, n) else Verdict.GLITCH
    if fits(rules, v, p):
        too_high = n is not None and 0 < n[1] < p[1] - DIP_MWH and fits(rules, v, n)
        return Verdict.GLITCH if too_high else Verdict.VALID
    if n is None:
        return Verdict.DOUBT
    goes_on = fits(rules, p, n)
    if goes_on and fits(rules, s, p):
        return Verdict.VALID
    if fits(rules, v, n) and not (goes_on and abs(n[1] - v[1]) > abs(n[1] - p[1])):
        return Verdict.GLITCH
    return Verdict.RESET if goes_on else Verdict.GLITCH


def judged(rules: Rules, state: RegisterState, n: Point | None) -> Verdict:
    """The verdict on the state's newest point."""
    assert state.p_at is not None
    v = None if state.v_at is None else (state.v_at, state.v)
    return judge(rules, v, v and (state.s_at, state.v), (state.p_at, state.p), n)


def moved(state: RegisterState, verdict: Verdict) -> RegisterState:
    """The state once its newest point is decided; energies of the step are not in it."""
    if verdict is Verdict.DOUBT:
        return state
    if verdict is Verdict.GLITCH:
        return state._replace(p_at=None, zero=state.p == 0)
    assert state.p_at is not None
    run_goes_on = verdict is Verdict.VALID and state.v_at is not None and state.p == state.v
    s_at = state.s_at if run_goes_on else state.p_at
    return state._replace(v_at=state.p_at, v=state.p, s_at=s_at, p_at=None, zero=False)


def on_line(v: Point, p: Point, at: int) -> int:
    """The register between two valid points, at `at`: linear, floored."""
    return v[1] + (p[1] - v[1]) * (at - v[0]) // (p[0] - v[0])


def settle_doubt(rules: Rules, carried: RegisterState, n: Point) -> RegisterState:
    """The carried state when the first point after a closing arrives: the point in doubt is decided by it, for good."""
    verdict = judged(rules, carried, n)
    step = carried.p - carried.v if verdict is Verdict.VALID and carried.v_at is not None else 0
    return moved(carried, verdict)._replace(base=carried.base - step)


def close(rules: Rules, state: RegisterState, before: int, closed: int, later: Iterator[Point]) -> RegisterState:
    """What is kept of a register when the hours from `before` to `closed` close.

    `state` is the walk's at `closed`, `later` the points from there on, in order. The newest point is decided by what is known,
    and `base` becomes what the closed hours hold beyond v: the part of the line to the next valid point that lies in them.
    """
    n = next(later, None)
    if state.p_at is not None:
        state = moved(state, judged(rules, state, n))
    was_open = state.v_at is not None and state.v_at >= before
    base = 0 if was_open or state.v_at is None else state.base
    v_at = state.v_at
    if v_at is not None:
        v = (v_at, state.v)
        end = _next_valid(rules, state, n, later)
        if end is not None and end[0] - v_at <= SILENCE_MS:
            base += on_line(v, end, closed) - on_line(v, end, max(v_at, before))
    return state._replace(base=base, first=v_at is not None)


def _next_valid(rules: Rules, state: RegisterState, n: Point | None, later: Iterator[Point]) -> Point | None:
    """The valid point that continues v's line; None where there is none yet, or a reset comes first."""
    while n is not None:
        state = state._replace(p_at=n[0], p=n[1])
        p, n = n, next(later, None)
        verdict = judged(rules, state, n)
        if verdict is Verdict.VALID:
            return p
        if verdict is not Verdict.GLITCH:
            return None
        state = moved(state, verdict)
    return None
