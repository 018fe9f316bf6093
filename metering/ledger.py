"""By how much one register rose between its first and its last valid point: the sum that the hours' register energy has to make.

Points come in any order, as the readings do. What a point is follows metering/register.py, with the points that were known when its hour
closed. Nothing is booked here, so hours, lines and edges have no part in it: this is the other side of rule 6.6.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from metering.register import Point, RegisterState, Verdict, judged, moved
from metering.rules import Rules


class Account(NamedTuple):
    """`rise`: in mWh from the first to the last valid point, without the steps of resets. No points: 0.

    The first of all points is valid whatever it says (rule 4.3), the `second` valid one, or reset, goes on from there.
    """

    rise: int = 0
    first: Point | None = None
    second: Point | None = None
    last: Point | None = None


class Ledger:
    """One register of one device. Only points that are not late are to be added."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._closed = 0
        self._points: list[Point] = []
        self._state = RegisterState()
        self._account = Account()

    def add(self, at: int, mwh: int) -> None:
        """A point at or after the edge of the closed hours; one of an instant that is known replaces its value."""
        points, point = self._points, (at, mwh)
        if self._state.p_at is not None:
            self._state, self._account = self._decided(self._state, self._account, point)
        if not points or at > points[-1][0]:
            points.append(point)
            return
        place = bisect_left(points, (at,))
        if points[place][0] == at:
            points[place] = point
        else:
            points.insert(place, point)

    def close(self, closed: int) -> None:
        """The hours before `closed` (ms) are closed: what their points are is decided with what is known now."""
        if closed > self._closed:
            self._closed = closed
            place = bisect_left(self._points, (closed,))
            self._state, self._account = self._walked(place)
            del self._points[:place]

    def account(self) -> Account:
        """As of now; a point in doubt is not in it."""
        return self._walked(len(self._points))[1]

    def _walked(self, place: int) -> tuple[RegisterState, Account]:
        """Over the first points, each judged with the next."""
        state, account, points = self._state, self._account, self._points
        for i in range(place):
            state = state._replace(p_at=points[i][0], p=points[i][1])
            state, account = self._decided(state, account, points[i + 1] if i + 1 < len(points) else None)
        return state, account

    def _decided(self, state: RegisterState, account: Account, n: Point | None) -> tuple[RegisterState, Account]:
        verdict = judged(self._rules, state, n)
        if verdict in (Verdict.VALID, Verdict.RESET):
            assert state.p_at is not None
            point = state.p_at, state.p
            step = state.p - state.v if verdict is Verdict.VALID and state.v_at is not None else 0
            account = Account(account.rise + step, account.first or point, account.second or (point if account.first else None), point)
        return moved(state, verdict), account
