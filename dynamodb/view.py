"""Totals and live readings drawn for a terminal: kilowatt-hours with bars, and beside them how far each number is to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from dynamodb.span import astray, begun
from metering.live import Live
from metering.total import Grain, Total

_BAR_WIDTH: Final = 16
_WIDE: Final = 110
_BAR: Final = " "
_WIDE_ONLY: Final = frozenset({_BAR, "balance", "by"})
_LEFT: Final = frozenset({_BAR, "by", "remarks"})
_NOTHING: Final = Text("–", style="dim")


def totals_view(
    device: str, grain: Grain, spans: Sequence[tuple[int, int]], totals: Sequence[Total], now_s: float, zone: str, width: int
) -> RenderableType:
    """A row for each of `spans` (epoch s) that has begun, with the total that begins there or a dash; with bars where `width` has room for them.

    No total is left out: one of the future is a row as well, and one that begins with none of `spans` has its instant in `zone` for a name.
    """
    of_start = {total.start: total for total in totals}
    strays = {total.start for total in astray(spans, totals)}
    wide = width >= _WIDE
    exports = any(total.export_mwh or total.integral_export_mwh for total in totals)
    longest = max((total.import_mwh for total in totals), default=0)
    table = _table(f"{device} by {grain}: energy in kWh, power in kW, {zone}", gap=1 if wide else 0)
    table.add_column(grain, no_wrap=True)
    columns = _columns(longest)
    shown = [name for name in columns if (wide or name not in _WIDE_ONLY) and (exports or name != "export")]
    for name in shown:
        justify: JustifyMethod = "left" if name in _LEFT else "right"
        table.add_column(name.strip(), justify=justify, no_wrap=name != "remarks", width=_BAR_WIDTH if name == _BAR else None)
    local = ZoneInfo(zone)
    for start in sorted({start for start, _ in begun(spans, now_s)} | of_start.keys()):
        total = of_start.get(start)
        name = instant(start, local) if start in strays else label(grain, start, local)
        table.add_row(name, *([columns[name](total) for name in shown] if total else [_NOTHING]))
    return table


def astray_line(count: int, grain: Grain, zone: str) -> str:
    """What a person should ask who finds so many totals astray."""
    begin = "1 total begins" if count == 1 else f"{count} totals begin"
    return f"{begin} at other times than {grain}s of {zone}: is WATTFALL_ZONE the one that the workers have?"


def instant(at_s: int, zone: ZoneInfo) -> str:
    """Local date and time with the offset, to the minute."""
    return datetime.fromtimestamp(at_s, zone).strftime("%Y-%m-%d %H:%M%z")


def label(grain: Grain, start_s: int, zone: ZoneInfo) -> str:
    """A period's local name; near a change of the clock an hour with its offset."""
    at = datetime.fromtimestamp(start_s, zone)
    if grain is Grain.MONTH:
        return at.strftime("%Y-%m")
    if grain is Grain.DAY:
        return at.strftime("%Y-%m-%d %a")
    near = {datetime.fromtimestamp(start_s + step, zone).utcoffset() for step in (-3600, 0, 3600)}
    return instant(start_s, zone) if len(near) > 1 else at.strftime("%Y-%m-%d %H:%M")


def coverage(total: Total) -> str:
    """The share of the period in which the power was known, per cent, never rounded up to 100."""
    tenths = total.covered_ms * 1000 // ((total.end - total.start) * 1000)
    return f"{tenths // 10}.{tenths % 10} %"


def balance(total: Total) -> int:
    """What counts, less what the power says, import less export, mWh: far from 0 where readings were missing or a device is wrong."""
    return total.import_mwh - total.export_mwh - (total.integral_import_mwh - total.integral_export_mwh)


def known(live: Live | None, zone: str) -> str:
    """Of when a device's newest reading is; None is a device that never sent one."""
    if live is None:
        return "nothing is known of this device: is the name right, or were its readings refused (python -m agents redrive --dry-run tells)?"
    return f"its newest reading is of {instant(live.at // 1000, ZoneInfo(zone))}"


def live_view(live: Live, now_s: float, zone: str) -> RenderableType:
    """The newest values, each with its instant and age."""
    table = _table(f"{live.device} live, {zone}")
    for name in ("value", "", "at", "age"):
        table.add_column(name, justify="right" if name == "" else "left", no_wrap=True)
    values = (
        ("power", live.power_mw, live.power_at, "kW"),
        ("import register", live.import_mwh, live.import_at, "kWh"),
        ("export register", live.export_mwh, live.export_at, "kWh"),
    )
    for name, value, at, unit in values:
        if value is not None and at is not None:
            local = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
            table.add_row(name, f"{kilo(value)} {unit}", local.isoformat(sep=" ", timespec="seconds"), age(now_s - at / 1000))
    return table


def kilo(milli: int) -> str:
    """mWh as kWh, or mW as kW: to the Wh or W, rounded half away from zero."""
    whole = (abs(milli) + 500) // 1000
    return f"{'-' if milli < 0 and whole else ''}{whole // 1000}.{whole % 1000:03}"


def age(seconds: float) -> str:
    """How long ago, in the two largest units that matter."""
    left = max(0, int(seconds))
    days, hours, minutes = left // 86_400, left // 3600 % 24, left // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left % 60} s" if minutes else f"{left} s"


def _table(title: str, gap: int = 1) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, gap), pad_edge=False)


def _columns(longest: int) -> dict[str, Callable[[Total], RenderableType]]:
    """What each column shows of a total; a bar is as long as the column for an import of `longest` mWh."""
    return {
        "import": lambda total: kilo(total.import_mwh),
        _BAR: lambda total: Bar(max(longest, 1), 0, max(0, total.import_mwh), width=_BAR_WIDTH, color="green"),
        "export": lambda total: kilo(total.export_mwh),
        "peak": lambda total: _NOTHING if (power := peak(total)) is None else kilo(power),
        "coverage": coverage,
        "estimated": lambda total: Text(kilo(estimated(total)), style="yellow") if estimated(total) else "",
        "balance": lambda total: kilo(balance(total)),
        "by": lambda total: total.method or _NOTHING,
        "remarks": lambda total: Text(remarks(total), style="yellow"),
    }


def peak(total: Total) -> int | None:
    """The highest power, mW; of a period in which nothing was ever imported the highest export, as a negative number."""
    return total.power_min_mw if total.power_max_mw is not None and total.power_max_mw <= 0 else total.power_max_mw


def estimated(total: Total) -> int:
    """Energy whose hour is a guess, both directions, mWh."""
    return total.estimated_import_mwh + total.estimated_export_mwh


def remarks(total: Total) -> str:
    """What a reader should know: resets, glitches, energy of before that counts nowhere."""
    said = [_count(total.resets, "reset"), _count(total.glitches, "glitch", "glitches")]
    unbooked = total.unbooked_import_mwh or total.unbooked_export_mwh
    said.append(f"unbooked {kilo(total.unbooked_import_mwh)} in, {kilo(total.unbooked_export_mwh)} out" if unbooked else "")
    said.append("no readings" if not total.readings else "")
    return ", ".join(filter(None, said))


def _count(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}" if count else ""
