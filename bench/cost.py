"""What it costs: writes into DynamoDB, storage, and the bytes in Kafka, for a number of devices and a choice of intervals.

An item is written when its level has changed and its interval is over. So each level costs one write an interval and device, where the interval is
the longest on the way: the device's messages, the checkpoints above, the level's own flush. A choice of settings is a choice of price.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench import prices
from bench.rows import Fleet, PerReading, count
from dynamodb.settings import Flushes
from streams.settings import Intervals

DAYS: Final = 30
MONTH_S: Final = DAYS * 86_400
TURNS: Final = DAYS * 24 + DAYS + 1
"""Hours, days and months that end: the old period is written once more beside the new one."""
ITEM_BYTES: Final = 165
KEPT_HOURS: Final = 25 * 31 * 24
KEPT_DAYS: Final = 25 * 31
VIEWS_A_DAY: Final = 10
LEVELS: Final = ("live", "hour", "day", "month")
AT_ONCE: Final = Intervals(0.0, 0.0, 0.0)
HALF_HOUR_S: Final = 1800


@dataclass(frozen=True, slots=True)
class Plan:
    """A choice: seconds between a device's readings, between its messages, between checkpoints of a hop and between flushes of a level."""

    name: str
    interval_s: int = 10
    message_s: int = 10
    checkpoints: Intervals = field(default_factory=Intervals)
    flushes: Flushes = field(default_factory=Flushes)

    @property
    def every_s(self) -> tuple[float, float, float, float]:
        """Seconds between two writes of the live item, the hour's, the day's and the month's."""
        hours = max(self.message_s, self.checkpoints.hours)
        days = max(hours, self.checkpoints.days)
        months = max(days, self.checkpoints.months)
        flush = self.flushes
        return max(self.message_s, flush.live), max(hours, flush.hours), max(days, flush.days), max(months, flush.months)

    @property
    def writes(self) -> float:
        """Of a device in 30 days."""
        return sum(MONTH_S / every for every in self.every_s)


def plans(yours: Plan) -> list[Plan]:
    """The ways to choose, for your devices and readings; yours is the last."""
    base = replace(yours, checkpoints=AT_ONCE)
    return [
        replace(base, name="write through: every reading, every level", flushes=Flushes(0, 0, 0, 0)),
        replace(base, name="everything every minute", flushes=Flushes(60, 60, 60, 60)),
        replace(base, name="live, hour 1 min; day 5 min; month 15 min", flushes=Flushes(60, 60, 300, 900)),
        replace(base, name="live 1 min; hour 5 min; day 15 min; month 1 h", flushes=Flushes(60, 300, 900, 3600)),
        replace(base, name="edge boxes that send every half hour", message_s=max(HALF_HOUR_S, base.message_s), flushes=Flushes(0, 0, 0, 0)),
        yours,
    ]


def show(console: Console, yours: Plan, devices: int) -> None:
    """Prints everything."""
    console.print(writes_table(yours, devices))
    dollars = devices * TURNS * prices.WRITE
    console.print(f"Each end of an hour, day and month adds a write: {TURNS} a device, {money(dollars)}.")
    stored = devices * (KEPT_HOURS + KEPT_DAYS + 26) * (ITEM_BYTES + prices.ITEM_OVERHEAD) / 1e9
    rates = f"{money(stored * prices.STORED_GB_MONTH)} a month, and {money(stored * prices.RESTORABLE_GB_MONTH)} for point-in-time recovery"
    console.print(f"Stored when 25 months are full: {stored:,.1f} GB: {rates}.")
    reads = devices * VIEWS_A_DAY * DAYS * 0.5
    console.print(f"Reading: a view is half a read unit; {VIEWS_A_DAY} views a device and day are {money(reads * prices.READ)} a month.")
    console.print(f"Prices: {prices.AS_OF}; they are in bench/prices.py.\n")
    console.print(kafka_table(yours, devices))
    console.print("Kafka: one copy; with three replicas three times as much. Changelogs are compacted, readings are kept for 68 days.")


def writes_table(yours: Plan, devices: int) -> Table:
    """A line for each way to choose."""
    title = f"DynamoDB writes of {devices:,} devices, a reading each {duration(yours.interval_s)}, 30 days"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("intervals")
    for level in (*LEVELS, "writes a device", "writes/s", "a month"):
        table.add_column(level, justify="right")
    for plan in plans(yours):
        cells = [duration(every) for every in plan.every_s]
        style = "bold" if plan is yours else ""
        total = plan.writes * devices
        table.add_row(plan.name, *cells, f"{plan.writes:,.0f}", f"{total / MONTH_S:,.0f}", money(total * prices.WRITE), style=style)
    return table


def kafka_table(plan: Plan, devices: int) -> Table:
    """What each hop writes, counted by driving its fold with your intervals."""
    table = Table(title="Kafka, your checkpoints", title_justify="left", box=SIMPLE_HEAD)
    for name in ("", "checkpoint", "rows, B a reading", "totals, B a reading", "with lz4", "MB/s", "GB a day"):
        table.add_column(name, justify="left" if not name else "right")
    written = count(Fleet(plan.interval_s, plan.message_s, plan.checkpoints))
    every = (plan.checkpoints.hours, plan.checkpoints.days, plan.checkpoints.months)
    for (name, per), checkpoint_s in zip(written.items(), every, strict=True):
        table.add_row(name, duration(checkpoint_s), *kafka_cells(per, devices / plan.interval_s))
    return table


def kafka_cells(per: PerReading, readings_per_s: float) -> tuple[str, ...]:
    """Bytes a reading, and what they add up to."""
    rate = per.wire * readings_per_s
    return f"{per.rows:.0f}", f"{per.totals:.0f}", f"{per.wire:.0f}", f"{rate / 1e6:,.2f}", f"{rate * 86_400 / 1e9:,.1f}"


def money(dollars: float) -> str:
    """Whole dollars, cents below ten."""
    return f"${dollars:,.0f}" if dollars >= 10 else f"${dollars:,.2f}"


def duration(seconds: float) -> str:
    """In the largest unit that divides it."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s" if seconds else "at once"
