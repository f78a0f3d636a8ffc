"""The removal of chats: on request, and of old ones after a time that the operator sets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from models.errors import ModelError
from models.files import Files
from models.records.external import Dialect
from models.store import RemovedChats, Store
from pipeline.call.recording import Recordings
from pipeline.call.registry import Calls
from pipeline.chats.chats import Chats
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub
from pipeline.errors import PipelineError
from pipeline.practice.ending import Ending
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 3600.0
"""Seconds between searches for old chats."""


class Removal:
    """Removes chats with everything that was said, recorded and graded in them.

    Args:
        store, files: keep the chats, and the recordings that were uploaded.
        recordings: the recordings of calls.
        chats, calls: say which chats are in use.
        ending: stops replies and ends calls.
        hub: takes the events.
    """

    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        recordings: Recordings,
        chats: Chats,
        calls: Calls,
        ending: Ending,
        hub: Hub,
    ) -> None:
        self._store = store
        self._files = files
        self._recordings = recordings
        self._chats = chats
        self._calls = calls
        self._ending = ending
        self._hub = hub

    async def remove_chat(self, user_id: str, chat_id: str) -> None:
        """Remove a chat; stop its written reply and end its call. An attempt goes with its last chat.

        Raises:
            NotFound: unknown, or another user's.
            Busy: the process that carries its call cannot be reached; nothing has changed.
            StorageBehind: too much waits to be written; the chat is removed, but the recording of its call is not.
        """
        # A completed chat takes no new call while this one ends.
        await self._store.chat(user_id, chat_id)
        await self._calls.orders.check(user_id, chat_id)
        await self._store.complete_chat(chat_id)
        await self._ending.complete_chat(user_id, chat_id)
        await self._remove_files(await self._store.remove_chat(user_id, chat_id))
        ChatChannel(self._hub, chat_id, user_id).publish("attempt_chat_deleted", {})

    async def remove_external_chats(
        self, user_id: str, dialect: Dialect, chat_ids: Iterable[str] | None = None
    ) -> tuple[str, ...]:
        """Remove these chats of the user at another door, or all of them, and end their calls; return those that were.

        Raises:
            StorageBehind: too much waits to be written; the chats are removed, but the recordings of calls are not.
        """
        removed = await self._store.remove_external_chats(user_id, dialect, chat_ids)
        await self._calls.orders.end_all(user_id, frozenset(removed))
        await self._recordings.remove(removed)
        return removed

    async def remove_before(self, before: datetime) -> int:
        """Remove the chats in which nothing was said since; return how many. Those in use stay."""
        in_use = self._calls.chat_ids | self._chats.chat_ids
        removed = 0
        for remove in (self._store.remove_attempts_before, self._store.remove_external_chats_before):
            while (batch := await remove(before, but=in_use)).chat_ids:
                await self._remove_files(batch)
                removed += len(batch.chat_ids)
        await self._remove_files(await self._store.remove_leftovers_before(before))
        return removed

    async def _remove_files(self, removed: RemovedChats) -> None:
        await self._recordings.remove(removed.chat_ids)
        await asyncio.to_thread(self._files.remove, removed.audio_ids)


class Retention:
    """Removes old chats, at the start and every hour. Use as an async context manager; leaving it ends that.

    Args:
        remove_before: removes what is older than a time; returns the number of chats.
        days: how long chats are kept after their last message.
        now: the clock of the stored times.
        clock: the clock of the waiting.
    """

    def __init__(
        self, remove_before: Callable[[datetime], Awaitable[int]], days: int, now: Callable[[], datetime], clock: Clock
    ) -> None:
        self._remove_before = remove_before
        self._days = days
        self._now = now
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sweep(), name="retention")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sweep(self) -> None:
        while True:
            try:
                if removed := await self._remove_before(self._now() - timedelta(days=self._days)):
                    log.info("Removed %d chats without a message for %d days.", removed, self._days)
            except (ModelError, PipelineError, OSError) as error:
                log.warning("Old chats could not be removed, and are tried again: %s", error)
            await self._clock.sleep(SWEEP_EVERY_S)
