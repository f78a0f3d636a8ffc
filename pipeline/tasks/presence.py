"""Says that this process runs, and recovers what a process that was killed has left half-done."""

import asyncio
import logging
from types import TracebackType
from typing import Self

from models.errors import StorageFailed
from models.store import Store
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

BEAT_S = 2.0
"""Seconds between two times that a process says it runs; a third of the time after which it is taken for gone."""


class Presence:
    """This process, among those of the same database. Use as an async context manager; leaving it says goodbye.

    Args:
        store: where the processes are entered.
        clock: paces the beats.

    Attributes:
        alone: is set when no other process runs any more, from the start or later.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._was_away = False
        self.alone = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Enter the process, and recover what is nobody's.

        Raises:
            StorageFailed: the store is away.
        """
        await self._store.join()
        await self._recover(always=True)
        await self._look_around()
        self._task = asyncio.create_task(self._beat(), name="presence")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._store.leave()
        except StorageFailed:
            log.warning("The database is away, so that this process cannot be crossed out there.")

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(BEAT_S)
            try:
                await self._store.beat()
                if self._was_away:  # for the others, too: they have the time of a beat to say that they run
                    self._was_away = False
                    continue
                await self._look_around()
                await self._recover(always=False)
            except StorageFailed:
                self._was_away = True

    async def _look_around(self) -> None:
        if not self.alone.is_set() and not await self._store.others_run():
            self.alone.set()

    async def _recover(self, *, always: bool) -> None:
        found = await self._store.recover(always=always)
        if found.replies or found.test_runs or found.calls:
            log.warning(
                "A process was killed: %d replies are completed by what was heard, %d test runs are failed, "
                "%d calls can be resumed.",
                found.replies,
                found.test_runs,
                found.calls,
            )
