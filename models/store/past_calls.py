"""Calls that are over, for their operator."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from models.errors import NotFound
from models.records.past_calls import CallLog, CallPlace
from models.store.database import Database, shielded
from models.tables.accounts import UserRow
from models.tables.content import PracticeRow, SimulationRow
from models.tables.conversations import AttemptRow, ChatRow
from models.tables.external import ExternalChatRow
from models.tables.past_calls import PastCallRow


class PastCallStore(Database):
    @shielded
    async def keep_past_call(self, log: CallLog) -> None:
        """Store a call that is over; nothing if its chat was removed meanwhile."""
        columns = {field.name: getattr(log, field.name) for field in fields(log)}
        whole = {"entries": list(columns.pop("entries")), "lines": list(columns.pop("lines"))}
        columns["latencies"] = list(log.latencies)
        async with self._writing() as session:
            own = await session.get(ChatRow, log.chat_id)
            if own is not None or await session.get(ExternalChatRow, log.chat_id) is not None:
                await session.merge(PastCallRow(**columns, log=whole))

    @shielded
    async def past_calls(self, *, before: datetime | None = None, limit: int = 50) -> tuple[CallLog, ...]:
        """List the calls that began before a time, the latest first, without timelines and words."""
        latest = select(PastCallRow).order_by(PastCallRow.began_at.desc(), PastCallRow.id).limit(limit)
        if before is not None:
            latest = latest.where(PastCallRow.began_at < before)
        async with self._reading() as session:
            return tuple(row.record(whole=False) for row in await session.scalars(latest))

    @shielded
    async def past_call(self, call_id: str) -> CallLog:
        """Return a call with its timeline and words.

        Raises:
            NotFound: there is none of this id.
        """
        async with self._reading() as session:
            found = select(PastCallRow).where(PastCallRow.id == call_id).options(undefer(PastCallRow.log))
            row = await session.scalar(found)
            if row is None:
                raise NotFound("There is no such call, or it was removed with its chat.")
            return row.record(whole=True)

    @shielded
    async def call_places(self, chat_ids: Iterable[str]) -> Mapping[str, CallPlace]:
        """Return whose these chats are and what they are about, by chat; those that are gone are left out."""
        ids = list(set(chat_ids))
        entry = select(func.min(PracticeRow.name)).where(PracticeRow.simulation_id == AttemptRow.simulation_id)
        practice_name = func.coalesce(entry.correlate(AttemptRow).scalar_subquery(), SimulationRow.name)
        own = (
            select(ChatRow.id, UserRow.name, practice_name, ChatRow.name)
            .join(AttemptRow, AttemptRow.id == ChatRow.attempt_id)
            .join(UserRow, UserRow.id == AttemptRow.user_id)
            .join(SimulationRow, SimulationRow.id == AttemptRow.simulation_id)
            .where(ChatRow.id.in_(ids))
        )
        external = (
            select(ExternalChatRow.id, UserRow.name, ExternalChatRow.dialect, ExternalChatRow.title)
            .join(UserRow, UserRow.id == ExternalChatRow.user_id)
            .where(ExternalChatRow.id.in_(ids))
        )
        async with self._reading() as session:
            return {
                chat_id: CallPlace(user, practice, chat)
                for query in (own, external)
                for chat_id, user, practice, chat in await session.execute(query)
            }
