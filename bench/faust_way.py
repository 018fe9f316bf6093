"""The same work as Faust's own documentation would have it: one event at a time, `table[key] = …` for the hour, the day and the month.

Much less is kept than Wattfall keeps (no set of readings, no rules for registers, nothing exact after a crash), so this flatters Faust.
Run as a process of its own: `python -m bench.faust_way BROKERS TOPIC COUNT FOLDER`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import faust
import orjson

from bench.loads import PARTITIONS
from metering.clock import Clock
from metering.period import Calendar

Kept = list[float]
"""Energy in Wh by power, first and newest register, instant of the newest reading in ms, its power."""


def make_app(brokers: str, topic: str, count: int, folder: Path) -> faust.App:
    """An app that takes `count` events, prints how long it took from the first on, and ends."""
    app = faust.App(
        "bench-faust",
        broker="kafka://" + brokers,
        datadir=folder,
        store="rocksdb://",
        topic_partitions=PARTITIONS,
        consumer_auto_offset_reset="earliest",
        autodiscover=False,
        web_enabled=False,
    )
    tables = [app.Table(name, partitions=PARTITIONS) for name in ("hours", "days", "months")]
    calendar, clock = Calendar("Europe/London"), Clock()
    channel = app.topic(topic, key_type=bytes, value_type=bytes, value_serializer="raw")
    began: list[tuple[float, float]] = []
    seen = 0

    @app.agent(channel)
    async def readings_to_totals(stream: Any) -> None:
        nonlocal seen
        async for value in stream:
            if not began:
                began.append((time.monotonic(), time.process_time()))
            reading = orjson.loads(value)
            at = clock.ms(reading["at"])
            starts = calendar.hour(at)[0], *(period(at // 1000)[0] for period in (calendar.day, calendar.month))
            for table, start in zip(tables, starts, strict=True):
                key = f"{reading['device']}|{start}"
                table[key] = added(table.get(key), at, reading["power_w"], reading["import_wh"])
            seen += 1
            if seen == count:
                print(json.dumps({"wall_s": time.monotonic() - began[0][0], "cpu_s": time.process_time() - began[0][1]}), flush=True)
                os._exit(0)

    return app


def added(kept: Kept | None, at: int, power: float, register: int) -> Kept:
    """A period with one more reading."""
    if kept is None:
        return [0.0, register, register, at, power]
    energy, first, _, before, held = kept
    return [energy + held * min(at - before, 60_000) / 3_600_000, first, register, at, power]


if __name__ == "__main__":
    faust_app = make_app(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    worker = faust.Worker(faust_app, loglevel="INFO", quiet=True, redirect_stdouts=False)
    asyncio.set_event_loop(worker.loop)
    worker.execute_from_commandline()
