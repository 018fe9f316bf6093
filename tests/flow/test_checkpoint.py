"""What a checkpoint writes of a record that was refused, and how long each part of it may take."""

from __future__ import annotations

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import ConsumerRecord

from metering.errors import Reason
from streams.checkpoint import BATCH_BYTES, CHECKPOINT_S, KEY_BYTES, REQUEST_S, TRANSACTION_S, WHOLE_BYTES, original
from streams.fold import Refusal
from streams.topics import REFUSED_BYTES

OWN = (("own", b"header"), ("none", None))
KEY = b"readings/3/7 size"
"""A key of its own, so that it can be taken away alone."""
WHY = [("reason", b"size"), ("detail", b"too large"), ("source", b"readings/3/7")]


def refusal(key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...] = ()) -> Refusal:
    return Refusal(ConsumerRecord("readings", 3, 7, 0, 1, key, value, None, 1, 1, headers), Reason.SIZE, "too large")


@pytest.mark.parametrize(
    "value", [None, b"", b"bad", b"7" * (WHOLE_BYTES - len(b"cad-1" + b"own" + b"header" + b"none"))], ids=["null", "empty", "small", "most"]
)
def test_a_refused_record_is_kept_as_it_came(value: bytes | None) -> None:
    assert original("readings", 3, refusal(b"cad-1", value, OWN)) == (KEY, value, [*OWN, *WHY, ("key", b"cad-1")])


def test_one_without_a_key_has_no_header_of_that_name() -> None:
    assert original("readings", 3, refusal(None, b"bad")) == (KEY, b"bad", WHY)


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"cad-1", b"7" * WHOLE_BYTES, ()),
        (b"cad-1", b"7" * (4 * 1024 * 1024), OWN),
        (b"k" * (4 * 1024 * 1024), b"7", ()),
        (None, None, (("own", b"h" * (4 * 1024 * 1024)),)),
        (None, b"7", (("h" * (4 * 1024 * 1024), None),)),
    ],
    ids=["just", "value", "key", "header", "name"],
)
def test_of_one_that_is_too_large_the_first_part_and_its_true_size(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...]
) -> None:
    size = len(key or b"") + len(value or b"") + sum(len(name) + len(content or b"") for name, content in headers)
    kept = original("readings", 3, refusal(key, value, headers))
    own_key = [] if key is None else [("key", key[:KEY_BYTES])]
    assert kept == (KEY, value and value[:WHOLE_BYTES], [*WHY, ("truncated", b"%d" % size), *own_key])


@pytest.mark.parametrize("size", [WHOLE_BYTES - 100, 4 * 1024 * 1024])
def test_whatever_was_refused_fits_into_the_topic(size: int) -> None:
    """Even what no compression makes smaller."""
    value = b"".join(number.to_bytes(4, "little") for number in range(1, 2**31, 2**31 // (size // 4)))[:size]
    key, kept, headers = original("readings", 3, refusal(b"cad-1", value))
    batch = BatchBuilder(BATCH_BYTES, 3, is_transactional=1)
    assert batch.append(key=key, value=kept, timestamp=None, headers=headers) is not None
    batch.close()
    assert len(batch._build()) <= REFUSED_BYTES


def test_a_request_gives_up_before_its_checkpoint_and_that_before_the_broker_ends_the_transaction() -> None:
    """Else a checkpoint would fail because of one lost answer, or its transaction would be ended while it is under way."""
    assert 2 * REQUEST_S < CHECKPOINT_S < TRANSACTION_S
