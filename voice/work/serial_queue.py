"""A serial queue on shared workers: the jobs of one stream, in order, one at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

from voice.errors import Cancelled as CancelledError
from voice.errors import EngineBusy
from voice.work.cancellation import Cancelled
from voice.work.workers import Job, Priority, Workers, settle

T = TypeVar("T")


class SerialQueue:
    """Runs the jobs of one stream on shared workers, in order and never two at once.

    Everything but the jobs themselves runs on the event loop.

    Args:
        workers: where the jobs run.
        call: id of the call, for fairness between calls.
        limit: maximum number of queued jobs; a further one fails with EngineBusy.
    """

    def __init__(self, workers: Workers, *, call: str, limit: int = 16) -> None:
        self._workers = workers
        self._call = call
        self._limit = limit
        self._waiting: deque[tuple[Job[Any], Priority, asyncio.Future[Any]]] = deque()
        self._running: tuple[Event, asyncio.Future[Any]] | None = None
        self._last: Callable[[], None] | None = None
        self._closed = False

    def submit(self, job: Job[T], *, priority: Priority) -> asyncio.Future[T]:
        """Queue a job behind all earlier ones of this queue.

        Raises (through the future):
            EngineBusy: this queue or the workers' queue is full.
            Cancelled: the queue is closed, or was closed before the job ran.
        """
        outer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._closed:
            outer.set_exception(CancelledError("This stream of work is closed; begin a new one."))
        elif len(self._waiting) >= self._limit:
            outer.set_exception(EngineBusy("Too much work waits for this stream; send more slowly."))
        else:
            self._waiting.append((job, priority, outer))
            self._advance()
        return outer

    def close(self, last: Callable[[], None]) -> None:
        """Cancel all jobs, then call `last` on the event loop once none of them runs any more. Idempotent."""
        if self._closed:
            return
        self._closed = True
        waiting, self._waiting = self._waiting, deque()
        for _, _, outer in waiting:
            if not outer.done():
                outer.set_exception(CancelledError("The stream was closed before this work ran."))
        if self._running is None:
            last()
            return
        self._last = last
        self._running[0].set()

    def _advance(self) -> None:
        while self._running is None and self._waiting:
            job, priority, outer = self._waiting.popleft()
            if not outer.done():
                self._start(job, priority, outer)

    def _start(self, job: Job[Any], priority: Priority, outer: asyncio.Future[Any]) -> None:
        dropped = Event()

        def guarded(cancelled: Cancelled) -> Any:
            if dropped.is_set():
                return None
            return job(lambda: dropped.is_set() or cancelled())

        # The inner future is never cancelled: it completes once the job has really ended, and then the next starts.
        inner = self._workers.submit(guarded, call=self._call, priority=priority)
        self._running = (dropped, inner)
        outer.add_done_callback(lambda _: dropped.set())
        inner.add_done_callback(lambda _: self._ended(inner, outer))

    def _ended(self, inner: asyncio.Future[Any], outer: asyncio.Future[Any]) -> None:
        self._running = None
        settle(outer, inner)
        if self._last is not None:
            last, self._last = self._last, None
            last()
        self._advance()
