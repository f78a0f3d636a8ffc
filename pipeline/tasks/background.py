"""Background tasks that outlive their request: named, bounded, owned, and cancelled with the service."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from pipeline.errors import Busy
from pipeline.tasks.acting import Holding, hold

RUNNING_LIMIT = 32


class Background:
    """A bounded set of named tasks. Use as an async context manager; leaving it cancels them all.

    Args:
        holding: has a task cancelled with the grant by which it was started.
    """

    def __init__(self, holding: Holding | None = None) -> None:
        self._holding = holding
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task.

        Raises:
            Busy: `RUNNING_LIMIT` tasks are running.
        """
        if len(self._tasks) >= RUNNING_LIMIT:
            work.close()
            raise Busy("Too much is being worked on; try again in a moment.")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[name] = task
        hold(self._holding, task, lambda: _cancel(task))
        task.add_done_callback(lambda done: self._forget(name, done))
        return task

    async def finished(self, name: str) -> None:
        """Wait until the task of this name is done; return at once if there is none."""
        task = self._tasks.get(name)
        if task is not None:
            await asyncio.wait({task})

    async def cancel(self, name: str) -> None:
        """Cancel the task of this name and wait until it has ended."""
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _forget(self, name: str, task: "asyncio.Task[None]") -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled():
            task.exception()


def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
