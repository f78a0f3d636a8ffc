"""Token buckets of one process, and its share where it is one of several."""

import asyncio

import pytest

from pipeline.errors import TooMany
from pipeline.tasks.rate_limits import KEYS_LIMIT, Limits


async def allowed(limits: Limits, caller: str = "ada") -> int:
    number = 0
    while True:
        try:
            await limits.take("door", caller)
        except TooMany:
            return number
        number += 1


@pytest.mark.parametrize(("processes", "expected"), [(1, 20), (2, 10), (3, 6), (50, 1)])
def test_each_of_several_processes_gives_its_share(processes: int, expected: int) -> None:
    async def running() -> int:
        return processes

    async def story() -> None:
        now = [0.0]
        limits = Limits(20, lambda: now[0], processes=running)
        await limits.check("door", "ada")
        assert await allowed(limits) == expected
        with pytest.raises(TooMany) as refused:
            await limits.check("door", "ada")
        assert refused.value.retry_after_s is not None
        now[0] += refused.value.retry_after_s
        await limits.take("door", "ada")
        for number in range(KEYS_LIMIT):
            await limits.take("door", str(number))
        assert await allowed(limits) == expected, "the one that was used least recently is forgotten"

    asyncio.run(story())
