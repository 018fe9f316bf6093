"""hours, days, months → DynamoDB: the newest total of each period, level by level.

topic hours  ──► table hours        topic days ──► table days        topic months ──► table months
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from agents.store_sink import StoreSink, Values
from metering.erase import erase_from_json, graves, is_tombstone, period_of
from metering.period import Calendar
from metering.total import Grain, Total
from metering.wire import total_from_json
from streams.batch import Record
from streams.tap import Tap

if TYPE_CHECKING:  # a command that writes the same totals again is there sooner without Faust
    from streams.app import App

log = logging.getLogger("wattfall.sink")


def totals(topic: str, grain: Grain, calendar: Calendar) -> Values:
    """A function from a batch of this level topic to the newest total of each key in it; of an erase to a total that says that nothing is left, for
    each period that may have been told before, stored or not: then nobody who still holds an older one can bring it back.

    What is none of them is reported and passed over: of hours and days the hop that reads the topic rejects it, and months has no other writer than
    ours. The tombstones before an erase are for compaction only.
    """
    around = period_of(grain, calendar)

    def found(partition: int, records: Sequence[Record]) -> Iterable[Total]:
        seen = set()
        for record in reversed(records):
            if record.key in seen or is_tombstone(record.key, record.value):
                continue
            try:
                yield total_from_json(record.value or b"")
                seen.add(record.key)
            except ValueError:
                erase = erase_from_json(record.key, record.value)
                if erase is None:
                    log.error("%s/%d/%d is no total, and is passed over", topic, partition, record.offset)
                else:
                    yield from graves(erase, grain, around)

    return found


def add_totals_to_dynamodb(app: App, topic: str, sink: StoreSink) -> None:
    """Declares the agent of one level."""
    tap = Tap(topic, sink, commit=app.commit_positions, leave=app.leave, stopping=lambda: app.stopping, go_on=app.goes_on)

    @app.agent(app.add_source(tap), name=f"{topic}_to_dynamodb")
    async def totals_to_dynamodb(batches: Any) -> None:
        await app.pour(batches, tap)
