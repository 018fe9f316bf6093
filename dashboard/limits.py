"""How much one person and one address may ask for, and how long all together may wait for DynamoDB."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, TypeVar

from dynamodb.errors import StoreBusy

T = TypeVar("T")
_REMEMBERED: Final = 10_000
WAIT_S: Final = 2.0
"""So long a request waits for a thread; after that DynamoDB is slower than people ask, and it is better to say so."""


class Buckets:
    """For each key `burst` at once and `rate` a second after that (token bucket); those that were used last are remembered.

    `clock`: seconds that never go back, whatever the time of day does.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._full: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Takes one, and returns 0; or, where there is none, takes nothing and returns after how many seconds there is."""
        now = self._clock()
        left, at = self._full.get(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        taken = left >= 1
        self._full[key] = (left - 1 if taken else left, now)
        self._full.move_to_end(key)
        if len(self._full) > _REMEMBERED:
            self._full.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate

    def give(self, key: Hashable) -> None:
        """Gives back what was taken."""
        left, at = self._full.get(key, (self._burst, self._clock()))
        self._full[key] = (min(self._burst, left + 1), at)

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._full)


def network(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the 2^64 of IPv6 that begin alike (RFC 6177). What is no address is as it is."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) and not found.ipv4_mapped else address


class Threads:
    """Runs what blocks, so many at the same time; who has waited for `wait_s` gets StoreBusy."""

    def __init__(self, count: int, wait_s: float = WAIT_S) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="dashboard")
        self._free = asyncio.Semaphore(count)
        self._wait_s = wait_s

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; StoreBusy if its turn does not come. Once begun it is waited for: `work` has time limits of its own."""
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_s)
        except TimeoutError:
            raise StoreBusy(f"no answer could be asked for within {self._wait_s:g} s", self._wait_s) from None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._free.release()

    def close(self) -> None:
        """Lets go of the threads; nothing is waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
