"""Background tasks that outlive their request: named, bounded, owned, and cancelled with the service."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from models.errors import StorageFailed
from models.records.jobs import Job
from pipeline.errors import Busy
from pipeline.tasks.acting import Holding, hold
from pipeline.tasks.jobs import Jobs

RUNNING_LIMIT = 32


class Background:
    """A bounded set of named tasks. Use as an async context manager; leaving it cancels them all.

    Args:
        holding: has a task cancelled with the grant by which it was started.
        jobs: enters tasks in the store, so that other processes can wait for them and cancel them; None for no such.
    """

    def __init__(self, holding: Holding | None = None, jobs: Jobs | None = None) -> None:
        self._holding = holding
        self._jobs = jobs
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

    def start(self, name: str, work: Coroutine[Any, Any, None], job: Job | None = None) -> asyncio.Task[None]:
        """Start a task.

        Args:
            job: what the task is, under its name, for other processes and in case that this one is killed.

        Raises:
            Busy: `RUNNING_LIMIT` tasks are running.
        """
        if len(self._tasks) >= RUNNING_LIMIT:
            work.close()
            raise Busy("Too much is being worked on; try again in a moment.")
        entered = work if job is None or self._jobs is None else _entered(self._jobs, replace(job, id=name), work)
        task = asyncio.get_running_loop().create_task(entered, name=name)
        self._tasks[name] = task
        hold(self._holding, task, lambda: _cancel(task))
        task.add_done_callback(lambda done: self._forget(name, done))
        return task

    async def finished(self, name: str) -> None:
        """Wait until the task of this name is done, in whichever process; return at once if there is none."""
        task = self._tasks.get(name)
        if task is not None:
            await asyncio.wait({task})
        elif self._jobs is not None:
            await self._jobs.followed(name)

    async def cancel(self, name: str) -> None:
        """Cancel the task of this name, in whichever process, and wait until it has ended."""
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        elif self._jobs is not None:
            await self._jobs.stop_named(name)

    def _forget(self, name: str, task: "asyncio.Task[None]") -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled():
            task.exception()


async def _entered(jobs: Jobs, job: Job, work: Coroutine[Any, Any, None]) -> None:
    """Do work that is entered in the store meanwhile; where the store is away, it is done all the same."""
    task = asyncio.current_task()
    assert task is not None
    try:
        with suppress(StorageFailed):
            await jobs.begin(job, lambda: _cancel(task))
        await work
    finally:
        work.close()  # if it was cancelled before it began
        await jobs.end(job.id)


def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
