"""Named tasks with one owner: a task that replaces its namesake, and an end for all of them."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self


class Slots:
    """A task group whose tasks have names; starting a name again cancels its predecessor.

    Use as an async context manager: leaving it cancels what still runs and waits for it. A task that raises ends them
    all and raises out of the `async with`, as `asyncio.TaskGroup` does.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

    def replace(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` under `name`, cancelling what ran there."""
        self.cancel(name)
        task = self._group.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))
        return task

    def running(self, name: str) -> bool:
        """Return whether `name` is at work."""
        return name in self._tasks

    def cancel(self, name: str) -> None:
        """Cancel `name`, if it runs."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
