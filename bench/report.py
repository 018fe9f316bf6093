"""What was measured, kept as flat JSON in build/bench.json and printed side by side with what must be reached."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.rows import HOPS
from bench.stack import ROOT

FILE: Final = ROOT / "build" / "bench.json"
Results = dict[str, float]

AT_LEAST: Final = {"single.readings_per_s": 50_000, "batch.readings_per_s": 200_000, "single.of_floor": 0.4}
AT_MOST: Final = {
    "recovery.kafka_s": 4,
    "recovery.rocksdb_s": 2,
    "row_bytes_per_reading.10s": 250,
    "row_bytes_per_reading.60s": 50,
    "freshness.p99_s": 2,
    "views.p99_ms": 50,
}
SPEEDS: Final = {
    "floor": "floor: aiokafka + orjson, record by record",
    "floor_bulk": "floor: the same, a fetch at a time",
    "single": "Wattfall, one reading a message",
    "batch": "Wattfall, edge batches of 180",
    "faust": "ordinary Faust, one reading a message",
}
FLEETS: Final = (100_000, 1_000_000)
INTERVALS: Final = ("10s", "60s")
INTERVAL_S: Final = 10


def keep(results: Results, file: Path = FILE) -> Results:
    """Adds to what is kept already; returns all of it."""
    known: Results = orjson.loads(file.read_bytes()) if file.exists() else {}
    known |= {name: round(value, 4) for name, value in results.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(known, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    return known


def show(results: Results, console: Console) -> None:
    """Prints the tables of what was measured."""
    for table in (speeds(results), limits(results), volumes(results), fleets(results)):
        if table.row_count:
            console.print(table)


def speeds(results: Results) -> Table:
    """Readings a second, of wall time and of the process's own CPU."""
    columns = ("readings/s", "must be", "readings per CPU s", "µs CPU", "× floor", "× floor, CPU")
    table = new("Counting, one process; checkpoints of 1 s in ours", "", *columns)
    for name, title in SPEEDS.items():
        if f"{name}.readings_per_s" in results:
            per_s, per_cpu_s = results[f"{name}.readings_per_s"], results[f"{name}.readings_per_cpu_s"]
            floors = [share(per_s, results.get("floor.readings_per_s")), share(per_cpu_s, results.get("floor.readings_per_cpu_s"))]
            table.add_row(title, f"{per_s:,.0f}", verdict(results, f"{name}.readings_per_s"), f"{per_cpu_s:,.0f}", f"{1e6 / per_cpu_s:.2f}", *floors)
    return table


def limits(results: Results) -> Table:
    """Recovery, freshness, views, and the share of the floor."""
    table = new("Limits", "", "measured", "must be")
    lines = {
        "single.of_floor": ("one reading a message, × floor", "{:.2f}"),
        "recovery.kafka_s": ("recovery from Kafka: 72 h of 250 devices", "{:.2f} s"),
        "recovery.rocksdb_s": ("recovery with the RocksDB folder kept", "{:.2f} s"),
        "recovery.empty_s": ("the same start of an empty worker", "{:.2f} s"),
        "freshness.live_p99_s": ("sent until in the live item, p99", "{:.2f} s"),
        "freshness.hour_p99_s": ("sent until in the hour's item, p99; checkpoint 1 s", "{:.2f} s"),
        "freshness.p99_s": ("the later of both", "{:.2f} s"),
        "views.processes": ("a day by hours over HTTP: processes of the dashboard", "{:.0f}"),
        "views.per_s": ("asked a second", "{:.0f}"),
        "views.p50_ms": ("answered within, p50", "{:.1f} ms"),
        "views.p99_ms": ("the same, p99", "{:.1f} ms"),
        "views.cpu_ms": ("CPU of the dashboard for one", "{:.2f} ms"),
        "row_bytes_per_reading.10s": ("table rows of readings_to_hours a reading, checkpoint 10 s", "{:.0f} B"),
        "row_bytes_per_reading.60s": ("table rows of readings_to_hours a reading, checkpoint 60 s", "{:.0f} B"),
    }
    for name, (title, form) in lines.items():
        if name in results:
            table.add_row(title, form.format(results[name]), verdict(results, name))
    return table


def volumes(results: Results) -> Table:
    """Bytes a reading, hop by hop, at both checkpoint intervals."""
    table = new("Bytes a reading, one each 10 s", "", *(f"{kind} at {interval}" for interval in INTERVALS for kind in ("rows", "totals", "lz4")))
    for hop in HOPS:
        cells = [results.get(f"{hop}.{kind}_bytes_per_reading.{interval}") for interval in INTERVALS for kind in ("row", "total", "wire")]
        if None not in cells:
            table.add_row(hop, *(f"{cell:.0f}" for cell in cells))
    return table


def fleets(results: Results) -> Table:
    """What it means for many devices."""
    table = new("What that means, a reading each 10 s", "", *(f"{devices:,} devices, {interval}" for devices in FLEETS for interval in INTERVALS))
    needed = [f"{name}.{interval}" for interval in INTERVALS for name in ("memory_bytes_per_device", "cpu_us_per_reading")]
    if not all(name in results for name in (*needed, "hours.wire_bytes_per_reading.10s")):
        return table
    columns = [(devices, interval) for devices in FLEETS for interval in INTERVALS]
    rates = [devices / INTERVAL_S for devices, _ in columns]
    wires = [sum(results[f"{hop}.wire_bytes_per_reading.{interval}"] for hop in HOPS) for _, interval in columns]
    memories = [devices * results[f"memory_bytes_per_device.{interval}"] for devices, interval in columns]
    cores = [rate * results[f"cpu_us_per_reading.{interval}"] / 1e6 for rate, (_, interval) in zip(rates, columns, strict=True)]
    table.add_row("readings/s", *(f"{rate:,.0f}" for rate in rates))
    table.add_row("written to Kafka, one copy, lz4: MB/s", *(f"{rate * wire / 1e6:.1f}" for rate, wire in zip(rates, wires, strict=True)))
    table.add_row("the same: GB a day", *(f"{rate * wire * 86_400 / 1e9:,.0f}" for rate, wire in zip(rates, wires, strict=True)))
    table.add_row("cores for readings_to_hours, without Kafka's client", *(f"{core:.1f}" for core in cores))
    table.add_row("memory over the turn of an hour, all workers: GB", *(f"{memory / 1e9:.1f}" for memory in memories))
    return table


def new(title: str, *columns: str) -> Table:
    """A table, its first column words, the others numbers."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    return table


def verdict(results: Mapping[str, float], name: str) -> str:
    """What must be reached, and whether it is."""
    value = results[name]
    if name in AT_LEAST:
        return mark(f"≥ {AT_LEAST[name]:,g}", value >= AT_LEAST[name])
    if name in AT_MOST:
        return mark(f"≤ {AT_MOST[name]:,g}", value <= AT_MOST[name])
    return ""


def mark(limit: str, reached: bool) -> str:
    """Green or red, and readable without colours."""
    return f"[green]{limit}  yes[/]" if reached else f"[bold red]{limit}  NO[/]"


def missed(results: Mapping[str, float]) -> list[str]:
    """Names of what was measured and is not reached."""
    low = [name for name, least in AT_LEAST.items() if name in results and results[name] < least]
    return low + [name for name, most in AT_MOST.items() if name in results and results[name] > most]


def share(value: float, floor: float | None) -> str:
    """Of the floor, if that was measured."""
    return f"{value / floor:.2f}" if floor else ""
