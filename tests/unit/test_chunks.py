"""A row of any size is kept in pieces that a Kafka message can hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.chunks import CHUNK, joined, keys, split
from metering.device import Device
from metering.period import Calendar
from metering.rules import Rules

START = 1_793_000_000_000 // 3_600_000 * 3_600_000


@given(st.integers(0, 4 * CHUNK + 3))
def test_what_was_split_is_joined(size: int) -> None:
    row = bytes(i % 251 for i in range(997)) * (size // 997 + 1)
    store = dict(split(b"key", row[:size]))
    assert joined(b"key", store.get) == row[:size]
    assert all(len(piece) <= CHUNK for piece in store.values())
    assert sorted(keys(b"key", store.get)) == sorted(store)


def test_a_row_that_is_not_there_has_no_pieces() -> None:
    empty = dict[bytes, bytes]()
    assert joined(b"key", empty.get) is None
    assert keys(b"key", empty.get) == [b"key"]


@pytest.mark.parametrize("lost", range(3))
def test_a_row_without_one_of_its_pieces_is_refused(lost: int) -> None:
    store = dict(split(b"key", b"x" * (2 * CHUNK + 1)))
    del store[b"key" + lost.to_bytes(2, "big")]
    with pytest.raises(ValueError, match=f"b'key': piece {lost} of 3 is missing"):
        joined(b"key", store.get)


def test_a_device_may_send_a_hundred_thousand_readings_in_five_minutes() -> None:
    rules, store = Rules(), dict[bytes, bytes]()
    device = Device("cad-1", rules, Calendar(rules.zone), store.get)
    value = 0
    for i in range(100_000):
        value += i * 7_919 % 1_009
        device.apply((START + i, i * 104_729 % 1_000_003, value, None, None, None))
    first = device.changes()
    store.update(first.rows)
    assert max(len(row) for row in store.values()) <= CHUNK < sum(len(row) for row in store.values())

    again = Device("cad-1", rules, Calendar(rules.zone), store.get)
    again.apply((START + 3_600_000, 0, value, None, None, None))
    changes = again.changes()
    assert {total.start: total.readings for total in changes.totals} == {START // 1000: 100_000, START // 1000 + 3600: 1}
    slots = set(store) - {b"cad-1\0"}
    assert slots <= set(changes.dead), "the slots are one row now"
