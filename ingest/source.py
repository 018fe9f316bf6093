"""Where lines come from: a file or standard input, gzip or not."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.formats import FORMATS, recognise
from ingest.reading import BadLine, Options, Reading

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

STDIN: Final = "-"
RAW_BUFFER: Final = 1 << 14
"""Small, so that `taken` is close to what was really used of a small compressed file."""
BUFFER: Final = 1 << 18


class _Counted(io.FileIO):
    """A file that knows how much of it was taken, which a pipe cannot be asked, nor what decompresses it."""

    taken = 0

    def readinto(self, buffer: Buffer, /) -> int:
        count = super().readinto(buffer) or 0
        self.taken += count
        return count


class _Unpacked(io.RawIOBase):
    """A gzip file, a piece at a time: where it breaks off, what came before is not lost."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._file = gzip.GzipFile(fileobj=packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer)
        piece = self._file.read1(len(room))
        room[: len(piece)] = piece
        return len(piece)


class Source:
    """One file, read once, by any thread. Raises OSError if it cannot be read."""

    def __init__(self, name: str) -> None:
        self.name = "stdin" if name == STDIN else name
        if name != STDIN and Path(name).is_dir():
            raise IsADirectoryError(21, "is a folder", name)
        self._raw = _Counted(0, closefd=False) if name == STDIN else _Counted(name)
        self.size = os.fstat(self._raw.fileno()).st_size

    @property
    def taken(self) -> int:
        """Bytes taken so far, of `size` in all (0 where nobody knows: a pipe)."""
        return self._raw.taken

    def readings(self, form: str | None, options: Options) -> Iterator[Reading | BadLine]:
        """What the file holds, in the format given or recognised; what cannot be told or decompressed is a `BadLine` too."""
        plain: io.BufferedReader = io.BufferedReader(self._raw, RAW_BUFFER)
        packed = plain.peek(2)[:2] == b"\x1f\x8b"
        lines = _Lines(io.BufferedReader(_Unpacked(plain), BUFFER) if packed else plain)
        key = form or recognise(self.name, lines.beginning.lstrip().split(b"\n", 1)[0])
        if key is not None:
            yield from FORMATS[key].read(lines, options)
        elif lines.beginning:
            yield BadLine(1, f"looks like none of {', '.join(FORMATS)}: --format says what it is")
        if lines.broken:
            yield BadLine(lines.number + 1, lines.broken)


class _Lines:
    """The lines of a file, until it ends or breaks; then `broken` says how. Its `beginning` is known before."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.number = 0
        self.beginning = b""
        self.broken = ""
        with self._breaking():
            self.beginning = file.peek(1)

    def __iter__(self) -> Iterator[bytes]:
        with self._breaking():
            for line in () if self.broken else self._file:
                self.number += 1
                yield line

    @contextlib.contextmanager
    def _breaking(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            self.broken = f"cannot be read any further: {error}"
