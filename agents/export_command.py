"""`python -m agents export DEVICE`: everything that is kept of a device, wherever it is; a line each."""

from __future__ import annotations

import asyncio
import csv
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any, Final

import orjson

from agents.ground import look
from agents.kept import Kept, check_device, stored
from dynamodb.client import asking_client
from dynamodb.errors import StoreError
from dynamodb.items import NoItem
from dynamodb.reader import Reader
from dynamodb.settings import Settings as DynamoSettings
from metering.live import Live
from metering.total import Total
from streams.batch import Record
from streams.cluster import answering
from streams.exits import Exit
from streams.settings import Settings

Line = dict[str, Any]
LIVE: Final = ("at", "power_mw", "power_at", "import_mwh", "import_at", "export_mwh", "export_at", "offset")
LOG: Final = ("topic", "partition", "offset", "timestamp", "source", "reason", "erased", "value", "value_base64")
COLUMNS: Final = tuple(dict.fromkeys(("kind", *Total._fields, *LIVE, *LOG)))
"""Of CSV: those of every kind of line; what a kind does not have is empty."""


def run(settings: Settings, kept: DynamoSettings, device: str, form: str) -> Exit:
    """The command; 0 if there is anything, else 1. Raises ClusterError, SettingError, TableUnfit."""
    check_device(device)
    try:
        with answering(settings.brokers), closing(asking_client()) as client:
            count = asyncio.run(write(settings, Reader(client, kept.tables), device, form))
    except (StoreError, NoItem) as error:
        print(f"wattfall: {error}", file=sys.stderr)
        return Exit.CONFIGURATION
    print(f"{count:,} lines about {device}", file=sys.stderr)
    return Exit.STOPPED if count else Exit.FAILED


async def write(settings: Settings, reader: Reader, device: str, form: str) -> int:
    """Writes every line to standard output; how many."""
    table, count = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n"), 0
    if form == "csv":
        table.writeheader()
    kept = Kept(await look(settings, sinks=True), device)
    async for line in lines(kept, reader):
        count += 1
        if form == "csv":
            table.writerow(line)
        else:
            print(orjson.dumps(line).decode())
    return count


async def lines(kept: Kept, reader: Reader) -> AsyncIterator[Line]:
    """Totals, the live reading, what was refused, and what the readings topic still has."""
    for total in stored(reader, kept.device):
        yield {"kind": "total", **total._asdict()}
    live = reader.live(kept.device)
    if live is not None:
        yield {"kind": "live", "device": kept.device, **of_live(live)}
    for topic, some in (await kept.refused()).items():
        for one in some:
            place = {"topic": topic, "partition": one.partition, "offset": one.offset, "timestamp": one.timestamp}
            yield {"kind": "refused", "device": kept.device, **place, "source": one.source, "reason": one.reason, **of_value(one.value)}
    for line in await readings(kept):
        yield line


async def readings(kept: Kept) -> Iterator[Line]:
    """Those from before an erase say so: they are nobody's, and there until retention lets them go."""
    found: list[Line] = []

    def take(record: Record, is_erase: bool) -> None:
        if is_erase:
            for line in found:
                line["erased"] = True
            return
        place = {"topic": kept.ground.topics.readings, "partition": kept.partition, "offset": record.offset, "timestamp": record.timestamp}
        found.append({"kind": "reading", "device": kept.device, **place, "erased": False, **of_value(record.value)})

    await kept.readings(take)
    return iter(found)


def of_live(live: Live) -> Line:
    """Without what is ours alone."""
    values = live._asdict() | {"at": live.at}
    return {name: values[name] for name in LIVE}


def of_value(value: bytes | None) -> Line:
    """As text; what is none, in base64."""
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": b64encode(value).decode()}
