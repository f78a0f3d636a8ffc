"""Work under way, in whichever process: begun once at a time, stopped from anywhere, and failed with its process."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import Conflict
from models.records.jobs import Job, JobKind
from models.store.database import Database, shielded
from models.tables.jobs import JobRow
from models.tables.processes import ProcessRow

_LOST = and_(JobRow.process_id.is_not(None), JobRow.process_id.not_in(select(ProcessRow.id)))
"""Nobody does it: its process is none of those that run."""

TAKEN_OVER = "Another process has taken this work over, as this one was silent; nothing was stored."


class JobStore(Database):
    @shielded
    async def begin_job(self, job: Job) -> Job | None:
        """Enter work that this process begins; if what it locks is worked on, enter nothing and return that work."""
        while True:
            try:
                return await self._begin(job)
            except IntegrityError:  # another process was faster; look at what it has begun
                if await self.job(job.id) is not None:
                    raise Conflict("This is being worked on already: wait for it to end.") from None

    async def _begin(self, job: Job) -> Job | None:
        async with self._writing() as session:
            if job.lock is not None:
                holds = select(JobRow).where(JobRow.lock == job.lock).with_for_update()
                holder = await session.scalar(holds)
                if holder is not None and not await _is_lost(session, holder.process_id):
                    return holder.record()
                if holder is not None:
                    holder.failed_at, holder.lock = self._now(), None
                    await session.flush()
            session.add(
                JobRow(
                    id=job.id,
                    kind=job.kind,
                    user_id=job.user_id,
                    chat_id=job.chat_id,
                    lock=job.lock,
                    about=dict(job.about),
                    process_id=self.process_id,
                    stop=False,
                    failed_at=None,
                )
            )
        return None

    @shielded
    async def end_job(self, job_id: str) -> None:
        """Remove work that is over. Idempotent."""
        async with self._writing() as session:
            await session.execute(delete(JobRow).where(JobRow.id == job_id, JobRow.failed_at.is_(None)))

    @shielded
    async def job(self, job_id: str) -> Job | None:
        """Return work that is under way; None if it is over, or failed with its process."""
        async with self._reading() as session:
            row = await session.get(JobRow, job_id)
            return row.record() if row is not None and row.failed_at is None else None

    @shielded
    async def jobs(self, kind: JobKind, user_id: str, *, chat_ids: Collection[str] | None = None) -> list[Job]:
        """List a user's work of a kind that is under way, in these chats or anywhere."""
        own = [JobRow.kind == kind, JobRow.user_id == user_id, JobRow.failed_at.is_(None)]
        if chat_ids is not None:
            own.append(JobRow.chat_id.in_(list(chat_ids)))
        async with self._reading() as session:
            return [row.record() for row in await session.scalars(select(JobRow).where(*own).order_by(JobRow.id))]

    @shielded
    async def ask_to_stop(self, job_ids: Sequence[str]) -> None:
        """Have the processes that do this work stop it; each looks for that itself."""
        async with self._writing() as session:
            await session.execute(update(JobRow).where(JobRow.id.in_(list(job_ids))).values(stop=True))

    @shielded
    async def asked_to_stop(self) -> list[str]:
        """List the work of this process that is to be stopped."""
        async with self._reading() as session:
            own = select(JobRow.id).where(JobRow.process_id == self.process_id, JobRow.stop == true())
            return list(await session.scalars(own))

    @shielded
    async def fail_lost_jobs(self) -> list[Job]:
        """Mark as failed what no running process does any more; return it."""
        async with self._reading() as session:  # mostly there is nothing: no lock is taken for that
            if await session.scalar(select(JobRow.id).where(JobRow.failed_at.is_(None), _LOST).limit(1)) is None:
                return []
        async with self._writing() as session:
            lost = update(JobRow).where(JobRow.failed_at.is_(None), _LOST)
            failed = await session.scalars(lost.values(failed_at=self._now(), lock=None).returning(JobRow))
            return [row.record() for row in failed]

    @shielded
    async def take_failed_jobs(self, user_id: str) -> list[Job]:
        """Remove and return a user's work that failed with its process, for whoever tells them."""
        failed = [JobRow.user_id == user_id, JobRow.failed_at.is_not(None)]
        async with self._reading() as session:
            if await session.scalar(select(JobRow.id).where(*failed).limit(1)) is None:
                return []
        async with self._writing() as session:
            return [row.record() for row in await session.scalars(delete(JobRow).where(*failed).returning(JobRow))]

    @shielded
    async def forget_failed_jobs(self, before: datetime) -> None:
        """Remove what failed before this time."""
        async with self._writing() as session:
            await session.execute(delete(JobRow).where(JobRow.failed_at < before))


async def settle_job(session: AsyncSession, job_id: str, process_id: str | None) -> None:
    """End a job in the transaction that stores its result.

    Raises:
        Conflict: it is this process's no more; the transaction must not be committed.
    """
    mine = JobRow.process_id == process_id if process_id is not None else JobRow.process_id.is_(None)
    ended = delete(JobRow).where(JobRow.id == job_id, JobRow.failed_at.is_(None), mine).returning(JobRow.id)
    if await session.scalar(ended) is None:
        raise Conflict(TAKEN_OVER)


async def _is_lost(session: AsyncSession, process_id: str | None) -> bool:
    """Return whether this process runs no more. A store that has not joined has none, and is always there."""
    if process_id is None:
        return False
    return await session.scalar(select(ProcessRow.id).where(ProcessRow.id == process_id)) is None
