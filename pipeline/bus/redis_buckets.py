"""Token buckets in Redis, which all processes share: one script a request, on the server's own clock."""

import asyncio
import logging
from hashlib import sha256

from redis.exceptions import RedisError

from pipeline.bus.redis import prefix_of, redis_of
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

ANSWER_S = 0.5
"""A request does not wait for longer than this; then each process counts by itself."""

AWAY_FOR_S = 1.0
"""Seconds until a server that did not answer is asked again."""

AT_ONCE = 8

_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local most = tonumber(ARGV[1])
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local passed = math.max(0, now - (tonumber(kept[2]) or now))
local left = math.min(most, (tonumber(kept[1]) or most) + passed * most / 60)
local wait = 0
if left >= 1 then left = left - ARGV[2] else wait = (1 - left) * 60 / most end
redis.call('HSET', KEYS[1], 'left', string.format('%.6f', left), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], 61000)
return string.format('%.6f', wait)
"""
"""Refills the bucket, and takes from it if it has one token at least. A bucket that expires would be full."""


class RedisBuckets:
    """Token buckets on a Redis server. Close it when done.

    Args:
        url: of the server.
        clock: by which a server that is away is left alone for a while.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._client = redis_of(url, ANSWER_S)
        self._prefix = f"{prefix_of(self._client)}limit:"
        self._take = self._client.register_script(_TAKE)
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._away_until = float("-inf")

    async def count(self, key: str, per_minute: int, requests: int) -> float | None:
        """Count requests, unless the bucket is empty; return as `SharedBuckets` says."""
        if self._clock.now() < self._away_until:
            return None
        hashed = self._prefix + sha256(key.encode()).hexdigest()[:32]
        try:
            async with asyncio.timeout(2 * ANSWER_S), self._slots:
                return float(await self._take(keys=[hashed], args=[per_minute, requests]))
        except (RedisError, OSError, TimeoutError):
            self._away_until = self._clock.now() + AWAY_FOR_S
            log.warning("Redis does not count the requests; each process counts by itself meanwhile.")
            return None

    async def close(self) -> None:
        """Disconnect."""
        await self._client.aclose()
