"""A worker with one hop that only remembers which numbers it has seen: for tests of everything but the fold.

`python -m tests.e2e.toy` (settings as for the real worker). Values are numbers in decimal; a row is the JSON list of a key's numbers, a total is the
number of them. What begins with "bad" is rejected, "old" is late. With TOY_STALLS its agent takes nothing; with TOY_WAITS, a file's path, it joins
its group only when the file is there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
from aiokafka.structs import ConsumerRecord

from agents.ground import survey
from agents.wiring import add_hop
from metering.errors import Reason
from streams import faults, logs
from streams.app import App, run
from streams.fold import Changes, Load, Refusal
from streams.settings import Settings


class NumbersFold:
    """The set of numbers of each key."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.hot: dict[bytes, set[int]] = {}
        self.dirty: set[bytes] = set()
        self.changes = Changes()

    def fold(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            if record.value.startswith(b"bad"):
                self.changes.rejected.append(Refusal(record, Reason.JSON_SYNTAX, "not a number"))
                self.changes.outcomes["rejected"] += 1
            elif record.value == b"old":
                self.changes.late.append(Refusal(record, None, "too old"))
                self.changes.outcomes["late"] += 1
            else:
                self.count(record.key, int(record.value))

    def count(self, key: bytes, number: int) -> None:
        seen = self.hot.get(key)
        if seen is None:
            row = self.load(key)
            seen = self.hot[key] = set(orjson.loads(row)) if row else set()
        self.changes.outcomes["duplicate" if number in seen else "counted"] += 1
        seen.add(number)
        self.dirty.add(key)

    @property
    def touched(self) -> int:
        return len(self.dirty) + len(self.changes.rejected) + len(self.changes.late)

    def capture(self) -> Changes:
        changes, self.changes = self.changes, Changes(outcomes=Counter())
        changes.rows.extend((key, orjson.dumps(sorted(self.hot[key]))) for key in self.dirty)
        changes.totals.extend((key, b"%d" % len(self.hot[key])) for key in self.dirty)
        self.dirty = set()
        return changes


def wait(file: Path) -> None:
    """Until it is there."""
    logging.getLogger("wattfall").info("toy: waits")
    while not file.exists():
        time.sleep(0.05)


def main() -> None:
    logs.begin("text")
    settings = Settings.from_environ(os.environ)
    faults.arm(os.environ.get("WATTFALL_FAULT", ""))
    ground = asyncio.run(survey(settings))
    if "TOY_WAITS" in os.environ:
        wait(Path(os.environ["TOY_WAITS"]))
    app = App(settings, role="toy", partitions=ground.partitions)
    topics = ground.topics
    hop, channel = add_hop(
        app,
        ground,
        name="hours",
        source=topics.readings,
        table=topics.hours_table,
        totals=topics.hours,
        interval_s=settings.checkpoint.hours,
        folds=lambda partition, load, share: NumbersFold(load),
        outcomes=("counted", "duplicate", "rejected", "late"),
    )

    @app.agent(channel, name="toy")
    async def toy(stream: object) -> None:
        if "TOY_STALLS" in os.environ:
            await asyncio.sleep(3600)
        await app.pour(stream, hop)

    run(app)


if __name__ == "__main__":
    main()
