"""Rate limits: token buckets on an injected clock."""

import math
from collections import OrderedDict
from collections.abc import Callable

from pipeline.errors import TooMany

KEYS_LIMIT = 10_000
"""Maximum number of buckets; beyond it the least recently used one is evicted."""


class Limits:
    """Rate limits per caller and door: token buckets that refill steadily.

    Args:
        per_minute: sustained requests per minute, and the size of a burst.
        now: monotonic clock in seconds.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, door: str, caller: str) -> None:
        """Count a request.

        Raises:
            TooMany: the limit is exceeded.
        """
        self._count(door, caller, 1)

    def check(self, door: str, caller: str) -> None:
        """Check that a request would be allowed, without counting it.

        Raises:
            TooMany: the limit is exceeded.
        """
        self._count(door, caller, 0)

    def _count(self, door: str, caller: str, requests: int) -> None:
        now, rate = self._now(), self._per_minute / 60
        left, then = self._buckets.pop((door, caller), (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - then) * rate)
        allowed = left >= 1
        self._buckets[door, caller] = (left - requests if allowed else left, now)
        while len(self._buckets) > KEYS_LIMIT:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooMany("Too Many Requests", max(1, math.ceil((1 - left) / rate)))
