"""By how much one register rose between its first and its last valid point: the sum that the hours' register energy has to make.

Points come in any order, as the readings do. What a point is follows metering/register.py, with the points that were known when its hour
closed. Nothing is booked here, so hours, lines and edges have no part in it: this is the other side of rule 6.6.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from metering.register import Point, RegisterState, Verdict, fits, judged, moved
from metering.rules import Rules


class Account(NamedTuple):
    """`rise`: in mWh from the first to the last valid point, without the steps of resets. No points: 0."""

    rise: int = 0
    first: Point | None = None
    last: Point | None = None


class Footing(NamedTuple):
    """From where on a register's points are what they are whatever came before the first of them: `at`, in ms.

    Let some points be in a row, none of them 0, and let the register fit from each to the next (rule 4.3). Whatever v was, the first is valid or a
    reset; but from a v a little above, of which it is a glitch, the second is valid. So v is the second in any case, then the third, and so on. If
    one of them from the third on has another value than the one before, s is the same in any case as well: the footing is `firm`, for good.

    Zeros in a row are one only if v was 0 or hardly more: from another v they are glitches, however many.
    """

    row: int = 0
    n: Point | None = None
    at: int | None = None
    firm: bool = False

    def after(self, rules: Rules, v: int, p: Point, n: Point | None) -> Footing:
        """Once p is judged with n, and the last valid point before says `v`."""
        if self.firm or n is None:
            return self
        if bool(p[1]) is not bool(n[1]) or not fits(rules, p, n):
            return Footing()
        if p != self.n:
            return Footing(1, n)
        firm = self.row >= 2 and p[1] not in (0, v)
        return Footing(self.row + 1, n, p[0] if firm or self.row == 1 else self.at, firm)


class Ledger:
    """One register of one device. Only points that are not late are to be added. `idle`: it has shown nothing but 0 so far."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._closed = 0
        self._points: list[Point] = []
        self._walk = Walked()
        self.idle = True

    def add(self, at: int, mwh: int) -> None:
        """A point at or after the edge of the closed hours; one of an instant that is known replaces its value."""
        points, point = self._points, (at, mwh)
        self.idle = self.idle and mwh == 0
        if self._walk.state.p_at is not None:
            self._walk = self._decided(self._walk, point)
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
            self._walk = self._walked(place)
            del self._points[:place]

    def account(self) -> Account:
        """As of now; a point in doubt is not in it."""
        return self._walked(len(self._points)).account

    def footing(self) -> int | None:
        """See `Footing.at`; None while there is none, 0 for a register that has no points."""
        _, account, footing = self._walked(len(self._points))
        if account.first is None:
            return 0
        zeros = footing.n is not None and footing.n[1] == 0
        return footing.at if footing.firm or self.idle or not zeros else None

    def _walked(self, place: int) -> Walked:
        """Over the first points, each judged with the next."""
        walk, points = self._walk, self._points
        for i in range(place):
            state = walk.state._replace(p_at=points[i][0], p=points[i][1])
            walk = self._decided(walk._replace(state=state), points[i + 1] if i + 1 < len(points) else None)
        return walk

    def _decided(self, walk: Walked, n: Point | None) -> Walked:
        state, account, footing = walk
        assert state.p_at is not None
        point, verdict = (state.p_at, state.p), judged(self._rules, state, n)
        footing = footing.after(self._rules, state.v, point, n)
        if verdict in (Verdict.VALID, Verdict.RESET):
            step = state.p - state.v if verdict is Verdict.VALID and state.v_at is not None else 0
            account = Account(account.rise + step, account.first or point, point)
        return Walked(moved(state, verdict), account, footing)


class Walked(NamedTuple):
    """A register as far as its points are decided."""

    state: RegisterState = RegisterState()
    account: Account = Account()
    footing: Footing = Footing()
