"""How much one may ask for, and what becomes of those who wait too long; the clock is a number."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dashboard.limits import Buckets, Threads, network
from dynamodb.errors import StoreBusy


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(rate=2, burst=3, clock=clock)
    assert [buckets.take("ada") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert [buckets.take("ada") for _ in range(2)] == [0, 0.5]


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = Clock()
    buckets = Buckets(rate=2, burst=3, clock=clock)
    buckets.take("ada")
    clock.now += 1e6
    assert [buckets.take("ada") == 0 for _ in range(4)] == [True, True, True, False]


def test_what_is_given_back_can_be_taken_again_and_is_never_more_than_the_burst() -> None:
    buckets = Buckets(rate=1, burst=2, clock=Clock())
    buckets.take("ada")
    for name in ("ada", "ada", "bob"):
        buckets.give(name)
    assert [buckets.take("ada") == 0 for _ in range(3)] == [buckets.take("bob") == 0 for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("a socket", "a socket"),
    ],
)
def test_a_subscriber_is_an_address_or_a_network(address: str, said: str) -> None:
    assert network(address) == said


def test_everybody_has_a_bucket_of_their_own() -> None:
    buckets = Buckets(rate=1, burst=1, clock=Clock())
    assert [buckets.take(name) == 0 for name in ("ada", "bob", "ada")] == [True, True, False]


def test_strangers_do_not_fill_the_memory() -> None:
    buckets = Buckets(rate=1, burst=1, clock=Clock())
    for number in range(20_000):
        buckets.take(number)
    assert len(buckets) == 10_000


async def test_so_many_at_a_time_and_who_waits_too_long_is_told() -> None:
    threads, go = Threads(1, wait_s=0.01), threading.Event()
    first = asyncio.create_task(threads.run(lambda: go.wait(10)))
    await asyncio.sleep(0)
    with pytest.raises(StoreBusy) as busy:
        await threads.run(lambda: "never")
    assert busy.value.retry_after
    go.set()
    assert await first is True
    assert await threads.run(lambda: "now") == "now"
    threads.close()


async def test_what_fails_gives_its_thread_back() -> None:
    threads = Threads(1, wait_s=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: 7) == 7
    threads.close()
