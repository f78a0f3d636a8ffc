"""What follows every call from its beginning and writes down what it sees, in order, beside the live path."""

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
    """Follows every call that is opened. Use as an async context manager around the calls' life.

    Args:
        calls: whose calls are followed.
        loss: what the log says when something cannot be written; the call itself goes on.
    """

    def __init__(self, calls: Calls, loss: str) -> None:
        self._calls = calls
        self._loss = loss
        self._writer = Writer()

    @abstractmethod
    def follow(self, call: Call) -> None:
        """A call is open: listen to it from now on."""

    def put(self, operation: Callable[[], Awaitable[None]]) -> None:
        """Have something written, after what was put before; never waits."""
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
