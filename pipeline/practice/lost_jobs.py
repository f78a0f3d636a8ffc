"""Work of processes that were killed: marked as failed, and published to its user, at once or when they come back."""

import asyncio
import logging
from datetime import timedelta
from types import TracebackType
from typing import Self

from models.errors import StorageFailed
from models.records.jobs import Job
from models.store import Store
from pipeline.chats.events import ChatChannel, RunName
from pipeline.chats.hub import Hub, profile_channel, test_channel
from pipeline.tasks.clock import Clock

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0

KEPT_FOR = timedelta(days=1)
"""A user who comes back within this time learns what has failed."""

INTERRUPTED = "The service was interrupted while it worked on this; ask again."


class LostJobs:
    """Looks for work that no process does any more. Use as an async context manager; leaving it ends that.

    Args:
        store: where the work is entered.
        hub: takes the failures.
        clock: paces the looks.
    """

    def __init__(self, store: Store, hub: Hub, clock: Clock) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(), name="lost jobs")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> int:
        """Mark what is lost, and publish it to those users who are there; return how much it was.

        Raises:
            StorageFailed: the store is away.
        """
        lost = await self._store.fail_lost_jobs()
        for user_id in {job.user_id for job in lost}:
            if self._hub.has_subscribers(profile_channel(user_id), user_id=user_id):
                await self.tell(user_id)
        return len(lost)

    async def tell(self, user_id: str) -> None:
        """Publish to a user what of their work has failed, once.

        Raises:
            StorageFailed: the store is away.
        """
        for job in await self._store.take_failed_jobs(user_id):
            self._publish(job)

    def _publish(self, job: Job) -> None:
        about = dict(job.about)
        match job.kind:
            case "reply":
                channel = ChatChannel(self._hub, str(job.chat_id), job.user_id, profile_channel(job.user_id))
                channel.reply_failed(RunName(job.id, str(about["group_id"])), INTERRUPTED)
            case "hint":
                channel = ChatChannel(self._hub, str(job.chat_id), job.user_id)
                channel.publish_to_owner("attempt_error", {"type": "hint", "message": INTERRUPTED})
            case "draft":
                failed = {**about, "success": False, "message": INTERRUPTED}
                name = f"{about['artifact_type']}_generation_error"
                self._hub.publish(profile_channel(job.user_id), name, failed, user_id=job.user_id)
            case "test":
                failed = {**about, "message": INTERRUPTED, "error_type": "interrupted"}
                channel_name = test_channel(str(about["invocation_id"]))
                self._hub.publish(channel_name, "test_error", failed, user_id=job.user_id, artifact="test")
            case _:
                pass  # who waited for it lost the connection with the process

    async def _watch(self) -> None:
        swept_at = float("-inf")
        while True:
            try:
                if lost := await self.look():
                    log.warning("A process was killed: %d pieces of its work under way are marked as failed.", lost)
                if self._clock.now() - swept_at > KEPT_FOR.total_seconds() / 24:
                    swept_at = self._clock.now()
                    await self._store.forget_failed_jobs(self._store.now() - KEPT_FOR)
            except StorageFailed:
                pass  # it is looked for again
            await self._clock.sleep(LOOK_EVERY_S)
