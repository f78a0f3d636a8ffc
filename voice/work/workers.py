"""Worker pools behind one bounded, fair queue: threads in production, inline on the event loop for replays."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import Any, TypeVar

from voice.errors import Cancelled as CancelledError
from voice.errors import EngineBusy, EngineUnavailable
from voice.work.fair_queue import Dropped, FairQueue, Pressure, Priority, Work
from voice.work.pool import BUFFER_ITEMS, Items, Job, Workers

__all__ = [
    "BUFFER_ITEMS",
    "InlineWorkers",
    "Items",
    "Job",
    "Pressure",
    "Priority",
    "ThreadWorkers",
    "Workers",
    "settle",
]

T = TypeVar("T")


class ThreadWorkers:
    """A thread pool behind one bounded queue.

    FINAL runs before REPLY before PARTIAL before REQUEST; within a priority the calls take turns. A full queue drops
    its newest REQUEST, or else its newest PARTIAL, to admit a more urgent job, and otherwise refuses with EngineBusy.
    An iteration yields its thread whenever its buffer is full or a job of at least its priority is queued, and
    continues later, maybe in another thread.

    Args:
        threads: number of threads.
        queue_limit: maximum number of queued jobs; iterations that have begun do not count.
        partials: maximum number of PARTIAL and REQUEST jobs that run concurrently; by default all threads but one, so
            that anything more urgent finds a free one.
        now: the time in seconds.
    """

    def __init__(
        self,
        threads: int = 2,
        queue_limit: int = 64,
        partials: int | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._now = now
        self._queue = FairQueue()
        self._limit = queue_limit
        self._partials = max(1, threads - 1) if partials is None else partials
        self._running: set[Work] = set()
        self._closed = False
        self._changed = Condition()
        self._threads = [Thread(target=self._serve, name=f"engine-{n}", daemon=True) for n in range(threads)]
        self._waited: Callable[[Priority, float], None] | None = None
        self._dropped: Callable[[Priority, Dropped], None] | None = None
        for thread in self._threads:
            thread.start()

    def observe_waits(self, waited: Callable[[Priority, float], None], now: Callable[[], float]) -> None:
        """Report how long each job waited for a thread, by its priority, in seconds of the clock `now`.

        Both are called in the worker threads and on the event loop.
        """
        self._waited, self._now = waited, now

    def observe_drops(self, dropped: Callable[[Priority, Dropped], None]) -> None:
        """Report each job that was refused, or given up before it was done, and why; on the event loop."""
        self._dropped = dropped

    def submit(self, job: Job[T], *, call: str, priority: Priority) -> asyncio.Future[T]:
        """See `Workers.submit`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        work = _Once(job, future, loop, call, priority, lambda: self._drop(priority, "gave_way"))
        future.add_done_callback(lambda done: self._give_up(work) if done.cancelled() else None)
        refusal = self._admit(work)
        if refusal is not None:
            self._drop(work.priority, "refused")
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
                ended = (
                    work.ended
                )  # read before the items, so that an item appended in between is seen on the next round
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

    def pressure(self) -> Pressure:
        """See `Workers.pressure`."""
        with self._changed:
            oldest = self._queue.oldest(Priority.FINAL)
            waits_s = 0.0 if oldest is None else self._now() - oldest
            return Pressure(len(self._running) / len(self._threads), waits_s)

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
                lesser = (kind for kind in (Priority.REQUEST, Priority.PARTIAL) if work.priority < kind)
                evicted = next(filter(None, map(self._queue.pop_newest, lesser)), None)
                if evicted is None:
                    return EngineBusy(_BUSY)
            work.queued_at = self._now()
            self._queue.put(work)
            self._changed.notify()
        if evicted is not None:
            self._drop(evicted.priority, "refused")
            evicted.refuse(EngineBusy(_BUSY))
        return None

    def _drop(self, priority: Priority, reason: Dropped) -> None:
        if self._dropped is not None:
            self._dropped(priority, reason)

    def _go_on(self, work: Work) -> None:
        with self._changed:
            if not self._closed:
                self._queue.put(work, again=True)
                self._changed.notify()
                return
        work.refuse(EngineUnavailable(_CLOSED))

    def _give_up(self, work: Work) -> None:
        self._drop(work.priority, "unwanted")
        self._cancel(work)

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
                waited = self._waited if work.arrival else None
            if waited is not None:
                waited(work.priority, self._now() - work.queued_at)
            more = work.step(partial(self._wanted, work.priority))
            with self._changed:
                self._running.discard(work)
            if more:
                self._go_on(work)
            del work  # so that an idle thread keeps no audio alive

    def _next(self) -> Work | None:
        patient = sum(work.priority >= Priority.PARTIAL for work in self._running)
        return self._queue.take(Priority.REQUEST if patient < self._partials else Priority.REPLY)

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
        gave_way: Callable[[], None],
    ) -> None:
        super().__init__(call, priority)
        self._job = job
        self._future = future
        self._loop = loop
        self._gave_way = gave_way

    def step(self, wanted: Callable[[], bool]) -> bool:
        del wanted  # a single job cannot yield
        if self.cancelled.is_set():
            return False
        try:
            result = self._job(self.cancelled.is_set)
        except CancelledError as error:  # by the engine itself, unless the future was cancelled
            _notify(self._loop, lambda: None if self._future.done() else self._gave_way())
            self.refuse(error)
        except BaseException as error:  # noqa: BLE001 - the awaiting caller gets whatever the job raises
            self.refuse(error)
        else:
            _notify(self._loop, lambda: None if self._future.done() else self._future.set_result(result))
        return False

    def refuse(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):  # a future cannot hold StopIteration
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
                    # Once parked, another thread may resume the source immediately: do not touch it any more.
                    self._parked = len(self.items) >= BUFFER_ITEMS and not self.cancelled.is_set()
                    if self._parked:
                        return False
                if wanted():
                    return True
            close_items(self._source)
            self._end(None)
        except BaseException as error:  # noqa: BLE001 - the consumer gets whatever the job raises
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
    with suppress(RuntimeError):  # the loop is closed: nobody is left to notify
        loop.call_soon_threadsafe(news)


_BUSY = "The engines have too much to do; try again in a moment."
_CLOSED = "The engines are shut down; start the service again."


class InlineWorkers:
    """Runs each job inline on the event loop, for deterministic replays and tests.

    The result arrives `delay(seconds the job took)` later on the loop's clock.

    Args:
        delay: maps a job's run time in seconds to a delay on the loop's clock, e.g. identity under a virtual clock.
        timer: monotonic clock in seconds; by default every job counts as 0 s.
    """

    def __init__(
        self, delay: Callable[[float], float] = lambda _: 0.0, timer: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._delay = delay
        self._timer = timer

    def submit(self, job: Job[T], *, call: str, priority: Priority) -> asyncio.Future[T]:
        """Run the job immediately; see `Workers.submit`."""
        del call, priority
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        outcome: asyncio.Future[T] = loop.create_future()
        begun = self._timer()
        try:
            outcome.set_result(job(lambda: False))
        except Exception as error:  # noqa: BLE001 - the awaiting caller gets whatever the job raises
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
        """See `Workers.iterate`; each item is produced on demand."""
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

    def pressure(self) -> Pressure:
        """Return none: whatever is to be done is done at once."""
        return Pressure()

    async def close(self) -> None:
        """Do nothing: no threads to stop."""


def settle(outer: asyncio.Future[Any], inner: asyncio.Future[Any]) -> None:
    """Copy the outcome of the finished `inner` future to `outer`, unless `outer` is done."""
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
    """Sentinel for the end of an iteration."""


_END = _End()


def close_items(items: Iterator[Any] | None) -> None:
    """Close a generator, so that its `finally` runs; do nothing for other iterators."""
    close = getattr(items, "close", None)
    if close is not None:
        close()
