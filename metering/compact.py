"""JSON that many of are kept at once: rows and totals between two checkpoints."""

from __future__ import annotations

from typing import Any

import orjson


def to_json(value: Any) -> bytes:
    """The value in JSON, and no more memory than that: orjson 3.13 gives back the front of a buffer, of which kilobytes stay behind each."""
    return bytes(memoryview(orjson.dumps(value)))
