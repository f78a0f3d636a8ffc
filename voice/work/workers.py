"""Engines behind one queue: bounded, fair between calls, cancellable; in threads, or on the loop itself for replays."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Condition, Event, Lock, Thread
from typing import Any, Protocol, TypeVar

from voice.errors import EngineBusy, EngineUnavailable
from voice.work.cancellation import Cancelled
from voice.work.fair_queue import FairQueue, Priority, Work

__all__ = ["BUFFER_ITEMS", "InlineWorkers", "Items", "Job", "Priority", "ThreadWorkers", "Workers", "settle"]

T = TypeVar("T")

Job = Callable[[Cancelled], T]
"""Blocking work. It gets a function to ask, between its steps, whether anybody still wants the result."""

Items = Callable[[Cancelled], Iterator[T]]
"""Blocking work that yields as it goes. It may be resumed in another thread: hold no lock across a yield."""

BUFFER_ITEMS = 8
"""Items an iteration may be ahead of its consumer."""


class Workers(Protocol):
    """Where blocking engine work runs."""

    def submit(self, job: Job[T], *, call: str, priority: Priority) -> asyncio.Future[T]:
        """Queue a job; to be called on the event loop. Never blocks.

        Cancelling the future cancels the job: unstarted it never runs, running it is told by its `cancelled()`.

        Args:
            job: the blocking work.
            call: whose work it is; calls take turns within a priority.
            priority: what goes first.

        Raises (through the future):
            EngineBusy: the queue is full.
            EngineUnavailable: the workers are closed.
            whatever the job raises.
        """
        ...

    async def run(self, job: Job[T], *, call: str, priority: Priority) -> T:
        """Await `submit`: the job's result. Cancelling the awaiting task cancels the job."""
        ...

    def iterate(self, job: Items[T], *, call: str, priority: Priority) -> AsyncGenerator[T, None]:
        """The job's items as they come, at most `BUFFER_ITEMS` ahead of the consumer.

        A worker is free while the consumer is slow. `aclose()`, or the end of the consuming task, cancels the job.
        Raises what `submit` raises.
        """
        ...

    async def close(self) -> None:
        """End all work: what waits is refused, what runs is told so and waited for. Idempotent."""
        ...


class ThreadWorkers:
    """Runs jobs in a few threads behind one bounded queue.

    FINAL goes before REPLY before PARTIAL; within a priority the calls take turns. A full queue drops its newest
    PARTIAL to admit something more urgent, and else refuses with EngineBusy. An iteration gives its thread up
    whenever its buffer is full or something as urgent waits, and goes on later, maybe in another thread.

    Args:
        threads: how many jobs run at once.
        queue_limit: jobs that may wait; iterations under way are not counted.
        partials: most PARTIAL jobs that run at once, so that what is urgent never finds every thread sketching.
    """

    def __init__(self, threads: int = 2, queue_limit: int = 64, partials: int | None = None) -> None:
        self._queue = FairQueue()
        self._limit = queue_limit
        self._partials = threads if partials is None else partials
        self._running: set[Work] = set()
        self._closed = False
        self._changed = Condition()
        self._threads = [Thread(target=self._serve, name=f"engine-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job[T], *, call: str, priority: Priority) -> asyncio.Future[T]:
        """See `Workers.submit`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        work = _Once(job, future, loop, call, priority)
        future.add_done_callback(lambda done: self._cancel(work) if done.cancelled() else None)
        refusal = self._admit(work)
        if refusal is not None:
            future.set_exception(refusal)
        return future

    async def run(self, job: Job[T], *, call: str, priority: Priority) -> T:
        """See `Workers.run`."""
        return await self.submit(job, call=call, priority=priority)

    async def iterate(self, job: Items[T], *, call: str, priority: Priority) -> AsyncGenerator[T, None]:
        """See `Workers.iterate`."""
        work = _Iteration(job, asyncio.get_running_loop(), call, priority)
        refusal = self._admit(work)
        if refusal is not None:
            raise refusal
        try:
            while True:
                ended = work.ended  # read before the items: what comes after it is seen on the next round
                if work.items:
                    item = work.items.popleft()
                    if len(work.items) <= BUFFER_ITEMS // 2 and work.unpark():
                        self._go_on(work)
                    yield item
                elif ended:
                    if work.error is not None:
                        raise work.error
                    return
                else:
                    work.ready.clear()
                    await work.ready.wait()
        finally:
            self._cancel(work)

    async def close(self) -> None:
        """See `Workers.close`."""
        with self._changed:
            self._closed = True
            waiting = self._queue.drain()
            running = list(self._running)
            self._changed.notify_all()
        for work in running:
            work.cancelled.set()
        for work in waiting:
            work.refuse(EngineUnavailable(_CLOSED))
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _admit(self, work: Work) -> EngineBusy | EngineUnavailable | None:
        evicted = None
        with self._changed:
            if self._closed:
                return EngineUnavailable(_CLOSED)
            if self._queue.admitted >= self._limit:
                evicted = self._queue.pop_newest(Priority.PARTIAL) if work.priority < Priority.PARTIAL else None
                if evicted is None:
                    return EngineBusy(_BUSY)
            self._queue.put(work)
            self._changed.notify()
        if evicted is not None:
            evicted.refuse(EngineBusy(_BUSY))
        return None

    def _go_on(self, work: Work) -> None:
        with self._changed:
            if not self._closed:
                self._queue.put(work, again=True)
                self._changed.notify()
                return
        work.refuse(EngineUnavailable(_CLOSED))

    def _cancel(self, work: Work) -> None:
        work.cancelled.set()
        with self._changed:
            self._queue.remove(work)
        if work.unpark():
            self._go_on(work)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while (work := self._next()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
                self._running.add(work)
            more = work.step(partial(self._wanted, work.priority))
            with self._changed:
                self._running.discard(work)
            if more:
                self._go_on(work)
            del work  # an idle thread keeps no audio alive

    def _next(self) -> Work | None:
        sketching = sum(work.priority is Priority.PARTIAL for work in self._running)
        return self._queue.take(Priority.PARTIAL if sketching < self._partials else Priority.REPLY)

    def _wanted(self, priority: Priority) -> bool:
        with self._changed:
            return self._closed or self._queue.waits(priority)


class _Once(Work):
    def __init__(
        self,
        job: Job[Any],
        future: asyncio.Future[Any],
        loop: asyncio.AbstractEventLoop,
        call: str,
        priority: Priority,
    ) -> None:
        super().__init__(call, priority)
        self._job = job
        self._future = future
        self._loop = loop

    def step(self, wanted: Callable[[], bool]) -> bool:
        del wanted  # a job has no place to stop at
        if self.cancelled.is_set():
            return False
        try:
            result = self._job(self.cancelled.is_set)
        except BaseException as error:  # noqa: BLE001 - whatever a job raises belongs to whoever awaits it
            self.refuse(error)
        else:
            _notify(self._loop, lambda: None if self._future.done() else self._future.set_result(result))
        return False

    def refuse(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):  # a future cannot hold one
            error = RuntimeError(f"The job raised {error!r}.")
        _notify(self._loop, lambda: None if self._future.done() else self._future.set_exception(error))


class _Iteration(Work):
    def __init__(self, job: Items[Any], loop: asyncio.AbstractEventLoop, call: str, priority: Priority) -> None:
        super().__init__(call, priority)
        self.items: deque[Any] = deque()
        self.ready = asyncio.Event()
        self.ended = False
        self.error: BaseException | None = None
        self._job = job
        self._loop = loop
        self._source: Iterator[Any] | None = None
        self._parked = False
        self._parking = Lock()

    def step(self, wanted: Callable[[], bool]) -> bool:
        try:
            while not self.cancelled.is_set():
                if self._source is None:
                    self._source = self._job(self.cancelled.is_set)
                item = next(self._source, _END)
                if item is _END:
                    self._end(None)
                    return False
                self.items.append(item)
                _notify(self._loop, self.ready.set)
                with self._parking:
                    # Once parked, the source may be taken up by another thread at once: leave it alone.
                    self._parked = len(self.items) >= BUFFER_ITEMS and not self.cancelled.is_set()
                    if self._parked:
                        return False
                if wanted():
                    return True
            close_items(self._source)
            self._end(None)
        except BaseException as error:  # noqa: BLE001 - whatever a job raises belongs to its consumer
            self._end(error)
        return False

    def unpark(self) -> bool:
        with self._parking:
            parked, self._parked = self._parked, False
        return parked

    def refuse(self, error: Exception) -> None:
        close_items(self._source)
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        self.error = error
        self.ended = True
        _notify(self._loop, self.ready.set)


def _notify(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
        loop.call_soon_threadsafe(news)


_BUSY = "The engines have too much to do; try again in a moment."
_CLOSED = "The engines are shut down; start the service again."


class InlineWorkers:
    """Runs each job at once on the loop, so that a replay is the same every time. For tests and replays.

    The result comes on a later turn of the loop: after the loop's own time `delay(seconds the job took)`.

    Args:
        delay: from the job's run time in seconds to the loop's time, e.g. identity under a virtual clock.
        timer: seconds, monotonic; without one every job counts as 0 s.
    """

    def __init__(
        self, delay: Callable[[float], float] = lambda _: 0.0, timer: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._delay = delay
        self._timer = timer

    def submit(self, job: Job[T], *, call: str, priority: Priority) -> asyncio.Future[T]:
        """Run the job now; see `Workers.submit`."""
        del call, priority
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        outcome: asyncio.Future[T] = loop.create_future()
        begun = self._timer()
        try:
            outcome.set_result(job(lambda: False))
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to whoever awaits it
            outcome.set_exception(error)
        seconds = self._delay(self._timer() - begun)
        if seconds > 0:
            loop.call_later(seconds, settle, done, outcome)
        else:
            loop.call_soon(settle, done, outcome)
        return done

    async def run(self, job: Job[T], *, call: str, priority: Priority) -> T:
        """See `Workers.run`."""
        return await self.submit(job, call=call, priority=priority)

    async def iterate(self, job: Items[T], *, call: str, priority: Priority) -> AsyncGenerator[T, None]:
        """See `Workers.iterate`; each item is made when it is asked for."""
        del call, priority
        closed = Event()
        items = job(closed.is_set)
        try:
            while True:
                begun = self._timer()
                item = next(items, _END)
                await asyncio.sleep(max(self._delay(self._timer() - begun), 0.0))
                if isinstance(item, _End):
                    return
                yield item
        finally:
            closed.set()
            close_items(items)

    async def close(self) -> None:
        """Nothing to end."""


def settle(outer: asyncio.Future[Any], inner: asyncio.Future[Any]) -> None:
    """Give `outer` what the finished `inner` has, unless nobody waits for it any more."""
    if inner.cancelled():
        outer.cancel()
        return
    error = inner.exception()
    if outer.done():
        return
    if error is not None:
        outer.set_exception(error)
    else:
        outer.set_result(inner.result())


class _End:
    """Marks the end of an iteration."""


_END = _End()


def close_items(items: Iterator[Any] | None) -> None:
    """Let a generator run its `finally`; other iterators have nothing to end."""
    close = getattr(items, "close", None)
    if close is not None:
        close()
