"""Ordered writes to the store, off the live path."""

import asyncio
from collections.abc import Awaitable, Callable

from models.errors import ModelError
from pipeline.errors import PipelineError

WAITING_LIMIT = 256


class StorageBehind(PipelineError):
    """The queue of writes is full; the call cannot go on without losing messages."""

    code = "storage_behind"
    http_status = 503


class Writer:
    """A bounded queue of writes and the task that carries them out, in order.

    When `WAITING_LIMIT` writes are queued, the next one raises `StorageBehind`, which ends the call, since a call that
    goes on without being stored would lose messages.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(WAITING_LIMIT)

    def put(self, operation: Callable[[], Awaitable[None]]) -> None:
        """Queue a write.

        Raises:
            StorageBehind: the queue is full.
        """
        try:
            self._queue.put_nowait(operation)
        except asyncio.QueueFull:
            raise StorageBehind("The database is too slow for this call; see why before opening another.") from None

    async def run(self, failed: Callable[[Exception], None]) -> None:
        """Carry out writes until cancelled; a failing one is reported, and the next one follows."""
        while True:
            operation = await self._queue.get()
            try:
                await operation()
            except (ModelError, OSError) as error:
                failed(error)
            finally:
                self._queue.task_done()

    async def drained(self) -> None:
        """Wait until all writes queued so far are done."""
        await self._queue.join()
