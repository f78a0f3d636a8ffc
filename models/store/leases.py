"""Leases: one process may write in a call, until another one carries it, or may.

with held(lease):
    await store.add_message(...)   # or LeaseLost, and nothing is written
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import LeaseLost
from models.pulse import latest_beat
from models.running_process import this_process
from models.tables.open_calls import OpenCallRow
from models.tables.processes import ProcessRow

SILENT_FOR = timedelta(seconds=6)
"""A process elsewhere that was not seen for this long is taken for gone; it ends its calls itself by then."""

SILENT_HERE_FOR = timedelta(seconds=15)
"""The same for one on the same machine that still exists: it may be slow, as with a busy SQLite, rather than hang.

With SQLite it may say so in the machine's memory, too (`models.pulse`), and is not silent as long as it does.
"""


@dataclass(frozen=True, slots=True)
class CallLease:
    """The right of one process to write in a call.

    Attributes:
        process_id: the process; None for a store that has not joined.
        epoch: counts the processes that have carried the call.
        turn: the call's latest one, which is kept with whatever is written; 0 keeps what there is.
    """

    chat_id: str
    process_id: str | None
    epoch: int
    turn: int = 0


_HELD: ContextVar[CallLease | None] = ContextVar("held lease", default=None)


@contextmanager
def held(lease: CallLease | None) -> Iterator[None]:
    """Have every transaction of this block write only as long as the lease lasts; None for any."""
    before = _HELD.set(lease)
    try:
        yield
    finally:
        _HELD.reset(before)


def of_lease(lease: CallLease) -> ColumnElement[bool]:
    """Match the row of the lease's call, as long as the lease lasts."""
    return and_(
        OpenCallRow.chat_id == lease.chat_id,
        OpenCallRow.epoch == lease.epoch,
        OpenCallRow.process_id.is_not_distinct_from(lease.process_id),
        OpenCallRow.released_at.is_(None),
    )


async def check_lease(session: AsyncSession) -> None:
    """Check in a transaction that the lease held by this context lasts, and have it last until the transaction's end.

    Raises:
        LeaseLost: it does not.
    """
    lease = _HELD.get()
    if lease is None:
        return
    # Who takes the call over waits for this transaction, as the row is written.
    kept = update(OpenCallRow).where(of_lease(lease)).values(turn=at_least(lease.turn))
    if await session.scalar(kept.returning(OpenCallRow.epoch)) is None:
        raise LeaseLost("Another process of this service has this call now; resume it.")


def at_least(turn: int) -> ColumnElement[int]:
    """Return a call's latest turn, of which each of its writers knows some: it never goes back."""
    return case((OpenCallRow.turn < turn, turn), else_=OpenCallRow.turn)


def silent_at(now: datetime, beating: Collection[str] = ()) -> ColumnElement[bool]:
    """Match the processes that were not seen lately, as this one sees them.

    Args:
        beating: those that say in this machine's memory that they run.
    """
    here = this_process().place
    silent: ColumnElement[bool] = and_(ProcessRow.seen_at < now - SILENT_FOR, ProcessRow.id.not_in(beating))
    return and_(silent, or_(ProcessRow.place != here, ProcessRow.seen_at < now - SILENT_HERE_FOR)) if here else silent


async def beating_at(session: AsyncSession, now: datetime) -> list[str]:
    """List the processes that say in this machine's memory that they run."""
    return [process_id for process_id in await session.scalars(select(ProcessRow.id)) if is_beating(process_id, now)]


def is_beating(process_id: str, now: datetime) -> bool:
    """Return whether a process says in this machine's memory that it runs."""
    beat = latest_beat(process_id)
    return beat is not None and beat >= now - SILENT_HERE_FOR


def running_at(now: datetime, beating: Collection[str]) -> Select[Any]:
    """Select the ids of the processes that were seen lately, or say so in this machine's memory."""
    return select(ProcessRow.id).where(not_(silent_at(now, beating)))


def carried_by_nobody_but(process_id: str | None, now: datetime, beating: Collection[str]) -> ColumnElement[bool]:
    """Match the rows of calls that this process may carry: no other one does that runs."""
    return or_(
        OpenCallRow.released_at.is_not(None),
        OpenCallRow.process_id.is_(None),
        OpenCallRow.process_id == (process_id or ""),
        OpenCallRow.process_id.not_in(running_at(now, beating)),
    )
