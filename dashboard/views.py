"""From stored totals to answers; pure. Milli units become decimal ones here, and nowhere is anything added up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, tzinfo
from typing import Any, Final

import orjson

from dashboard.answers import Live, Period, Quantity, Tariff, View
from dashboard.settings import MICRO, Prices
from dynamodb.span import astray, parse_span, periods
from metering.live import Live as LiveReading
from metering.period import Calendar
from metering.total import Grain, Total

_MILLI: Final = 1000
_MWH: Final = 1_000_000
"""mWh in a kWh."""
_HOUR_MS: Final = 3_600_000
_PLACE: Final = ("device", "start", "end", "local", "offset", "open")
COLUMNS: Final = (*_PLACE, *(field.name for field in fields(Quantity)))
_NAMES: Final = {Grain.HOUR: slice(11, 16), Grain.DAY: slice(10), Grain.MONTH: slice(7)}
"""What people call a period, in the local time at which it begins."""


def view(
    device: str, grain: Grain, span: str, totals: Sequence[Total], now_s: float, calendar: Calendar, prices: Prices | None, keep_hours_s: int
) -> View:
    """The answer for a local date, month or year `span`, from the totals that one Query brought. Raises NoSpan."""
    start, end = parse_span(span, calendar)
    zone = calendar.tzinfo
    spans = list(periods(start, end, grain, calendar))
    of_start = {total.start: total for total in totals}
    return View(
        device=device,
        grain=grain.value,
        zone=calendar.zone,
        as_of=datetime.fromtimestamp(now_s, zone),
        start=datetime.fromtimestamp(start, zone),
        end=datetime.fromtimestamp(end, zone),
        kept_from=datetime.fromtimestamp(int(now_s) - keep_hours_s, zone) if grain is Grain.HOUR else None,
        tariff=None if prices is None else _tariff(prices),
        astray=len(astray(spans, totals)),
        periods=[_period(edges, of_start.get(edges[0]), grain, now_s, zone, prices) for edges in spans],
    )


def live(device: str, stored: LiveReading | None, now_s: float, zone: tzinfo) -> Live:
    """The answer for a device's live reading; None is a device that never sent one."""
    held = stored or LiveReading(device)
    return Live(
        device=device,
        as_of=datetime.fromtimestamp(now_s, zone),
        power_w=_per(held.power_mw, _MILLI),
        power_at=_instant(held.power_at, zone),
        import_kwh=_per(held.import_mwh, _MWH),
        import_at=_instant(held.import_at, zone),
        export_kwh=_per(held.export_mwh, _MWH),
        export_at=_instant(held.export_at, zone),
    )


def text(answer: View) -> bytes:
    """A view as JSON."""
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


def table(answer: View) -> str:
    """A view as CSV (RFC 4180), a row a period; what is not known is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(_rows(answer))
    return out.getvalue()


def _rows(answer: View) -> Iterable[dict[str, Any]]:
    for period in orjson.loads(text(answer))["periods"]:
        yield {"device": answer.device, **{name: period[name] for name in _PLACE[1:]}, **(period["total"] or {})}


def _tariff(prices: Prices) -> Tariff:
    return Tariff(currency=prices.currency, import_price=prices.import_micro / MICRO, export_price=prices.export_micro / MICRO)


def _period(edges: tuple[int, int], total: Total | None, grain: Grain, now_s: float, zone: tzinfo, prices: Prices | None) -> Period:
    start, end = (datetime.fromtimestamp(edge, zone) for edge in edges)
    local = start.isoformat()
    return Period(
        start=start,
        end=end,
        local=local[_NAMES[grain]],
        offset=local[-6:],
        open=now_s < edges[1],
        total=None if total is None else _quantity(total, zone, prices),
    )


def _quantity(total: Total, zone: tzinfo, prices: Prices | None) -> Quantity:
    net_mwh = total.integral_import_mwh - total.integral_export_mwh
    energy_mwh = abs(total.import_mwh) + abs(total.export_mwh)
    guessed_mwh = abs(total.estimated_import_mwh) + abs(total.estimated_export_mwh)
    return Quantity(
        import_kwh=total.import_mwh / _MWH,
        export_kwh=total.export_mwh / _MWH,
        import_cost=None if prices is None else _money(total.import_mwh, prices.import_micro),
        export_credit=None if prices is None else _money(total.export_mwh, prices.export_micro),
        mean_w=round(net_mwh * _HOUR_MS / total.covered_ms) / _MILLI if total.covered_ms else None,
        min_w=_per(total.power_min_mw, _MILLI),
        max_w=_per(total.power_max_mw, _MILLI),
        max_at=_instant(total.power_max_at, zone),
        method=None if total.method is None else total.method.value,
        coverage=_floor(total.covered_ms, (total.end - total.start) * _MILLI),
        covered_s=total.covered_ms / _MILLI,
        estimated_share=min(1.0, guessed_mwh / energy_mwh) if energy_mwh else float(guessed_mwh > 0),
        estimated_import_kwh=total.estimated_import_mwh / _MWH,
        estimated_export_kwh=total.estimated_export_mwh / _MWH,
        unbooked_import_kwh=total.unbooked_import_mwh / _MWH,
        unbooked_export_kwh=total.unbooked_export_mwh / _MWH,
        readings=total.readings,
        last_at=_instant(total.last_at, zone),
        resets=total.resets,
        glitches=total.glitches,
    )


def _floor(part: int, whole: int) -> float:
    """A share to four places, never rounded up to 1."""
    return part * 10_000 // whole / 10_000


def _money(mwh: int, micro: int) -> float:
    """To a hundredth of a cent, from whole numbers."""
    return round(mwh * micro / (_MWH * MICRO // 10_000)) / 10_000


def _per(value: int | None, unit: int) -> float | None:
    return None if value is None else value / unit


def _instant(at_ms: int | None, zone: tzinfo) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / _MILLI, zone)
