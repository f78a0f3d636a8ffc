"""Followers of every call: they write what they observe, in order, off the live path."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from models.errors import StorageFailed
from pipeline.call.call import Call
from pipeline.call.registry import Calls
from pipeline.tasks.clock import Clock
from pipeline.tasks.writer import StorageBehind, Writer

log = logging.getLogger(__name__)

LAST_WRITES_S = 10.0
"""How long the service waits, as it stops, for writes to a store that is away."""


class CallFollower(ABC):
    """Follows every call from its opening. Use as an async context manager around the registry's.

    Args:
        calls: the registry whose calls are followed.
        loss: the log message for a failed write; the call itself goes on.
        clock: paces the attempts while the store is away.
    """

    def __init__(self, calls: Calls, loss: str, clock: Clock) -> None:
        self._calls = calls
        self._loss = loss
        self._logged = ""
        self._writer = Writer(clock)

    @abstractmethod
    def follow(self, call: Call) -> None:
        """Follow a call that has just been opened."""

    def put(self, operation: Callable[[], Awaitable[None]]) -> None:
        """Queue a write after the earlier ones; never waits."""
        try:
            self._writer.put(operation)
        except StorageBehind as error:
            self._failed(error)

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._writer.run(self._failed), name=type(self).__name__)
        self._calls.when_opened(self.follow)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        drained = asyncio.create_task(self._writer.drained(LAST_WRITES_S))
        await asyncio.wait({drained, self._writing}, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()
        self._writing.cancel()
        await asyncio.gather(drained, self._writing, return_exceptions=True)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, StorageFailed):
            return  # the write waits; the store has logged it
        if str(error) != self._logged:  # a full disk fails every write in the same way
            log.warning("%s: %s", self._loss, error)
        self._logged = str(error)
