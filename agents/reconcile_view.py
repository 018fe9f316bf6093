"""What `python -m agents reconcile` shows: a table of devices, and below it a line for each difference; or one JSON object a device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from agents.findings import DIRECTIONS, Energy, Finding
from metering.compare import Kind

NAMED: Final = 20
_WIDTH: Final = 150
_ENERGIES: Final = ("register", "by power", "unbooked", "hours", "integral")


def show(findings: Sequence[Finding], looked: str) -> None:
    """For people."""
    paper = Console(width=None if Console().is_terminal else _WIDTH, highlight=False)
    paper.print(looked, markup=False)
    table = Table("device")
    for name in ("compared", "equal", "different", "missing", "extra", "newer", "earlier", *(f"{name}\nWh" for name in _ENERGIES)):
        table.add_column(name, justify="right")
    for finding in findings:
        counts = (finding.compared, finding.equal, *(finding.count(kind) for kind in (Kind.DIFFERENT, Kind.MISSING, Kind.EXTRA)))
        table.add_row(finding.device, *(f"{count:,}" for count in (*counts, finding.newer, finding.earlier)), *energies(finding.energies[0]))
    paper.print(table)
    for line in (*notes(findings), *shortened([line for finding in findings for line in finding.wrong])):
        paper.print(line, markup=False)


def energies(energy: Energy) -> tuple[str, ...]:
    """Of import: the register's difference, what of the hours is by power, what is unbooked, the sum of the hours, the power's integral."""
    rise = wh(energy.account.rise) if energy.account.first else "–"
    return rise, wh(energy.by_power), wh(energy.unbooked), wh(energy.hours), wh(energy.integral)


def wh(mwh: int) -> str:
    """mWh as Wh, exactly."""
    whole, rest = divmod(abs(mwh), 1000)
    return f"{'-' if mwh < 0 else ''}{whole:,}.{rest:03}"


def notes(findings: Sequence[Finding]) -> Iterator[str]:
    """What the energies are, and why something was not compared."""
    yield "Wh of import: register = hours - by power + unbooked; the integral is what the power alone says"
    if any(finding.newer for finding in findings):
        yield "newer: stored with readings from behind where this looked; not compared"
    if any(finding.compared_from for finding in findings):
        yield (
            "earlier: begun before the first hour from which on the topic has all readings (retention has removed others): "
            "a day was compared with its hours only, a month with its days"
        )


def shortened(lines: Sequence[str]) -> list[str]:
    """The first of them, and how many more there are."""
    more = [f"… and {len(lines) - NAMED:,} more"] if len(lines) > NAMED else []
    return [*lines[:NAMED], *more]


def as_json(finding: Finding) -> dict[str, Any]:
    """For programs: energies in mWh, instants in epoch ms, `compared_from` as RFC 3339 or null."""
    counts = {kind.value: finding.count(kind) for kind in (Kind.DIFFERENT, Kind.MISSING, Kind.EXTRA)}
    begins = datetime.fromtimestamp(finding.compared_from, UTC).strftime("%Y-%m-%dT%H:%MZ") if finding.compared_from else None
    return {
        "device": finding.device,
        "compared_from": begins,
        "compared": finding.compared,
        "equal": finding.equal,
        **counts,
        "newer": finding.newer,
        "earlier": finding.earlier,
        **{direction: one_way(energy) for direction, energy in zip(DIRECTIONS, finding.energies, strict=True)},
        "wrong": finding.wrong,
    }


def one_way(energy: Energy) -> dict[str, Any]:
    """A direction's part of the JSON."""
    first, last = energy.account.first, energy.account.last
    return {
        "register_mwh": energy.account.rise if first else None,
        "first_at": first and first[0],
        "last_at": last and last[0],
        "by_power_mwh": energy.by_power,
        "unbooked_mwh": energy.unbooked,
        "hours_mwh": energy.hours,
        "integral_mwh": energy.integral,
        "equal": energy.equal,
    }
