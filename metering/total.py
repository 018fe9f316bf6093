"""A total: what is known about one device in one period, and how totals add up to a larger period's.

Everything that affects how a day follows from its hours, and a month from its days, lives here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple


class Grain(StrEnum):
    """How long a period is."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Method(StrEnum):
    """By what the counted energy was measured: the cumulative register, the integral of power, or some of each."""

    REGISTER = "register"
    POWER = "power"
    MIXED = "mixed"


class Total(NamedTuple):
    """One device in one half-open period `[start, end)`; what does not exist is None.

    `start`, `end` in epoch seconds; `…_mwh` in mWh; `power_…_mw` in mW; `…_at` in epoch ms; `covered_ms` in ms.
    (`epoch`, `offset`) is the version: of two states of one total the later has the larger. `offset` is a position in the
    topic that the total's hop reads; `reflects` is the newest offset of the readings topic that is in it.
    """

    device: str
    grain: Grain
    start: int
    end: int
    import_mwh: int
    export_mwh: int
    method: Method | None
    integral_import_mwh: int
    integral_export_mwh: int
    estimated_import_mwh: int
    estimated_export_mwh: int
    unbooked_import_mwh: int
    unbooked_export_mwh: int
    power_min_mw: int | None
    power_max_mw: int | None
    power_max_at: int | None
    readings: int
    covered_ms: int
    first_at: int | None
    last_at: int | None
    glitches: int
    resets: int
    epoch: int
    offset: int
    reflects: int

    @property
    def version(self) -> tuple[int, int]:
        """Orders the states of one total."""
        return self.epoch, self.offset

    @property
    def content(self) -> tuple[object, ...]:
        """All that a reader is told, without the version: equal contents need no second writing."""
        return self[:_VERSION_AT]

    @property
    def absent(self) -> bool:
        """Nothing is left of it: readers treat such a total as if there were none."""
        return not any(value is not None and value != 0 for value in self[_CONTENT_AT:_VERSION_AT])


_CONTENT_AT: Final = Total._fields.index("import_mwh")
_VERSION_AT: Final = Total._fields.index("epoch")


_MAY_LACK: Final = frozenset({"method", "power_min_mw", "power_max_mw", "power_max_at", "first_at", "last_at"})


def nothing(device: str, grain: Grain, start: int, end: int, epoch: int, offset: int, reflects: int) -> Total:
    """The total that says that nothing is left of `[start, end)`."""
    named = {"device": device, "grain": grain, "start": start, "end": end, "epoch": epoch, "offset": offset, "reflects": reflects}
    return Total(**({name: None if name in _MAY_LACK else 0 for name in Total._fields} | named))  # type: ignore[arg-type]


def fold(parts: Iterable[Total], grain: Grain, start: int, end: int, epoch: int, offset: int) -> Total:
    """The total of `[start, end)` from the totals of its parts: hours for a day, days for a month.

    Exactly its parts in every field that adds, so a month is its days and a day its hours. There is at least one part.
    """
    totals = sorted(parts, key=lambda part: part.start)
    lows = [p.power_min_mw for p in totals if p.power_min_mw is not None]
    peaks = [(-p.power_max_mw, p.power_max_at) for p in totals if p.power_max_mw is not None and p.power_max_at is not None]
    peak, peak_at = min(peaks) if peaks else (None, None)
    methods = {p.method for p in totals} - {None}
    return Total(
        device=totals[0].device,
        grain=grain,
        start=start,
        end=end,
        import_mwh=sum(p.import_mwh for p in totals),
        export_mwh=sum(p.export_mwh for p in totals),
        method=Method.MIXED if len(methods) > 1 else next(iter(methods), None),
        integral_import_mwh=sum(p.integral_import_mwh for p in totals),
        integral_export_mwh=sum(p.integral_export_mwh for p in totals),
        estimated_import_mwh=sum(p.estimated_import_mwh for p in totals),
        estimated_export_mwh=sum(p.estimated_export_mwh for p in totals),
        unbooked_import_mwh=sum(p.unbooked_import_mwh for p in totals),
        unbooked_export_mwh=sum(p.unbooked_export_mwh for p in totals),
        power_min_mw=min(lows, default=None),
        power_max_mw=None if peak is None else -peak,
        power_max_at=peak_at,
        readings=sum(p.readings for p in totals),
        covered_ms=sum(p.covered_ms for p in totals),
        first_at=min((p.first_at for p in totals if p.first_at is not None), default=None),
        last_at=max((p.last_at for p in totals if p.last_at is not None), default=None),
        glitches=sum(p.glitches for p in totals),
        resets=sum(p.resets for p in totals),
        epoch=epoch,
        offset=offset,
        reflects=max(p.reflects for p in totals),
    )
