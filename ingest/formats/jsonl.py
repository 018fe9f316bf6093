"""JSON lines: every line is one message as the readings topic takes it, a single reading or a batch of one device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from ingest.reading import BadLine, Lines, Options, Reading

ABOUT: Final = "one JSON object a line, as the topic takes it; sent byte for byte"


def read(lines: Lines, options: Options) -> Iterator[Reading | BadLine]:
    """A line is passed on byte for byte; only a line without a device gets the one of `options`. Blank lines are skipped."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield BadLine(number, f"not JSON: {error}")
            continue
        if not isinstance(fields, dict):
            yield BadLine(number, "not a JSON object")
        elif fields.get("device") is None and options.device is not None:
            yield Reading(number, {**fields, "device": options.device})
        else:
            yield Reading(number, fields, text)
