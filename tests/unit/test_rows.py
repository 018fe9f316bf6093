"""Rows of readings: what is packed comes back, and takes little room."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.reading import Reading
from metering.rows import join, pack, unpack

NOW = 1_764_000_000_000
Value = st.one_of(st.none(), st.integers(-(10**15), 10**15), st.sampled_from((0, 1, -1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, -(10**8))))
Readings = st.lists(st.tuples(st.integers(0, 2**48), Value, Value, Value, Value, Value), min_size=1, max_size=20)


@given(Readings, st.binary(max_size=20))
@example([(NOW, None, None, None, None, None)], b"")
@example([(NOW, 5, 10**15, None, None, -5), (NOW + 1, 5, 0, 7, None, None)], b"{}")
def test_what_is_packed_comes_back(readings: list[Reading], state: bytes) -> None:
    assert unpack(pack(readings, state)) == (readings, state)


@given(st.integers(0, 2**48), st.integers(1, 10**7), st.lists(st.integers(0, 70_000), min_size=2, max_size=50))
def test_distances_are_multiples_of_their_unit(low: int, unit: int, steps: list[int]) -> None:
    readings: list[Reading] = [(low + step * unit, None, None, None, None, None) for step in steps]
    assert unpack(pack(readings))[0] == readings


@given(st.lists(Readings, min_size=1, max_size=4), st.binary(max_size=300), st.binary(max_size=5))
def test_joined_rows_hold_the_readings_of_all(parts: list[list[Reading]], state: bytes, older: bytes) -> None:
    assert unpack(join([pack(part, older) for part in parts], state)) == ([reading for part in parts for reading in part], state)


@given(st.integers(0, 2**48), st.integers(-(10**15), 10**15), st.integers(-(10**9), 10**9), st.integers(1, 9), st.integers(0, 8))
def test_a_column_that_grows_steadily_comes_back(at: int, first: int, step: int, count: int, odd: int) -> None:
    readings: list[Reading] = [(at + i * 10_000, first + i * step, None, None, None, None) for i in range(count)]
    assert unpack(pack(readings))[0] == readings
    for value in (None, first - 1, first + step * count):
        readings[odd % count] = (*readings[odd % count][:1], value, None, None, None, None)
        assert unpack(pack(readings))[0] == readings


def test_a_row_of_another_format_is_refused() -> None:
    row = pack([(NOW, 1, None, None, None, None)])
    with pytest.raises(ValueError, match="row format 2, this version reads 1"):
        unpack(b"\x02" + row[1:])
    with pytest.raises(ValueError, match="row format 2, this version reads 1"):
        join([b"\x02" + row[1:]], b"")


# What a row costs, in bytes a reading


def an_hour(jitter_ms: int, count: int = 360) -> list[Reading]:
    """Power in mW, anything up to 10 kW, and one register in mWh."""
    chance = random.Random(7)
    register = 6_613_405_000
    readings: list[Reading] = []
    for i in range(count):
        power = chance.randrange(10_000_000)
        register += power * 10 // 3600
        readings.append((NOW + i * 10_000 + chance.randint(0, jitter_ms), power, register, None, None, None))
    return readings


@pytest.mark.parametrize("jitter_ms", [0, 999])
@pytest.mark.parametrize("count", [360, 30], ids=["an hour", "a slot"])
def test_power_and_one_register_every_ten_seconds_take_16_bytes_at_most(count: int, jitter_ms: int) -> None:
    assert len(pack(an_hour(jitter_ms, count))) <= 16 * count


def test_what_grows_steadily_or_not_at_all_costs_next_to_nothing() -> None:
    steady: list[Reading] = [(NOW + i * 10_000, 431_500, 6_613_405_000 + i * 1_000, 0, None, None) for i in range(250)]
    assert len(pack(steady)) <= 64


def test_what_hardly_varies_costs_a_byte() -> None:
    level: list[Reading] = [(NOW + i * 10_000, 431_500 + i % 7 * 100, None, None, None, None) for i in range(250)]
    assert len(pack(level)) <= 250 + 40
