"""Followers of every call: they write what they observe, in order, off the live path."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from pipeline.call.call import Call
from pipeline.call.registry import Calls
from pipeline.tasks.writer import StorageBehind, Writer

log = logging.getLogger(__name__)


class CallFollower(ABC):
    """Follows every call from its opening. Use as an async context manager around the registry's.

    Args:
        calls: the registry whose calls are followed.
        loss: the log message for a failed write; the call itself goes on.
    """

    def __init__(self, calls: Calls, loss: str) -> None:
        self._calls = calls
        self._loss = loss
        self._writer = Writer()

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
        await self._writer.drained()
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)

    def _failed(self, error: Exception) -> None:
        log.warning("%s: %s", self._loss, error)
