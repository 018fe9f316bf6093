"""The measurements, one function each: what is set up, and the names under which the figures are kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Final

from bench import freshness, memory, rows
from bench.loads import EDGE_BATCH, INTERVAL_S, edge_batches, singles
from bench.progress import step
from bench.recovery import start_again
from bench.report import Results
from bench.stack import ROOT, BenchError, Stack
from bench.throughput import Run, Speed, count_all
from streams.settings import Intervals

DEVICES: Final = 2_000
EACH: Final = 600
FAUST: Final = 15_000
HOUSES: Final = 250
OPEN_HOURS: Final = 72
FRESH: Final = 300
MEMORY_DEVICES: Final = 1_000
LIMIT_S: Final = 180.0


def single(stack: Stack, scale: float) -> Results:
    """One reading a message: ours, ordinary Faust, and the floor, on the same topic."""
    run = Run(stack, "single")
    each = max(20, round(EACH * scale))
    total = DEVICES * each
    with step(f"sending {total:,} single readings of {DEVICES:,} devices", total) as told:
        run.fill(singles(DEVICES, each, now_s()), told)
    results: Results = {}
    with step("the floor: a bare aiokafka loop"):
        results |= named("floor", beside("bench.floor", stack.brokers, run.topic, str(total), "each", readings=total))
        results |= named("floor_bulk", beside("bench.floor", stack.brokers, run.topic, str(total), "bulk", readings=total))
    with step(f"Wattfall counts {total:,} single readings", total) as told:
        results |= named("single", count_all(run, total, told))
    faust = min(total, round(FAUST * max(scale, 0.2)))
    with step(f"ordinary Faust counts {faust:,}"):
        folder = str(stack.folder / "faust")
        results |= named("faust", beside("bench.faust_way", stack.brokers, run.topic, str(faust), folder, readings=faust))
    return results | {"single.of_floor": results["single.readings_per_s"] / results["floor.readings_per_s"]}


def recovery(stack: Stack, scale: float) -> Results:
    """Edge batches, and two starts of a worker with all of that open."""
    run = Run(stack, "batch")
    hours = max(2, round(OPEN_HOURS * scale))
    messages = HOUSES * hours * 3600 // INTERVAL_S // EDGE_BATCH
    with step(f"sending {messages * EDGE_BATCH:,} readings in edge batches: {hours} h of {HOUSES} devices", messages) as told:
        run.fill(edge_batches(HOUSES, hours, now_s()), told)
    with step(f"Wattfall counts {messages * EDGE_BATCH:,} readings in edge batches", messages) as told:
        results = named("batch", count_all(run, messages * EDGE_BATCH, told))
    with step("starting again: with the RocksDB folder, from Kafka, and as an empty worker"):
        found = start_again(run, Run(stack, "empty"))
    return results | {"recovery.rocksdb_s": found.kept_s, "recovery.kafka_s": found.kafka_s, "recovery.empty_s": found.empty_s}


def volume(scale: float) -> Results:
    """Bytes a reading and memory a device, at checkpoints of 10 s and 60 s."""
    results: Results = {}
    devices = max(100, round(MEMORY_DEVICES * scale))
    for name, checkpoint_s in (("10s", 10), ("60s", 60)):
        with step(f"bytes and memory at checkpoints of {checkpoint_s} s"):
            hops = rows.count(rows.Fleet(checkpoints=Intervals(hours=checkpoint_s)))
            grown = memory.measure(devices, checkpoint_s // INTERVAL_S)
        for hop, per in hops.items():
            sizes = {"row": per.rows, "total": per.totals, "wire": per.wire}
            results |= {f"{hop}.{kind}_bytes_per_reading.{name}": size for kind, size in sizes.items()}
        results[f"row_bytes_per_reading.{name}"] = hops["hours"].rows
        results[f"memory_bytes_per_device.{name}"] = grown["bytes"]
        results[f"cpu_us_per_reading.{name}"] = grown["cpu_us"]
    return results


def fresh(stack: Stack, scale: float) -> Results:
    """From sending to DynamoDB."""
    count = max(60, round(FRESH * scale))
    with step(f"sending {count} readings and looking for them in DynamoDB", count) as told:
        found = freshness.measure(Run(stack, "fresh"), count, told)
    live, hour = freshness.p99(found.live), freshness.p99(found.hour)
    return {"freshness.live_p99_s": live, "freshness.hour_p99_s": hour, "freshness.p99_s": max(live, hour)}


def beside(module: str, *arguments: str, readings: int) -> Speed:
    """Runs a comparison as a process of its own. Raises BenchError with what it said."""
    try:
        done = subprocess.run([sys.executable, "-m", module, *arguments], check=False, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{module} was not done after {LIMIT_S:g} s") from None
    if done.returncode or not done.stdout.strip():
        raise BenchError(f"{module} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    took = json.loads(done.stdout)
    return Speed(readings, took["wall_s"], took["cpu_s"])


def named(name: str, speed: Speed) -> Results:
    """As it is kept."""
    return {f"{name}.readings_per_s": speed.per_s, f"{name}.readings_per_cpu_s": speed.per_cpu_s}


def now_s() -> int:
    """The newest reading may be of now, on a whole interval."""
    return int(time.time()) // INTERVAL_S * INTERVAL_S
