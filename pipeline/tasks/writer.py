"""Ordered writes to the store, off the live path, which outlast a store that is away for a while."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from models.errors import ModelError, StorageFailed
from models.store.leases import CallLease, held
from pipeline.errors import PipelineError
from pipeline.tasks.clock import Clock

WAITING_LIMIT = 256

RETRY_S, LONGEST_RETRY_S = 0.25, 2.0
"""The first and the longest pause between two attempts at a write while the store is away."""


class StorageBehind(PipelineError):
    """The queue of writes is full; the call cannot go on without losing messages."""

    code = "storage_behind"
    http_status = 503


LAST_WRITES_S = 30.0
"""How long a call that has ended waits for a database that is away."""

Write = Callable[[], Awaitable[None]]
"""A write to the store; while the store is away it is carried out again, so it has to bear that."""


class Writer:
    """A bounded queue of writes and the task that carries them out, in order.

    A write that fails as the store is away waits, and those behind it, until the store is back. When `WAITING_LIMIT`
    writes are queued, the next one raises `StorageBehind`, which ends the call, since a call that goes on without
    being stored would lose messages.

    Args:
        clock: paces the attempts.
        turn: returns the call's latest turn, which is kept with whatever is written under a lease.

    Attributes:
        lease: with which everything is written; None writes in any case.
    """

    def __init__(self, clock: Clock, turn: Callable[[], int] = lambda: 0) -> None:
        self._clock = clock
        self._turn = turn
        self.lease: CallLease | None = None
        self._given_up = asyncio.Event()
        self._stalled = asyncio.Event()
        self._deferred: deque[Callable[[], None]] = deque()
        self._queue: asyncio.Queue[Write] = asyncio.Queue(WAITING_LIMIT)

    def __len__(self) -> int:
        """Return how many writes are queued, besides the one being carried out."""
        return self._queue.qsize()

    def put(self, operation: Write) -> None:
        """Queue a write.

        Raises:
            StorageBehind: the queue is full.
        """
        try:
            self._queue.put_nowait(operation)
        except asyncio.QueueFull:
            raise StorageBehind("The database is too slow for this call; see why before opening another.") from None

    def then(self, act: Callable[[], None]) -> None:
        """Call `act` once the writes queued so far are done, or as soon as they wait for a store that is away.

        Raises:
            StorageBehind: the queue is full.
        """
        if self._stalled.is_set():
            act()
            return

        async def in_turn() -> None:
            if self._deferred and self._deferred[0] is act:
                self._deferred.popleft()
                act()

        self.put(in_turn)
        self._deferred.append(act)

    async def run(self, failed: Callable[[Exception], None]) -> None:
        """Carry out writes until cancelled; a failing one is reported, and the next one follows.

        `StorageFailed` is reported once an outage, and the write is attempted until it is done.
        """
        while True:
            operation = await self._queue.get()
            try:
                with held(self.lease and replace(self.lease, turn=self._turn())):
                    await self._carry_out(operation, failed)
            except (ModelError, OSError) as error:
                failed(error)
            finally:
                self._stalled.clear()
                self._queue.task_done()

    def give_up(self) -> None:
        """Have nobody wait for what is not written: another process has taken over."""
        self._given_up.set()

    async def _carry_out(self, operation: Write, failed: Callable[[Exception], None]) -> None:
        pause = 0.0
        while True:
            try:
                return await operation()
            except StorageFailed as error:
                if not pause:
                    self._stalled.set()
                    failed(error)
                    while self._deferred:
                        self._deferred.popleft()()
                pause = min(LONGEST_RETRY_S, max(RETRY_S, 2 * pause))
            await self._clock.sleep(pause)

    async def drained(self, within_s: float | None = None) -> bool:
        """Wait until all writes queued so far are done, at most `within_s`; return whether they are."""
        if within_s is None:
            await self._queue.join()
            return True
        joined, given_up = asyncio.ensure_future(self._queue.join()), asyncio.ensure_future(self._given_up.wait())
        await _first(joined, given_up, asyncio.ensure_future(self._clock.sleep(within_s)))
        return not joined.cancelled() or self._given_up.is_set()

    async def settled(self, done: "asyncio.Future[Any]") -> None:
        """Wait until a write is done, or it waits as the store is away.

        Args:
            done: resolves with the write, or raises its error here; it may resolve later.
        """
        stalled = asyncio.ensure_future(self._stalled.wait())
        await _first(asyncio.shield(done), stalled)
        if done.done():
            done.result()


async def _first(*awaited: "asyncio.Future[Any]") -> None:
    """Wait for the first of them, and cancel the others."""
    try:
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for other in awaited:
            other.cancel()
        await asyncio.gather(*awaited, return_exceptions=True)
