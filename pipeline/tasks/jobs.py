"""Work under way that other processes may ask for: done once at a time, followed and stopped from any process.

Each piece of work is a row in the store, named after the process that does it. A stop goes over the bus, where there is
one, and stands in the row in any case.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Protocol, Self

from models.errors import Conflict, StorageFailed
from models.records.jobs import Job
from models.store import Store
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2
"""Seconds between two looks at work of another process that is waited for."""

STOP_EVERY_S = 1.0
"""Seconds between two looks for stops that did not come over the bus."""

TURN_S = 60.0
"""Longest wait for work of another process."""

STOPPED_S = 5.0
"""How long a stop waits at most for another process to stop."""

_STOP = "stop"


class Messenger(Protocol):
    """Brings a request to another process. The bus is one."""

    def tell(self, address: str, kind: str, body: Mapping[str, Any]) -> bool:
        """Send a request; return False if it cannot be sent."""
        ...

    def on(self, kind: str, handler: Callable[[Any], None]) -> None:
        """Have `handler` called with the requests of a kind, whose `body` is what was sent."""
        ...


class Jobs:
    """This process's work, among that of all. Use as an async context manager.

    Args:
        store: where the work is entered.
        clock: paces the waiting.
        bus: brings stops; None where there is one process.
    """

    def __init__(self, store: Store, clock: Clock, bus: Messenger | None = None) -> None:
        self._store = store
        self._clock = clock
        self._bus = bus
        self._stops: dict[str, Callable[[], object]] = {}
        self._over: set[str] = set()
        self._some = asyncio.Event()
        if bus is not None:
            bus.on(_STOP, self._hear_stop)

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_for_stops(), name="jobs to stop")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)

    # ---------------------------------------------------------------- doing

    async def begin(self, job: Job, stop: Callable[[], object] | None = None) -> Job | None:
        """Begin work; if what it locks is worked on already, begin nothing and return that work.

        Args:
            stop: stops it; called once, on the event loop.

        Raises:
            StorageFailed: the store is away.
        """
        holder = await self._store.begin_job(job)
        if holder is None and stop is not None:
            self._stops[job.id] = stop
            self._some.set()
        return holder

    async def end(self, job_id: str) -> None:
        """Note that work is over. Idempotent; raises nothing: while the store is away it is tried again."""
        self._stops.pop(job_id, None)
        try:
            await self._store.end_job(job_id)
        except StorageFailed:
            self._over.add(job_id)
            self._some.set()

    async def begin_in_turn(self, job: Job, stop: Callable[[], object] | None = None) -> None:
        """Begin work once what it locks is worked on no more.

        Raises:
            Conflict: another process has worked on it for `TURN_S`.
            StorageFailed: the store is away.
        """
        until = self._clock.now() + TURN_S
        while await self.begin(job, stop) is not None:
            if self._clock.now() > until:
                raise Conflict("Another process of this service works on this; ask again in a moment.")
            await self._clock.sleep(LOOK_EVERY_S)

    @asynccontextmanager
    async def doing(self, job: Job) -> AsyncIterator[None]:
        """Do work within the block, once what it locks is worked on no more.

        Raises:
            Conflict, StorageFailed: as `begin_in_turn`.
        """
        await self.begin_in_turn(job)
        try:
            yield
        finally:
            await self.end(job.id)

    # --------------------------------------------------- what others are doing

    async def followed(self, job_id: str) -> None:
        """Return when work of any process is over, or failed with its process."""
        while await self._store.job(job_id) is not None:
            await self._clock.sleep(LOOK_EVERY_S)

    async def stop(self, jobs: Sequence[Job]) -> None:
        """Have work of any process stopped; return when it is over, or after `STOPPED_S`."""
        if not jobs:
            return
        await self._store.ask_to_stop([job.id for job in jobs])
        for job in jobs:
            if (stop := self._stops.get(job.id)) is not None:
                stop()
            elif self._bus is not None and job.process_id is not None:
                self._bus.tell(job.process_id, _STOP, {"job": job.id})
        until = self._clock.now() + STOPPED_S
        for job in jobs:
            while self._clock.now() < until and await self._store.job(job.id) is not None:
                await self._clock.sleep(LOOK_EVERY_S)

    async def stop_named(self, job_id: str) -> None:
        """Have one piece of work stopped, if it is under way; otherwise as `stop`."""
        job = await self._store.job(job_id)
        await self.stop([] if job is None else [job])

    # ----------------------------------------------------------- being stopped

    def _hear_stop(self, message: Any) -> None:
        self._stop(str(message.body["job"]))

    def _stop(self, job_id: str) -> None:
        if (stop := self._stops.pop(job_id, None)) is not None:
            stop()

    async def _look_for_stops(self) -> None:
        while True:
            if not self._stops and not self._over:
                self._some.clear()
                await self._some.wait()
            await self._clock.sleep(STOP_EVERY_S)
            with suppress(StorageFailed):
                for job_id in list(self._over):
                    await self._store.end_job(job_id)
                    self._over.discard(job_id)
                for job_id in await self._store.asked_to_stop():
                    self._stop(job_id)
