"""The processes that run on this database, and the recovery of what those left half-done that run no more."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models import migrations, pulse
from models.records.open_calls import Carrier, OtherProcess
from models.running_process import RunningProcess, this_process
from models.store.database import Database, shielded, take_write_lock
from models.store.half_said import TABLES, complete_half_said
from models.store.leases import SILENT_FOR, SILENT_HERE_FOR, beating_at, is_beating, silent_at
from models.tables.open_calls import OpenCallRow
from models.tables.practice import TestRunRow
from models.tables.processes import ProcessRow

_KNOWN = migrations.newest()


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many replies were completed by what was heard of them, test runs failed, and calls released."""

    replies: int
    test_runs: int
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a process stands among the others.

    Attributes:
        entered: they have taken it for running until now; if not, its calls are not its own any more.
        others: another one runs.
        patience: this process may be silent for so long until another one takes its calls.
        addresses: the URL under which each of the others is reached; empty where it is not.
        by_pulse: the others see that this process runs by its pulse, too (`ProcessStore.pulse`).
    """

    entered: bool
    others: bool
    patience: timedelta
    addresses: tuple[str, ...] = ()
    by_pulse: bool = False


class ProcessStore(Database):
    @shielded
    async def join(self, address: str = "") -> None:
        """Enter this process, which carries from now on what it writes as running.

        Args:
            address: the URL under which other processes reach it; empty if they do not.
        """
        process_id = self._new_id()
        async with self._writing() as session:
            place, pid, began = astuple(this_process())
            now = await self._shared_now(session)
            row = ProcessRow(id=process_id, place=place, pid=pid, began=began, seen_at=now, knows=_KNOWN)
            row.address, row.state = address, "serving"
            session.add(row)
        pulse.end(self.process_id or "")
        self.process_id = process_id

    @shielded
    async def beat(self, address: str = "", state: str = "serving") -> Standing:
        """Say that this process runs.

        Args:
            state: "serving" or "draining".
        """
        async with self._writing() as session:
            mine = update(ProcessRow).where(ProcessRow.id == self.process_id)
            now = await self._shared_now(session)
            values = {"seen_at": now, "address": address, "state": state}
            entered = await session.scalar(mine.values(values).returning(ProcessRow.id)) is not None
            here = this_process().place
            others = [row for row in await self._others(session) if not _is_gone(row, now, here)]
            near = all(row.place == here != "" for row in others)
            addresses = tuple(row.address for row in others)
            by_pulse = near and all(is_beating(row.id, now) for row in others)
            return Standing(entered, bool(others), SILENT_HERE_FOR if near else SILENT_FOR, addresses, by_pulse)

    def pulse(self) -> None:
        """Say in the machine's memory that this process runs: with SQLite, whose disk may be too busy to say it there.

        Others on a database server may be elsewhere, where nobody sees it, so it is not said with one.
        """
        if self.process_id is not None and self.is_local:
            pulse.beat(self.process_id, self.now())

    @shielded
    async def leave(self) -> None:
        """Say that this process runs no more; what it has not released is."""
        async with self._writing() as session:
            mine = [OpenCallRow.process_id == self.process_id, OpenCallRow.released_at.is_(None)]
            released = {"released_at": await self._shared_now(session)}
            await session.execute(update(OpenCallRow).where(*mine).values(released))
            await session.execute(delete(ProcessRow).where(ProcessRow.id == self.process_id))
        pulse.end(self.process_id or "")

    @shielded
    async def others_run(self) -> bool:
        """Return whether another process runs on this database."""
        async with self._reading() as session:
            now, here = await self._shared_now(session), this_process().place
            return any(not _is_gone(row, now, here) for row in await self._others(session))

    async def _others(self, session: AsyncSession) -> Sequence[ProcessRow]:
        rows = await session.scalars(select(ProcessRow).where(ProcessRow.id != (self.process_id or "")))
        return rows.all()

    @shielded
    async def carrier(self, *, chat_id: str | None = None, conversation_id: str | None = None) -> Carrier | None:
        """Return the other process that carries the call on this chat, or of this conversation, if one does."""
        if not chat_id and not conversation_id:
            return None
        named = OpenCallRow.chat_id == chat_id if chat_id else OpenCallRow.conversation_id == conversation_id
        joined = select(OpenCallRow, ProcessRow).outerjoin(ProcessRow, ProcessRow.id == OpenCallRow.process_id)
        async with self._reading() as session:
            found = (await session.execute(joined.where(named, OpenCallRow.released_at.is_(None)))).first()
            if found is None or found[0].process_id in (None, self.process_id):
                return None
            call, process = found
            gone = process is None or _is_gone(process, await self._shared_now(session), this_process().place)
            address = process.address if process is not None else ""
            names = call.conversation_id, call.group_id
            return Carrier(call.process_id or "", address, call.chat_id, call.user_id, gone, *names)

    @shielded
    async def chats_carried_elsewhere(self, user_id: str) -> frozenset[str]:
        """Return the chats of the user's calls that other processes carry."""
        theirs = OpenCallRow.process_id.is_distinct_from(self.process_id)
        carried = select(OpenCallRow.chat_id).where(OpenCallRow.user_id == user_id, OpenCallRow.released_at.is_(None))
        async with self._reading() as session:
            return frozenset(await session.scalars(carried.where(theirs)))

    @shielded
    async def other_processes(self) -> tuple[OtherProcess, ...]:
        """List the other processes that run on this database."""
        async with self._reading() as session:
            now, here = await self._shared_now(session), this_process().place
            running = [row for row in await self._others(session) if not _is_gone(row, now, here)]
            return tuple(OtherProcess(row.id, row.address) for row in running)

    @shielded
    async def takes_calls(self, process_id: str) -> bool:
        """Return whether a process runs, and does not stop."""
        async with self._reading() as session:
            row = await session.get(ProcessRow, process_id)
            if row is None or row.state != "serving":
                return False
            return not _is_gone(row, await self._shared_now(session), this_process().place)

    @shielded
    async def count_processes(self) -> int:
        """Return how many processes on this database were seen lately, this one included."""
        async with self._reading() as session:
            recently = ProcessRow.seen_at >= await self._shared_now(session) - SILENT_FOR
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
            now, here = await self._shared_now(session), this_process().place
            ended = [row.id for row in await self._others(session) if _has_ended(row, here)]
            others = ProcessRow.id != (self.process_id or "")
            silent = silent_at(now, await beating_at(session, now))
            dead = delete(ProcessRow).where(others, or_(ProcessRow.id.in_(ended), silent))
            crossed_out = (await session.scalars(dead.returning(ProcessRow.id))).all()
            if not crossed_out and not always:
                return Recovered(0, 0)
            for process_id in crossed_out:
                pulse.end(process_id)
            left = [OpenCallRow.released_at.is_(None), OpenCallRow.chat_id.not_in(_carried())]
            # Everybody locks rows in one order.
            locked = select(OpenCallRow.chat_id).where(*left).order_by(OpenCallRow.chat_id).with_for_update()
            chats = list(await session.scalars(locked))
            cut_off = {"released_at": now, "process_id": None}
            released = update(OpenCallRow).where(OpenCallRow.chat_id.in_(chats), *left).values(cut_off)
            calls = (await session.scalars(released.returning(OpenCallRow.chat_id))).all()
            cut = [
                reply
                for table in TABLES
                for reply in await complete_half_said(session, table, table.c.chat_id.not_in(_carried()))
            ]
            of_nobody = or_(TestRunRow.process_id.is_(None), TestRunRow.process_id.not_in(select(ProcessRow.id)))
            runs = update(TestRunRow).where(TestRunRow.status == "running", of_nobody).values(status="failed")
            failed = (await session.scalars(runs.returning(TestRunRow.id))).all()
            return Recovered(len(cut), len(failed), len(calls))


def _carried() -> Select[str]:
    """Select the chats of the calls that a running process carries."""
    running = select(ProcessRow.id)
    return select(OpenCallRow.chat_id).where(OpenCallRow.released_at.is_(None), OpenCallRow.process_id.in_(running))


def _is_gone(row: ProcessRow, now: datetime, here: str) -> bool:
    patience = SILENT_HERE_FOR if row.place == here != "" else SILENT_FOR
    return (row.seen_at < now - patience and not is_beating(row.id, now)) or _has_ended(row, here)


def _has_ended(row: ProcessRow, here: str) -> bool:
    """Return whether a process has ended for certain: one on this machine is asked for."""
    return RunningProcess(row.place, row.pid, row.began).has_ended(here)
