"""What every pool of workers offers to its callers."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Protocol, TypeVar

from voice.work.cancellation import Cancelled
from voice.work.fair_queue import Pressure, Priority

T = TypeVar("T")

Job = Callable[[Cancelled], T]
"""A blocking job; it polls the flag that it is given between its steps."""

Items = Callable[[Cancelled], Iterator[T]]
"""A blocking job that streams items. It may be resumed in another thread: hold no lock across a yield."""

BUFFER_ITEMS = 8
"""Backpressure: an iteration is paused once it is this many items ahead of its consumer."""


class Workers(Protocol):
    """A pool that runs blocking engine jobs."""

    def submit(self, job: Job[T], *, call: str, priority: Priority) -> asyncio.Future[T]:
        """Queue a job; call it on the event loop. Never blocks.

        Cancelling the future cancels the job: a queued job never runs, a running one sees `cancelled()` turn True.

        Args:
            job: the blocking function.
            call: id of the call; calls take turns within a priority.
            priority: scheduling priority.

        Raises (through the future):
            EngineBusy: the queue is full.
            EngineUnavailable: the workers are closed.
            whatever the job raises.
        """
        ...

    async def run(self, job: Job[T], *, call: str, priority: Priority) -> T:
        """Submit a job and await its result. Cancelling the awaiting task cancels the job."""
        ...

    def iterate(self, job: Items[T], *, call: str, priority: Priority) -> AsyncGenerator[T, None]:
        """Stream the job's items, at most `BUFFER_ITEMS` ahead of the consumer.

        A slow consumer blocks no worker. `aclose()`, or cancelling the consuming task, cancels the job. Raises what
        `submit` raises.
        """
        ...

    def pressure(self) -> Pressure:
        """Return how much there is to do."""
        ...

    async def close(self) -> None:
        """Refuse what is queued, cancel what runs, and wait for it to end. Idempotent."""
        ...
