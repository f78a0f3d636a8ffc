"""Says that this process runs, and recovers what a process that was killed has left half-done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from models.errors import StorageFailed
from models.store import Store
from models.store.leases import SILENT_FOR
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

BEAT_S = 2.0
"""Seconds between two times that a process says it runs; a third of the time after which it is taken for gone."""

PULSE_S = 1.0
"""Seconds between two times that it says so in the machine's memory, if it does."""

AGAIN_S = 0.5
"""Seconds between two attempts at it while the store is away."""

LEFT_S = SILENT_FOR.total_seconds()
"""After an outage the others have so much time to say that they run: all have much to store first."""


class Presence:
    """This process, among those of the same database. Use as an async context manager; leaving it says goodbye.

    A process that could not say for too long (`models.store.leases`) that it runs, while others do, may not carry its
    calls any more: the others take them over. So it is if it was crossed out, as after it was stopped for a while.
    While none of them reaches the store either, nobody takes over, and it keeps its calls. While all of them see its
    pulse, it has said that it runs as long as that beats, and a store that takes long for a write moves no call.

    Args:
        store: where the processes are entered.
        clock: paces the beats.
        address: the URL under which other processes reach this one; empty if they do not.
        pulse: says in the machine's memory that this process runs, for those that look there; None does not.

    Attributes:
        alone: is set when no other process runs any more, from the start or later.
        others: another process ran when this one looked last.
        address: that URL.
        draining: this process takes no further calls.
        all_without_store: tells whether all processes at these addresses can be reached and do not reach the store;
            None where nobody can ask them.
    """

    def __init__(self, store: Store, clock: Clock, address: str = "", pulse: Callable[[], None] | None = None) -> None:
        self._store = store
        self._pulse = pulse
        self._by_pulse = False
        self._clock = clock
        self._lost: list[Callable[[], None]] = []
        self._given_up = False
        self._patience_s = SILENT_FOR.total_seconds()
        self.alone = asyncio.Event()
        self.others = False
        self._addresses: tuple[str, ...] = ()
        self.all_without_store: Callable[[Sequence[str]], Awaitable[bool]] | None = None
        self.address = address
        self.draining = False

    async def __aenter__(self) -> Self:
        """Enter the process, and recover what is nobody's.

        Raises:
            StorageFailed: the store is away.
        """
        self._beat_at = self._pulse_at = self._clock.now()
        await self._store.join(address=self.address)
        await self._recover(always=True)
        self._note(await self._store.others_run())
        self._tasks = [
            asyncio.create_task(self._keep_beating(), name="presence"),
            asyncio.create_task(self._watch(), name="watch over presence"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._store.leave()
        except StorageFailed:
            log.warning("The database is away, so that this process cannot be crossed out there.")

    def when_lost(self, lost: Callable[[], None]) -> None:
        """Subscribe `lost` to the loss of everything that this process carries."""
        self._lost.append(lost)

    def move(self, address: str) -> None:
        """Be reached under another address from now on; the others get to know it at once."""
        self.address = address
        self._tasks.append(asyncio.create_task(self._announce(), name="address of presence"))

    async def _announce(self) -> None:
        with suppress(StorageFailed):  # the next beat says it
            await self.say()

    async def say(self) -> None:
        """Say at once that this process runs, and how; as it changes.

        Raises:
            StorageFailed: the store is away.
        """
        now = self._clock.now()
        state = "draining" if self.draining else "serving"
        standing = await self._store.beat(address=self.address, state=state)
        self._patience_s = standing.patience.total_seconds()
        self._note(standing.others)
        self._addresses = standing.addresses
        self._by_pulse = standing.by_pulse and self._pulse is not None
        if not standing.entered:
            await self._store.join(address=self.address)
            self._lose("Other processes have taken this one for gone")
        self._beat_at, self._given_up = now, False

    async def _keep_beating(self) -> None:
        leaves_until, away = 0.0, False
        while True:
            await self._clock.sleep(AGAIN_S if away else BEAT_S)
            slept = self._clock.now() - self._beat_at > SILENT_FOR.total_seconds()
            try:
                await self.say()
                if away or slept:
                    leaves_until = self._clock.now() + LEFT_S
                away = False
                if self._clock.now() >= leaves_until:
                    await self._recover(always=False)
            except StorageFailed:
                away = True

    async def _watch(self) -> None:
        """Look whether this process could say in time that it runs; say so in the machine's memory."""
        while True:
            said_at = max(self._beat_at, self._pulse_at) if self._by_pulse else self._beat_at
            left_s = said_at + self._patience_s - self._clock.now()
            if left_s <= 0 and self.others and not self._given_up and await self._may_be_replaced():
                self._given_up = True
                self._lose("This process could not say in time that it runs, and others may take over")
            if self._pulse is not None:
                self._pulse()
                self._pulse_at = self._clock.now()
                await self._clock.sleep(min(left_s, PULSE_S) if left_s > 0 else PULSE_S)
            else:
                await self._clock.sleep(left_s if left_s > 0 else BEAT_S)

    async def _may_be_replaced(self) -> bool:
        """Return whether another process may reach the store, which this one does not."""
        if self.all_without_store is not None and await self.all_without_store(self._addresses):
            return False
        # The store may be back since the latest beat, for the others and for this one.
        with suppress(StorageFailed, TimeoutError):
            async with asyncio.timeout(LEFT_S):
                await self.say()
                return False
        return True

    def _lose(self, why: str) -> None:
        log.warning("%s: its calls end here, and are resumed elsewhere.", why)
        for lost in self._lost:
            lost()

    def _note(self, others: bool) -> None:
        self.others = others
        if not others:
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
