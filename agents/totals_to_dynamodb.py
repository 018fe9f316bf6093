"""hours, days, months → DynamoDB: the newest total of each period, level by level.

topic hours  ──► table hours        topic days ──► table days        topic months ──► table months
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.store_sink import StoreSink
from metering.total import Total
from metering.wire import total_from_json
from streams.app import App
from streams.tap import Tap

log = logging.getLogger("wattfall.sink")


def totals(records: Sequence[ConsumerRecord]) -> Iterable[Total]:
    """The newest total of each key. What is none is reported and passed over: the hop that reads the topic rejects it."""
    found = set()
    for record in reversed(records):
        if record.key not in found:
            try:
                yield total_from_json(record.value or b"")
                found.add(record.key)
            except ValueError as error:
                log.error("%s/%d/%d is passed over: %s", record.topic, record.partition, record.offset, error)


def add_totals_to_dynamodb(app: App, topic: str, sink: StoreSink) -> None:
    """Declares the agent of one level."""
    tap = Tap(topic, sink, commit=app.commit_positions, leave=app.leave, stopping=lambda: app.stopping, go_on=app.goes_on)

    @app.agent(app.add_source(tap), name=f"{topic}_to_dynamodb")
    async def totals_to_dynamodb(batches: Any) -> None:
        await app.pour(batches, tap)
