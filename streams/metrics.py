"""What a worker tells Prometheus: every metric's name and meaning, in one list (how it is written: streams/page.py).

Nothing is counted reading by reading: what the parts know anyway is collected when somebody asks. Whoever has something to tell yields samples.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True)
class Named:
    """A metric. `kind` is Prometheus's; a counter's name gets its `_total` there.

    Whoever tells a counter tells it from the start, with 0 for every value of a label that can come: of a series that begins with its first value
    Prometheus sees no rise.
    """

    name: str
    kind: str
    about: str
    labels: tuple[str, ...] = ()


BEGAN: Final = time.time()
"""When this module was loaded, which is among the first things that a process does."""
PLACE: Final = ("topic", "partition")
PROCESS_START: Final = Named("process_start_time_seconds", "gauge", "When the process began, in seconds since 1970.")
RECORDS: Final = Named(
    "wattfall_records",
    "counter",
    "What became of readings (hop hours) and totals up to the last checkpoint, since the partition's first record: adds up to the input.",
    ("hop", "partition", "outcome"),
)
POSITION: Final = Named("wattfall_position", "gauge", "The position up to which a partition was taken.", PLACE)
LAG: Final = Named("wattfall_lag", "gauge", "Positions of a partition that are committed by their producer and not taken yet.", PLACE)
UNSTARTED: Final = Named("wattfall_unstarted_partitions", "gauge", "Partitions that were assigned and are not taken from yet.")
START: Final = Named("wattfall_start_seconds", "gauge", "From the last assignment to where all partitions were taken from: fence and recovery.")
CHECKPOINTS: Final = Named("wattfall_checkpoints", "counter", "Checkpoints that became durable.", ("hop",))
CHECKPOINT_SECONDS: Final = Named("wattfall_checkpoint_seconds", "counter", "Time that these took.", ("hop",))
CHECKPOINT_ROWS: Final = Named("wattfall_checkpoint_rows", "counter", "Rows of tables in these.", ("hop",))
FENCES: Final = Named("wattfall_fences", "counter", "Partitions that were fenced when they were assigned.", ("hop",))
STEPS_BACK: Final = Named(
    "wattfall_steps_back", "counter", "Batches that did not begin where the last one ended, so that it was sought back.", ("hop",)
)
WRITES: Final = Named(
    "wattfall_writes",
    "counter",
    "Writes to DynamoDB: stored, stale (a newer one was there), rejected, expired (too old to be kept), or busy (tried again).",
    ("level", "result"),
)
PENDING: Final = Named("wattfall_pending", "gauge", "Items that wait for DynamoDB or are on their way.", ("level",))
OLDEST: Final = Named("wattfall_oldest_unwritten_seconds", "gauge", "Age of the oldest record, by Kafka's clock, that is not stored.", ("level",))
FLUSH: Final = Named("wattfall_flush_interval_seconds", "gauge", "Between two writes of the same item, as it is set.", ("level",))
AUDITS: Final = Named(
    "wattfall_audits",
    "counter",
    "Devices that were counted again: equal, different, or unsettled (not all was stored in time, or nothing could be compared).",
    ("result",),
)
FRESHNESS: Final = Named(
    "wattfall_stored_after_seconds", "histogram", "From when Kafka took the records of a batch to where all of it was stored, by batch.", ("level",)
)
ALL: Final = (
    PROCESS_START,
    RECORDS,
    POSITION,
    LAG,
    UNSTARTED,
    START,
    CHECKPOINTS,
    CHECKPOINT_SECONDS,
    CHECKPOINT_ROWS,
    FENCES,
    STEPS_BACK,
    WRITES,
    PENDING,
    OLDEST,
    FLUSH,
    FRESHNESS,
    AUDITS,
)
BOUNDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, float("inf"))
"""Seconds, of a histogram."""


class Spread:
    """How often something took how long."""

    def __init__(self) -> None:
        self.counts = [0] * len(BOUNDS)
        self.sum = 0.0

    def see(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> Iterator[tuple[str, float]]:
        """As Prometheus wants them: up to each bound."""
        total = 0
        for bound, count in zip(BOUNDS, self.counts, strict=True):
            total += count
            yield ("+Inf" if bound == float("inf") else str(bound)), total


class Sample(NamedTuple):
    """One number, or one histogram; `labels` in the metric's order."""

    of: Named
    labels: tuple[str, ...]
    value: float | Spread


@dataclass(slots=True)
class Tally:
    """What a hop has done since the process began."""

    checkpoints: int = 0
    checkpoint_s: float = 0.0
    rows: int = 0
    fences: int = 0
    steps_back: int = 0

    def samples(self, hop: str) -> Iterator[Sample]:
        """All of it."""
        yield Sample(CHECKPOINTS, (hop,), self.checkpoints)
        yield Sample(CHECKPOINT_SECONDS, (hop,), self.checkpoint_s)
        yield Sample(CHECKPOINT_ROWS, (hop,), self.rows)
        yield Sample(FENCES, (hop,), self.fences)
        yield Sample(STEPS_BACK, (hop,), self.steps_back)
