"""The processes that run on this database, and the recovery of what those left half-done that run no more."""

from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models import migrations
from models.running_process import RunningProcess, this_process
from models.store.database import Database, shielded, take_write_lock
from models.tables.conversations import MESSAGES
from models.tables.external import EXTERNAL_MESSAGES
from models.tables.open_calls import OpenCallRow
from models.tables.practice import TestRunRow
from models.tables.processes import ProcessRow

SILENT_FOR = timedelta(seconds=6)
"""A process elsewhere that was not seen for this long is taken for gone. One on this machine is asked for."""

_KNOWN = migrations.newest()


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many replies were completed by what was heard of them, test runs failed, and calls released."""

    replies: int
    test_runs: int
    calls: int = 0


class ProcessStore(Database):
    @shielded
    async def join(self) -> None:
        """Enter this process, which carries from now on what it writes as running."""
        self.process_id = self._new_id()
        await self.beat()

    @shielded
    async def beat(self) -> None:
        """Say that this process runs."""
        async with self._writing() as session:
            place, pid, began = astuple(this_process())
            now = await _now(self, session)
            seen = ProcessRow(id=self.process_id, place=place, pid=pid, began=began, seen_at=now, knows=_KNOWN)
            await session.merge(seen)

    @shielded
    async def leave(self) -> None:
        """Say that this process runs no more."""
        async with self._writing() as session:
            await session.execute(delete(ProcessRow).where(ProcessRow.id == self.process_id))

    @shielded
    async def others_run(self) -> bool:
        """Return whether another process runs on this database."""
        async with self._reading() as session:
            gone, now, here = set[str](), await _now(self, session), this_process().place
            rows = list(await session.scalars(select(ProcessRow)))
            gone = {row.id for row in rows if _is_gone(row, now, here)}
            return any(row.id not in {*gone, self.process_id} for row in rows)

    @shielded
    async def count_processes(self) -> int:
        """Return how many processes on this database were seen lately, this one included."""
        async with self._reading() as session:
            recently = ProcessRow.seen_at >= await _now(self, session) - SILENT_FOR
            return await session.scalar(select(func.count()).select_from(ProcessRow).where(recently)) or 0

    @shielded
    async def recover(self, *, always: bool = True) -> Recovered:
        """Complete, fail or release what no process carries any more.

        Replies that were being said are completed by what was heard of them, running test runs are failed, and calls
        are released, whose time to be resumed begins now. What a running process carries is left alone.

        Args:
            always: also if every process that was entered still runs; call it so at startup.
        """
        async with self._writing() as session:
            await take_write_lock(session)
            now, here = await _now(self, session), this_process().place
            rows = await session.scalars(select(ProcessRow).where(ProcessRow.id != (self.process_id or "")))
            gone = [row.id for row in rows if _is_gone(row, now, here)]
            if not gone and not always:
                return Recovered(0, 0)
            await session.execute(delete(ProcessRow).where(ProcessRow.id.in_(gone)))
            replies = 0
            for table in (MESSAGES, EXTERNAL_MESSAGES):
                half = update(table).where(table.c.completed == false(), table.c.origin == "spoken")
                half = half.where(table.c.chat_id.not_in(_carried()))
                cut = half.values({"interrupted": True, "completed": True}).returning(table.c.id)
                replies += len((await session.execute(cut)).all())
            of_nobody = or_(TestRunRow.process_id.is_(None), TestRunRow.process_id.not_in(select(ProcessRow.id)))
            runs = update(TestRunRow).where(TestRunRow.status == "running", of_nobody).values(status="failed")
            failed = (await session.scalars(runs.returning(TestRunRow.id))).all()
            left = update(OpenCallRow).where(OpenCallRow.released_at.is_(None), OpenCallRow.chat_id.not_in(_carried()))
            calls = await session.scalars(left.values(released_at=self._now()).returning(OpenCallRow.chat_id))
            return Recovered(replies, len(failed), len(calls.all()))


def _carried() -> Select[str]:
    """Select the chats of the calls that a running process carries."""
    running = select(ProcessRow.id)
    return select(OpenCallRow.chat_id).where(OpenCallRow.released_at.is_(None), OpenCallRow.process_id.in_(running))


def _is_gone(row: ProcessRow, now: datetime, here: str) -> bool:
    process = RunningProcess(row.place, row.pid, row.began)
    if process.place == here != "":
        return process.has_ended(here)
    return row.seen_at < now - SILENT_FOR


async def _now(database: Database, session: AsyncSession) -> datetime:
    """Return the database's time where processes of several machines share it: theirs may differ."""
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        return database.now()
    found: datetime | None = await session.scalar(select(func.clock_timestamp()))
    return found or database.now()
