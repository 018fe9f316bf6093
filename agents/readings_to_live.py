"""readings → live: of every device the newest values, straight into DynamoDB, past the waterfall.

topic readings ──► table live
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agents.store_sink import StoreSink, Values
from metering.errors import RejectedReading
from metering.live import Live, live, newest
from metering.reading import Decoder
from metering.rules import Rules
from streams.app import App
from streams.batch import Record
from streams.erasure import is_erase
from streams.tap import Tap


def lives(rules: Rules, partitions: int, epoch: int) -> Values:
    """A function from a batch to the live reading of each device in it, and to what is left of it after an erase.

    What cannot be decoded is left to the hop, which rejects it.
    """
    decoders = [Decoder(rules, partition, partitions) for partition in range(partitions)]

    def found(partition: int, records: Sequence[Record]) -> Iterable[Live]:
        devices: dict[str, Live] = {}
        decode = decoders[partition].decode
        for record in records:
            if record.value is None and is_erase(record, partition, partitions):
                name = record.key.decode()
                devices[name] = Live(name, offset=record.offset, erased=record.offset)
                continue
            try:
                message = decode(record.key, record.value, record.timestamp)
            except RejectedReading:
                continue
            if message.readings:
                now = live(message.device, message.readings, record.offset)
                before = devices.get(message.device)
                devices[message.device] = now if before is None else newest(before, now)
        return [one._replace(epoch=epoch) for one in devices.values()]

    return found


def add_readings_to_live(app: App, topic: str, sink: StoreSink) -> None:
    """Declares the agent."""
    tap = Tap(topic, sink, commit=app.commit_positions, leave=app.leave, stopping=lambda: app.stopping, go_on=app.goes_on)

    @app.agent(app.add_source(tap), name="readings_to_live")
    async def readings_to_live(batches: Any) -> None:
        await app.pour(batches, tap)
