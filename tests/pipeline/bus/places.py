"""Servers that carry the bus, and waiting."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pipeline.bus.transport import Transport

WAIT_S = 100.0


@dataclass
class Place:
    """A server, and the way to it."""

    new_transport: Callable[[], Transport]
    away: Callable[[], AbstractContextManager[None]]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
