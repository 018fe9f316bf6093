"""Reading ahead in a thread: everything arrives, in order, and no more is held than allowed."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from ingest.ahead import MOST_AHEAD, Ahead


async def all_of(ahead: Ahead[int]) -> list[int]:
    found: list[int] = []
    while taken := await ahead.take():
        assert len(taken) <= MOST_AHEAD
        found += taken
    return found


@pytest.mark.parametrize("count", [0, 1, MOST_AHEAD, 5 * MOST_AHEAD + 1])
async def test_everything_arrives_in_order(count: int) -> None:
    assert await all_of(Ahead(range(count))) == list(range(count))


async def test_what_is_there_is_handed_over_while_the_next_is_still_waited_for() -> None:
    pipe: queue.Queue[int] = queue.Queue()

    def entries() -> Iterator[int]:
        yield 0
        yield pipe.get(timeout=60)

    ahead = Ahead(entries())
    assert await ahead.take() == [0]
    pipe.put(1)
    assert await ahead.take() == [1]
    assert await ahead.take() == []
    assert await ahead.take() == []


async def test_what_reading_raises_is_raised_after_what_came_before_it() -> None:
    def entries() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = Ahead(entries())
    assert await ahead.take() == [1]
    with pytest.raises(ValueError, match="broken"):
        await ahead.take()
