"""Storage, one operation after another in the order it was asked for, beside the live path."""

import asyncio
from collections.abc import Awaitable, Callable

from models.errors import ModelError
from pipeline.errors import PipelineError

WAITING_LIMIT = 256


class StorageBehind(PipelineError):
    """So many operations wait for the database that the call cannot go on without losing some."""

    code = "storage_behind"
    http_status = 503


class Writer:
    """A bounded queue of operations and the one task that carries them out.

    When `WAITING_LIMIT` operations wait, the next one raises `StorageBehind`, which ends the call: a call that goes on
    without being stored would lose what is said.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(WAITING_LIMIT)

    def put(self, operation: Callable[[], Awaitable[None]]) -> None:
        """Queue an operation.

        Raises:
            StorageBehind: the queue is full.
        """
        try:
            self._queue.put_nowait(operation)
        except asyncio.QueueFull:
            raise StorageBehind("The database is too slow for this call; see why before opening another.") from None

    async def run(self, failed: Callable[[Exception], None]) -> None:
        """Carry operations out until cancelled; one that fails is reported, and the next follows."""
        while True:
            operation = await self._queue.get()
            try:
                await operation()
            except (ModelError, OSError) as error:
                failed(error)
            finally:
                self._queue.task_done()

    async def drained(self) -> None:
        """Return when everything queued so far has been carried out."""
        await self._queue.join()
