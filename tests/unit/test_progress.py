"""What the long runs make of a group's positions: who went back, who stood still, and when everybody has moved on."""

from __future__ import annotations

import time

import pytest

from tests.faults.nemesis import Progress


def progress(*looks: tuple[float, dict[int, int]]) -> Progress:
    """Of two partitions, after these answers; each was asked for half a second before it came."""
    made = Progress(2, lambda: "the last words")
    for at, positions in looks:
        made.take(positions, at - 0.5, at)
    return made


class TestBack:
    def test_is_empty_while_positions_grow_or_stay(self) -> None:
        assert progress((1, {0: 5, 1: 7}), (2, {0: 6, 1: 7}), (3, {0: 6, 1: 8})).back == []

    def test_has_whoever_goes_back_each_time(self) -> None:
        made = progress((1, {0: 5, 1: 7}), (2, {0: 4, 1: 8}), (3, {0: 9, 1: 9}), (4, {0: 8, 1: 9}))
        assert made.back == ["partition 0 from 5 to 4", "partition 0 from 9 to 8"]

    def test_remembers_where_a_partition_was_that_an_answer_left_out(self) -> None:
        assert progress((1, {0: 5, 1: 7}), (2, {1: 8}), (3, {0: 4, 1: 9})).back == ["partition 0 from 5 to 4"]


class TestStood:
    def test_is_nothing_at_the_first_look(self) -> None:
        assert progress((100, {0: 5, 1: 7})).stood == 0

    def test_is_the_longest_time_of_the_slowest(self) -> None:
        made = progress((1, {0: 5, 1: 7}), (2, {0: 6, 1: 7}), (9, {0: 7, 1: 7}), (10, {0: 8, 1: 8}), (11, {0: 9, 1: 9}))
        assert made.stood == 8

    def test_counts_a_partition_whose_position_nobody_has_ever_committed(self) -> None:
        assert progress((1, {0: 5}), (4, {0: 6}), (6, {0: 7})).stood == 5

    def test_begins_anew_where_it_is_set_to_nothing(self) -> None:
        made = progress((1, {0: 5, 1: 7}), (9, {0: 5, 1: 8}), (10, {0: 6, 1: 9}))
        made.stood = 0
        made.take({0: 7, 1: 9}, 11, 11)
        assert made.stood == 1


class TestAllMoved:
    async def test_takes_until_the_last_has_moved(self) -> None:
        since = time.monotonic()
        made = progress((since + 10, {0: 5, 1: 7}), (since + 20, {0: 6, 1: 7}), (since + 30, {0: 6, 1: 8}))
        assert await made.all_moved(since, 0) == pytest.approx(30)
        assert made.waits == [pytest.approx(30)] and "longest 30.0 s, of 1" in str(made)

    async def test_names_who_has_not_moved(self) -> None:
        since = time.monotonic()
        made = progress((since - 9, {0: 5, 1: 7}), (since + 10, {0: 6, 1: 7}))
        with pytest.raises(AssertionError, match=r"partitions \[1\] did not move on\nthe last words"):
            await made.all_moved(since, 0)
        assert made.waits == []

    async def test_wants_a_look_that_began_afterwards(self) -> None:
        since = time.monotonic()
        made = progress((since + 0.4, {0: 5, 1: 7}))
        with pytest.raises(AssertionError, match="does not say where the group is"):
            await made.all_moved(since, 0)
