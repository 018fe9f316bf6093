"""Readings become messages: one each, or many readings of a device in one, as an edge box sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import orjson

from ingest.reading import FIELDS, BadLine, Reading
from streams.topics import MESSAGE_BYTES

MOST_BYTES: Final = MESSAGE_BYTES - 1024
"""What the topic takes, less what Kafka adds to a record."""


class Message(NamedTuple):
    """A record of the readings topic. `readings` tells how many are in it; `at` is that of the last of them, as it stands."""

    key: bytes
    value: bytes
    readings: int
    at: object


def messages(readings: Iterable[Reading | BadLine], batch: int) -> Iterator[Message | BadLine]:
    """Up to `batch` readings of a device in a message, sent with its last; each device's stay in order. Bad lines pass through."""
    waiting: dict[object, list[Reading]] = {}
    for reading in readings:
        if isinstance(reading, BadLine):
            yield reading
        elif batch == 1:
            yield _single(reading)
        else:
            device = str(reading.fields.get("device"))
            alone = any(isinstance(value, list | dict) for value in reading.fields.values())
            if alone and device in waiting:
                yield _joined(waiting.pop(device))
            if alone:
                yield _single(reading)
                continue
            together = waiting.setdefault(device, [])
            together.append(reading)
            if len(together) == batch:
                yield _joined(waiting.pop(device))
    for together in waiting.values():
        yield _joined(together)


def _single(reading: Reading) -> Message | BadLine:
    at = reading.fields.get("at")
    count = len(at) if isinstance(at, list) else 1
    return _message(reading.line, reading.fields, reading.source, count, at[-1] if isinstance(at, list) and at else at)


def _joined(readings: list[Reading]) -> Message | BadLine:
    if len(readings) == 1:
        return _single(readings[0])
    first = readings[0].fields
    names = [name for name in FIELDS if any(name in reading.fields for reading in readings)]
    fields: dict[str, object] = {name: [reading.fields.get(name) for reading in readings] for name in names}
    fields["device"] = first.get("device")
    return _message(readings[0].line, fields, None, len(readings), readings[-1].fields.get("at"))


def _message(line: int, fields: dict[str, object], source: bytes | None, count: int, at: object) -> Message | BadLine:
    device = fields.get("device")
    if not isinstance(device, str):
        return BadLine(line, "names no device: --device ID says whose it is" if device is None else "device is not a text", count)
    try:
        value = source or orjson.dumps(fields)
        key = device.encode()
    except (TypeError, UnicodeEncodeError) as error:
        return BadLine(line, f"cannot be written as JSON: {error}", count)
    if len(value) > MOST_BYTES:
        return BadLine(line, f"{len(value)} bytes in one message are more than the topic takes ({MOST_BYTES})", count)
    return Message(key, value, count, at)
