"""Named tasks with one owner: starting a name replaces its task, and all end together."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, Self


class Slots:
    """A task group with named tasks; starting a name cancels the task that runs under it.

    Use it as an async context manager: leaving it cancels all tasks and waits for them. An exception in a task cancels
    the others and is raised out of the `async with`, as in `asyncio.TaskGroup`. Each task has a copy of the context
    variables that its owner had when entering, whoever starts it.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._context: Context = copy_context()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._context = copy_context()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

    def replace(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task under `name`, cancelling the one that runs there."""
        self.cancel(name)
        task = self._group.create_task(work, name=name, context=self._context.copy())
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))
        return task

    def running(self, name: str) -> bool:
        """Return whether a task runs under `name`."""
        return name in self._tasks

    def cancel(self, name: str) -> None:
        """Cancel the task under `name`, if any."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
