"""Operations with an idempotency key, and staged operations."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from models.errors import Conflict
from models.records.outcomes import StagedCall
from models.store.database import Database, shielded
from models.tables.accounts import UserRow
from models.tables.practice import KeyedCallRow, StagedCallRow

REUSED = "Idempotency key reused with a different request payload."
IN_PROGRESS = "An operation with this idempotency key is already in progress."
GIVEN_UP_AFTER = timedelta(minutes=1)
"""An operation that was neither ended nor renewed for this time is assumed dead, and its key is free."""


class KeyedCallStore(Database):
    @shielded
    async def begin_keyed_call(self, user_id: str, key: str, fingerprint: str) -> str | None:
        """Claim an idempotency key; return the reply stored under it, or None if the operation must run now.

        Raises:
            Conflict: the key was used with another payload, or its operation is in progress.
        """
        try:
            return await self._claim(user_id, key, fingerprint)
        except IntegrityError:  # another request claimed it in between
            raise Conflict(IN_PROGRESS) from None

    async def _claim(self, user_id: str, key: str, fingerprint: str) -> str | None:
        async with self._writing() as session:
            row = await session.get(KeyedCallRow, (user_id, key), with_for_update=True)
            now = self._now()
            if row is None:
                session.add(KeyedCallRow(user_id=user_id, key=key, fingerprint=fingerprint, reply=None, created_at=now))
                return None
            if row.fingerprint != fingerprint:
                raise Conflict(REUSED)
            if row.reply is not None:
                return row.reply
            if now - row.created_at < GIVEN_UP_AFTER:
                raise Conflict(IN_PROGRESS)
            row.created_at = now
            return None

    @shielded
    async def renew_keyed_call(self, user_id: str, key: str) -> None:
        """Note that the operation of this key is still in progress."""
        async with self._writing() as session:
            row = await session.get(KeyedCallRow, (user_id, key))
            if row is not None and row.reply is None:
                row.created_at = self._now()

    @shielded
    async def end_keyed_call(self, user_id: str, key: str, reply: str | None) -> None:
        """Store the reply under its key; without a reply (the operation failed) release the key."""
        async with self._writing() as session:
            row = await session.get(KeyedCallRow, (user_id, key))
            if row is None:
                return
            if reply is None:
                await session.delete(row)
            else:
                row.reply = reply

    @shielded
    async def stage_call(self, user_id: str, operation: str, chat_id: str, payload: Mapping[str, Any]) -> StagedCall:
        """Stage an operation until it is accepted or dropped; it replaces a staged one of the same kind on the chat."""
        async with self._writing() as session:
            # Serialise staging: two concurrent ones would both find nothing to replace.
            await session.get(UserRow, user_id, with_for_update=True)
            row = StagedCallRow(
                user_id=user_id,
                operation=operation,
                chat_id=chat_id,
                id=self._new_id(),
                payload=dict(payload),
                created_at=self._now(),
            )
            return (await session.merge(row)).record()

    @shielded
    async def take_staged_call(self, user_id: str, operation: str, chat_id: str) -> StagedCall | None:
        """Remove and return the staged operation; None if there is none."""
        async with self._writing() as session:
            # Delete in one statement, so that only one of two concurrent callers gets it.
            taken = delete(StagedCallRow).where(
                StagedCallRow.user_id == user_id,
                StagedCallRow.operation == operation,
                StagedCallRow.chat_id == chat_id,
            )
            row = await session.scalar(taken.returning(StagedCallRow))
            return None if row is None else row.record()
