"""What is stored, as answers: one Query or GetItem each, on the threads that are there for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dashboard import views
from dashboard.answers import Live, View
from dashboard.limits import Threads
from dashboard.settings import Prices
from dynamodb.reader import Reader
from dynamodb.span import parse_span
from metering.live import Live as LiveReading
from metering.period import Calendar
from metering.total import Grain


class Aged(NamedTuple):
    """A view, and whether its periods are so long past that it says the same from now on, unless a device hands in what it kept for longer."""

    view: View
    past: bool

    @property
    def settled(self) -> bool:
        """And nothing is missing that a device may still have: by its own time, which may stand still, its hours are open yet."""
        gone = self.view.kept_from
        return self.past and all(period.total or (gone is not None and period.end <= gone) for period in self.view.periods)


class Stored:
    """`clock`: epoch s. After its end a period may change for `settled_s`, and an hour is kept for `keep_hours_s`.

    All methods that ask DynamoDB raise StoreError and NoItem.
    """

    def __init__(
        self,
        reader: Reader,
        threads: Threads,
        calendar: Calendar,
        prices: Prices | None,
        settled_s: int,
        keep_hours_s: int,
        clock: Callable[[], float],
    ) -> None:
        self._reader, self._threads, self._prices = reader, threads, prices
        self._calendar, self._settled_s, self._keep_hours_s, self._clock = calendar, settled_s, keep_hours_s, clock

    @property
    def zone(self) -> str:
        """Whose calendar it is."""
        return self._calendar.zone

    def today(self) -> str:
        """The local date."""
        return self._calendar.date(int(self._clock())).isoformat()

    async def view(self, device: str, grain: Grain, span: str) -> Aged:
        """A local date by hours, a month by days, a year by months. Raises NoSpan as well."""
        start, end = parse_span(span, self._calendar)
        totals = await self._threads.run(lambda: self._reader.totals(device, grain, start, end, self._calendar))
        now = self._clock()
        view = views.view(device, grain, span, totals, now, self._calendar, self._prices, self._keep_hours_s)
        return Aged(view, now >= end + self._settled_s)

    async def live(self, device: str) -> LiveReading | None:
        """The device's live reading as it is stored."""
        return await self._threads.run(lambda: self._reader.live(device))

    def answer(self, device: str, live: LiveReading | None) -> Live:
        """A live reading as an answer of now."""
        return views.live(device, live, self._clock(), self._calendar.tzinfo)
