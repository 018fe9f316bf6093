"""Files as they are found: packed, cut off, of no known format."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ingest.reading import BadLine, Options, Reading
from ingest.source import Source

TEXT = b"device,at,power_w\n" + b"".join(b"a,%d,%d\n" % (at, at) for at in range(5000))


def written(folder: Path, name: str, content: bytes) -> Source:
    path = folder / name
    path.write_bytes(content)
    return Source(str(path))


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT)])
def test_packed_or_not_is_seen_in_the_file_itself(tmp_path: Path, content: bytes) -> None:
    source = written(tmp_path, "a.csv", content)
    assert source.taken == 0
    assert sum(isinstance(item, Reading) for item in source.readings(None, Options())) == 5000
    assert source.taken == source.size == len(content)


def test_a_file_that_breaks_off_says_so_after_what_it_had(tmp_path: Path) -> None:
    *readings, last = written(tmp_path, "a.csv.gz", gzip.compress(TEXT)[:-2000]).readings(None, Options())
    assert readings and all(isinstance(item, Reading) for item in readings)
    assert isinstance(last, BadLine) and last.line >= len(readings) + 2 and "any further" in last.reason


def test_a_file_that_is_broken_from_the_start(tmp_path: Path) -> None:
    for name in ("a.bin", "a.csv"):
        assert [type(item) for item in written(tmp_path, name, b"\x1f\x8bxxxxxxxxx").readings(None, Options())] == [BadLine]


def test_an_unknown_format_is_said_and_may_be_forced(tmp_path: Path) -> None:
    (only,) = written(tmp_path, "a.txt", b"\nX\n").readings(None, Options())
    assert isinstance(only, BadLine) and "--format" in only.reason
    (only,) = written(tmp_path, "a.txt", b"\n\n/X\n").readings(None, Options())
    assert only == BadLine(3, "the telegram has no end")
    (only,) = written(tmp_path, "a.txt", b"\nX\n").readings("dsmr", Options())
    assert only == BadLine(2, "the telegram has no beginning")


def test_an_empty_file_has_nothing_wrong(tmp_path: Path) -> None:
    assert list(written(tmp_path, "a.txt", b"").readings(None, Options())) == []


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(OSError) as raised:
            Source(name)
        assert raised.value.filename == name
