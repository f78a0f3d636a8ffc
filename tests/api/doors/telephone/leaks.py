"""Two hundred calls, five at once, and what the process holds after the first twenty and after the last."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from api.service import Service
from tests.service import RunningService

CALLS, FIRST, AT_ONCE = 200, 20, 5
DESCRIPTORS, TASKS = 3, 1
"""What may be open by chance: connections that are just being closed, or kept to be used again."""


async def made(call: Callable[[], Awaitable[None]], count: int) -> None:
    """Make calls, five at once."""
    for _ in range(count // AT_ONCE):
        await asyncio.gather(*(call() for _ in range(AT_ONCE)))


def held() -> tuple[int, int]:
    """Descriptors of this process, and tasks of the running loop."""
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())


async def leaves_nothing(service: RunningService, call: Callable[[], Awaitable[None]]) -> None:
    """Make the calls; what the last ones hold is free soon, and no more is held than after the first ones."""

    def idle(inside: Service) -> bool:
        return not len(inside.calls) and not len(service.app.state.telephone)

    def all_free(inside: Service) -> bool:
        descriptors, tasks = held()
        return idle(inside) and descriptors <= before[0] + DESCRIPTORS and tasks <= before[1] + TASKS

    await made(call, FIRST)
    await service.until(idle)
    before = await asyncio.to_thread(service.ask, lambda _: held())
    await made(call, CALLS - FIRST)
    await service.until(all_free)
