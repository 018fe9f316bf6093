"""Record batches whose headers any producer may have named.

A header's key is text by the protocol, and no broker checks it. aiokafka 0.14.0 gives up the whole partition at one that is not UTF-8; here it is
read once more, with the bytes that are none written as `\\xff`, and everything else as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class LenientText(bytearray):
    """Bytes of which every piece can be decoded."""

    def __getitem__(self, at: Any) -> Any:
        piece: Any = super().__getitem__(at)
        return piece if isinstance(piece, int) else LenientText(piece)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Never raises."""
        return super().decode(encoding, "backslashreplace")


class LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own reader in Python, slower, on bytes that are decoded leniently."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: Any = LenientText(self._buffer)


class ForgivingBatch:
    """A record batch as aiokafka reads it, until it cannot. Then all of it comes again: the fetcher passes over what it had."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except (UnicodeDecodeError, CorruptRecordException):
            yield from LenientBatch(self._raw)  # what is truly broken raises here again


class Records(_MemoryRecordsPy):  # type: ignore[misc]
    """A fetch's bytes as batches."""

    def next_batch(self) -> Any:
        """The next one, None after the last."""
        raw = self._next_slice
        batch = super().next_batch()
        return ForgivingBatch(batch, raw) if isinstance(batch, DefaultRecordBatch) and not batch.is_control_batch else batch
