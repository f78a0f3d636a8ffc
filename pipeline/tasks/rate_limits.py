"""Rate limits: token buckets on an injected clock, shared by all processes where something shares them."""

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

from pipeline.errors import TooMany

KEYS_LIMIT = 10_000
"""Maximum number of buckets; beyond it the least recently used one is evicted."""


class SharedBuckets(Protocol):
    """Token buckets that all processes share."""

    async def count(self, key: str, per_minute: int, requests: int) -> float | None:
        """Count requests, unless the bucket is empty.

        Returns:
            Seconds until there is a token; 0 if there was one; None if the buckets cannot be reached.
        """
        ...


async def one_process() -> int:
    """Return 1: the number of processes of a service that has no others."""
    return 1


class Limits:
    """Rate limits per caller and door: token buckets that refill steadily.

    Args:
        per_minute: sustained requests per minute, and the size of a burst.
        now: monotonic clock in seconds.
        name: of these limits, among those of the service.
        shared: counts for all processes; None where nothing does.
        processes: counts the processes that run. Where nothing counts for all, each gives its share.
    """

    def __init__(
        self,
        per_minute: int,
        now: Callable[[], float],
        *,
        name: str = "requests",
        shared: SharedBuckets | None = None,
        processes: Callable[[], Awaitable[int]] = one_process,
    ) -> None:
        self._per_minute = per_minute
        self._now = now
        self._name = name
        self._shared = shared
        self._processes = processes
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    async def take(self, door: str, caller: str) -> None:
        """Count a request.

        Raises:
            TooMany: the limit is exceeded.
        """
        await self._count(door, caller, 1)

    async def check(self, door: str, caller: str) -> None:
        """Check that a request would be allowed, without counting it.

        Raises:
            TooMany: the limit is exceeded.
        """
        await self._count(door, caller, 0)

    async def _count(self, door: str, caller: str, requests: int) -> None:
        wait_s = None
        if self._shared is not None:
            wait_s = await self._shared.count(f"{self._name}:{door}:{caller}", self._per_minute, requests)
        if wait_s is None:
            wait_s = self._count_here(door, caller, requests, await self._processes())
        if wait_s > 0:
            raise TooMany("Too Many Requests", max(1, math.ceil(wait_s)))

    def _count_here(self, door: str, caller: str, requests: int, processes: int) -> float:
        now, most = self._now(), max(1.0, self._per_minute / processes)
        rate = most / 60
        left, then = self._buckets.pop((door, caller), (most, now))
        left = min(most, left + (now - then) * rate)
        allowed = left >= 1
        self._buckets[door, caller] = (left - requests if allowed else left, now)
        while len(self._buckets) > KEYS_LIMIT:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / rate
