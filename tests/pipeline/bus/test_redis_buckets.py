"""Rate limits that all processes share, and what each does when nothing counts for all."""

import asyncio

import pytest

from pipeline.bus.redis_buckets import RedisBuckets
from pipeline.errors import TooMany
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.rate_limits import Limits
from tests.servers.redis import redis_running

pytestmark = pytest.mark.slow


async def allowed(limits: Limits, caller: str, *, tries: int = 30) -> int:
    """How many of so many requests are allowed."""
    refused = 0
    for _ in range(tries):
        try:
            await limits.take("door", caller)
        except TooMany as error:
            refused += error.retry_after_s in range(1, 61)
    return tries - refused


def test_two_processes_allow_together_what_one_allows() -> None:
    async def story(url: str) -> None:
        buckets = [RedisBuckets(url, LoopClock()) for _ in range(2)]
        # Two an hour come back: none while the test runs.
        one, two = (Limits(20, LoopClock().now, shared=shared) for shared in buckets)
        assert await allowed(one, "ada", tries=12) == 12
        await two.check("door", "ada")
        both = await asyncio.gather(*(allowed(limits, "ada", tries=1) for limits in (one, two) for _ in range(10)))
        assert 8 <= sum(both) <= 9, "at most one comes back in three seconds"
        with pytest.raises(TooMany):
            await two.check("door", "ada")
        assert await allowed(two, "bob") >= 20, "each caller has their own"
        other = Limits(20, LoopClock().now, name="guesses", shared=buckets[0])
        assert await allowed(other, "ada") >= 20, "and each kind of limit"
        for shared in buckets:
            await shared.close()

    with redis_running() as redis:
        asyncio.run(story(redis.url))


def test_each_process_counts_its_share_while_redis_is_away() -> None:
    async def two_run() -> int:
        return 2

    with redis_running() as redis:

        async def story() -> None:
            now = 0.0
            shared = RedisBuckets(redis.url, LoopClock())
            limits = Limits(20, lambda: now, shared=shared, processes=two_run)
            assert await allowed(limits, "ada", tries=20) == 20
            with redis.away():
                assert await allowed(limits, "ada") == 10, "half of twenty, as two processes run"
                with pytest.raises(TooMany):
                    await limits.check("door", "ada")
            await asyncio.sleep(1.1)  # it is asked again after a second
            assert await allowed(limits, "bob", tries=20) == 20, "it counts for all again"
            await shared.close()

        asyncio.run(story())
