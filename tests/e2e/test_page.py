"""What a worker answers over HTTP: it adds up to what was sent, and it is ready when it works."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parsed

from agents import fold_hours, fold_parts
from dynamodb.writer import Counts
from streams.hop import LOST
from streams.metrics import ALL, AUDITS
from tests.faults.load import readings
from tests.faults.proxy import Rates as Faults
from tests.faults.proxy import proxy
from tests.faults.verdict import judge
from tests.faults.workers import SETTINGS, Deployment, deployment
from tests.generator import STARTS
from tests.stack import Stack

SEED = 41


def free_ports() -> int:
    """A port that is free, and the next one, too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and text; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


async def ready(port: int, status: int = 200) -> str:
    """Returns when /ready has this status; its text."""
    async with asyncio.timeout(60):
        while True:
            found, text = await asyncio.to_thread(ask, port, "/ready")
            if found == status:
                return text
            await asyncio.sleep(0.05)


def samples(page: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """All of a page."""
    for family in parsed(page):
        yield from ((one.name, one.labels, one.value) for one in family.samples)


async def pages(here: Deployment, port: int) -> str:
    """Of both processes, once nothing is left to do."""
    async with asyncio.timeout(30):
        while True:
            both = "".join([(await asyncio.to_thread(ask, at, "/metrics"))[1] for at in (port, port + 1)])
            if not any(value for name, _, value in samples(both) if name in ("wattfall_lag", "wattfall_pending")):
                return both
            await asyncio.sleep(0.2)


async def test_what_is_told_adds_up_to_what_was_sent(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["autumn"]
    port = free_ports()
    async with deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, WATTFALL_METRICS_PORT=str(port)) as here:
        await here.create()
        seat = await here.seat("worker").start()
        await asyncio.gather(ready(port), ready(port + 1))
        assert [ask(at, "/live") for at in (port, port + 1)] == [(200, "ok\n")] * 2
        told_from_the_start(await pages(here, port), here.settings.partitions)
        sent = readings(SEED, devices=6, hours=30, start_ms=start)
        load = here.folder / "readings.jsonl"
        load.write_bytes(b"".join((message.value or b"").replace(b"\n", b" ") + b"\n" for message in sent if "poison" not in message.tags))
        await here.run("ingest", str(load))
        await here.done(120)
        page = await pages(here, port)
        verdict = await judge(here)
        told = Counter[str]()
        for name, labels, value in samples(page):
            if name == "wattfall_records_total" and labels["hop"] == "hours":
                told[labels["outcome"]] += int(value)
        assert +told == +verdict.outcomes and told["counted"] > 0
        names = {name.removesuffix("_total").removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name, _, _ in samples(page)}
        assert names == {named.name for named in ALL} - {AUDITS.name}
        stored = {labels["level"]: value for name, labels, value in samples(page) if name == "wattfall_writes_total" and labels["result"] == "stored"}
        assert set(stored) == {"live", "hours", "days", "months"} and all(stored.values())
        assert not any(device in page for device in ("cad-0", "import_wh"))
        assert await seat.term(20) == 0


def told_from_the_start(page: str, partitions: int) -> None:
    """Every value that a label may have, with 0; and when the processes began."""
    told = [(name, labels, value) for name, labels, value in samples(page) if name in ("wattfall_records_total", "wattfall_writes_total")]
    assert {value for _, _, value in told} == {0}
    records = Counter((labels["hop"], labels["outcome"]) for name, labels, _ in told if name == "wattfall_records_total")
    hops = {"hours": fold_hours.OUTCOMES, "days": fold_parts.OUTCOMES, "months": fold_parts.OUTCOMES}
    assert records == {(hop, outcome): partitions for hop, outcomes in hops.items() for outcome in (*outcomes, LOST)}
    writes = {(labels["level"], labels["result"]) for name, labels, _ in told if name == "wattfall_writes_total"}
    assert writes == {(level, each.name) for level in ("live", "hours", "days", "months") for each in fields(Counts)}
    began = [value for name, _, value in samples(page) if name == "process_start_time_seconds"]
    assert len(began) == 2 and all(0 < time.time() - value < 60 for value in began)
    assert {labels["level"]: value for name, labels, value in samples(page) if name == "wattfall_flush_interval_seconds"} == dict.fromkeys(
        ("live", "hours", "days", "months"), float(SETTINGS["WATTFALL_FLUSH_LIVE_S"])
    )


async def test_sinks_are_not_ready_while_dynamodb_takes_nothing(stack: Stack, own_name: str, tmp_path: Path) -> None:
    zone, start = STARTS["plain day"]
    port = free_ports()
    async with (
        proxy(stack.dynamodb) as dynamodb,
        deployment(stack, own_name, tmp_path, WATTFALL_ZONE=zone, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url, WATTFALL_METRICS_PORT=str(port)) as here,
    ):
        await here.create()
        await here.seat("sinks").start()
        await ready(port)
        dynamodb.rates = Faults(throttled=1.0)
        load = here.folder / "readings.jsonl"
        load.write_bytes(b"".join((message.value or b"") + b"\n" for message in readings(SEED, devices=1, hours=2, start_ms=start)[:5]))
        await here.run("ingest", str(load))
        assert "DynamoDB" in await ready(port, 503)
        assert ask(port, "/live")[0] == 200
        dynamodb.rates = Faults()
        await ready(port)


async def test_a_port_that_is_taken_is_said_in_one_line(stack: Stack, own_name: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with deployment(stack, own_name, tmp_path, WATTFALL_METRICS_PORT=str(port)) as here:
            await here.create()
            ran = await here.run("agents", "waterfall")
            assert ran.code == 2 and f"WATTFALL_METRICS_PORT={port}" in ran.err and "Traceback" not in ran.err
