"""What a fetch gives, whatever any producer has written into it."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

import streams.fetch
import streams.headers

TP = TopicPartition("readings", 0)
CODECS = {"none": 0, "gzip": 1, "lz4": 3}
CHECKED = struct.calcsize(">qiibI")
"""What follows in a batch is under its checksum, which is the four bytes before."""


def batch(first: int, name: str = "name", codec: int = 0, transactional: bool = False) -> bytes:
    """Three records, the middle one with two headers."""
    builder = DefaultRecordBatchBuilder(2, codec, int(transactional), 9, 0, 0, 1 << 20)
    for at in range(3):
        headers = [(name, b"x"), ("other", None)] if at == 1 else []
        assert builder.append(at, timestamp=at, key=b"k", value=b"%d" % (first + at), headers=headers)
    return struct.pack(">q", first) + bytes(builder.build())[8:]


def ruined(whole: bytes) -> bytes:
    """With a byte that is no UTF-8 at the head of the first header's name, and the right checksum."""
    changed = whole.replace(b"name", b"\xffame")
    assert changed != whole
    return changed[: CHECKED - 4] + struct.pack(">I", calc_crc32c(changed[CHECKED:])) + changed[CHECKED:]


def fetched(raw: bytes, aborted: list[tuple[int, int]] | None = None) -> Any:
    """The records of a fetch of these bytes, as aiokafka takes them apart for us."""
    return fetcher.PartitionRecords(TP, fetcher.MemoryRecords(raw), aborted, 0, None, None, True, fetcher.READ_COMMITTED)


def test_the_consumer_reads_as_is_tested_here() -> None:
    assert fetcher.MemoryRecords is streams.headers.Records


def test_a_headers_name_that_is_no_text_stops_nothing() -> None:
    found = list(fetched(batch(0) + ruined(batch(3)) + batch(6)))
    assert [record.offset for record in found] == list(range(9))
    assert [record.value for record in found] == [b"%d" % at for at in range(9)]
    assert [record.headers for record in found[3:6]] == [(), (("\\xffame", b"x"), ("other", None)), ()]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_is_text_is_read_as_ever(codec: int) -> None:
    found = list(fetched(batch(0, "größe", codec) + batch(3, codec=codec)))
    assert [record.offset for record in found] == list(range(6))
    assert found[1].headers == (("größe", b"x"), ("other", None))


def test_a_compressed_one_is_read_too() -> None:
    import gzip

    plain = ruined(batch(0))
    head = struct.calcsize(">qiibIhiqqqhii")
    body = plain[:8] + struct.pack(">i", head + len(packed := gzip.compress(plain[head:])) - 12) + plain[12:CHECKED]
    body += struct.pack(">h", 1) + plain[CHECKED + 2 : head] + packed
    raw = body[: CHECKED - 4] + struct.pack(">I", calc_crc32c(body[CHECKED:])) + body[CHECKED:]
    assert [record.headers for record in fetched(raw)][1][0] == ("\\xffame", b"x")


def test_what_was_aborted_stays_so() -> None:
    raw = batch(0, transactional=True) + ruined(batch(3, transactional=True))
    assert list(fetched(raw, [(9, 0)])) == []
    assert [record.offset for record in fetched(raw, [(8, 0)])] == list(range(6))


def test_what_is_truly_broken_is_an_error_as_ever() -> None:
    whole = ruined(batch(0))
    with pytest.raises(CorruptRecordException, match="CRC"):
        list(fetched(whole[:-1] + bytes([whole[-1] ^ 1])))
    broken = whole[:-9] + b"\x7f" * 9
    with pytest.raises(CorruptRecordException):
        list(fetched(broken[: CHECKED - 4] + struct.pack(">I", calc_crc32c(broken[CHECKED:])) + broken[CHECKED:]))
