"""What names the open calls, for a process that carries them on after this one."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import Conflict
from models.records.open_calls import KeptCall
from models.store.database import Database, shielded
from models.store.half_said import TABLES, complete_half_said
from models.store.leases import CallLease, at_least, beating_at, carried_by_nobody_but, of_lease
from models.tables.open_calls import OpenCallRow

ELSEWHERE = "Another process of this service has the call; resume it in a moment."


def lease_of(call: KeptCall) -> CallLease:
    """Return the lease with which a claimed call is carried."""
    return CallLease(call.chat_id, call.process_id, call.epoch)


class OpenCallStore(Database):
    @shielded
    async def claim_call(self, call: KeptCall, *, over: int | None = None) -> KeptCall:
        """Have this process carry a call, as the only one.

        Args:
            call: as it is now; its `process_id`, `epoch` and `released_at` do not matter.
            over: the epoch in which it was kept, if it goes on; None for a new call, which takes the place of one that
                nobody carries.

        Returns:
            The call with this process's lease (see `lease_of`), and with the reply that was half-said, if one was.

        Raises:
            Conflict: another process carries it, or has taken it meanwhile.
        """
        async with self._writing() as session:
            now = await self._shared_now(session)
            free = carried_by_nobody_but(self.process_id, now, await beating_at(session, now))
            call = replace(call, process_id=self.process_id, released_at=None)
            values = _values(call)
            if over is None:
                epoch = await self._insert(session, values, free)
            else:
                kept = update(OpenCallRow).where(OpenCallRow.chat_id == call.chat_id, OpenCallRow.epoch == over, free)
                epoch = await session.scalar(kept.values({**values, "epoch": over + 1}).returning(OpenCallRow.epoch))
            if epoch is None:
                raise Conflict(ELSEWHERE)
            for table in TABLES:  # what an earlier process was saying
                cut = await complete_half_said(session, table, table.c.chat_id == call.chat_id)
                if cut and over is not None:
                    call = replace(call, reply_id=cut[-1])
            return replace(call, epoch=epoch)

    async def _insert(self, session: AsyncSession, values: dict[str, Any], free: Any) -> int | None:
        made: Any = sqlite if (await session.connection()).dialect.name == "sqlite" else postgresql
        insert = made.insert(OpenCallRow).values({**values, "epoch": 1})
        insert = insert.on_conflict_do_update(
            index_elements=[OpenCallRow.chat_id], set_={**values, "epoch": OpenCallRow.epoch + 1}, where=free
        )
        epoch: int | None = await session.scalar(insert.returning(OpenCallRow.epoch))
        return epoch

    @shielded
    async def keep_calls(
        self, kept: Sequence[KeptCall] = (), released: Sequence[KeptCall] = (), ended: Sequence[KeptCall] = ()
    ) -> frozenset[str]:
        """Store calls of this process as they are now, as far as its leases of them last.

        Args:
            released: are carried by nobody from now on, or since their `released_at`.
            ended: are forgotten.

        Returns:
            The chats of the `kept` ones whose lease is lost.
        """
        async with self._writing() as session:
            now, lost = await self._shared_now(session), set[str]()
            changes = [*((call, None) for call in kept), *((call, call.released_at or now) for call in released)]
            # Everybody locks rows in one order.
            for call, released_at in sorted(changes, key=lambda change: change[0].chat_id):
                values = {**_values(call), "released_at": released_at, "turn": at_least(call.turn)}
                found = await session.execute(update(OpenCallRow).where(of_lease(lease_of(call))).values(values))
                if released_at is None and not getattr(found, "rowcount", 0):
                    lost.add(call.chat_id)
            for call in sorted(ended, key=lambda call: call.chat_id):
                await session.execute(delete(OpenCallRow).where(of_lease(lease_of(call))))
            return frozenset(lost)

    @shielded
    async def kept_call(self, user_id: str, chat_id: str, resume_hash: str, within: timedelta) -> KeptCall | None:
        """Return the call of this chat that no process carries, if it is the user's and was released recently.

        Args:
            resume_hash: of the token that its owner was given.
            within: how long after its release it can be resumed.

        Raises:
            Conflict: another process carries it, or was killed just now.
        """
        async with self._reading() as session:
            row = await session.get(OpenCallRow, chat_id)
            if row is None or (row.user_id, row.resume_hash) != (user_id, resume_hash):
                return None
            if row.released_at is None and row.process_id not in (None, self.process_id):
                raise Conflict(ELSEWHERE)
            if row.released_at is None or await self._shared_now(session) - row.released_at > within:
                return None
            return row.record()

    @shielded
    async def left_call(
        self, user_id: str, within: timedelta, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> KeptCall | None:
        """Return the user's call on this chat, or of this conversation, if it was released recently."""
        named = OpenCallRow.chat_id == chat_id if chat_id else OpenCallRow.conversation_id == conversation_id
        async with self._reading() as session:
            recently = OpenCallRow.released_at >= await self._shared_now(session) - within
            row = await session.scalar(select(OpenCallRow).where(named, OpenCallRow.user_id == user_id, recently))
            return row.record() if row is not None else None

    @shielded
    async def forget_calls(self, within: timedelta) -> None:
        """Forget the calls that can be resumed no more: those that were released longer ago than this."""
        async with self._writing() as session:
            long_ago = OpenCallRow.released_at < await self._shared_now(session) - within
            await session.execute(delete(OpenCallRow).where(long_ago))


def _values(call: KeptCall) -> dict[str, Any]:
    return {field.name: getattr(call, field.name) for field in fields(call) if field.name != "epoch"}
