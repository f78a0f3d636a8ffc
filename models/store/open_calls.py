"""What names the open calls, for a process that carries them on after this one."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta

from sqlalchemy import delete, select

from models.errors import Conflict
from models.records.open_calls import KeptCall
from models.store.database import Database, shielded
from models.tables.open_calls import OpenCallRow


class OpenCallStore(Database):
    @shielded
    async def keep_calls(self, kept: Sequence[KeptCall] = (), ended: Sequence[str] = ()) -> None:
        """Store these calls as they are now, and forget those that have ended, given by their chats."""
        async with self._writing() as session:
            for call in kept:
                named = {field.name: getattr(call, field.name) for field in fields(call)}
                await session.merge(OpenCallRow(**named, process_id=self.process_id))
            if ended:
                await session.execute(delete(OpenCallRow).where(OpenCallRow.chat_id.in_(list(ended))))

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
                raise Conflict("Another process of this service has the call; resume it in a moment.")
            if row.released_at is None or self._now() - row.released_at > within:
                return None
            return row.record()

    @shielded
    async def left_call(
        self, user_id: str, within: timedelta, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> KeptCall | None:
        """Return the user's call on this chat, or of this conversation, if it was released recently."""
        named = OpenCallRow.chat_id == chat_id if chat_id else OpenCallRow.conversation_id == conversation_id
        recently = OpenCallRow.released_at >= self._now() - within
        async with self._reading() as session:
            row = await session.scalar(select(OpenCallRow).where(named, OpenCallRow.user_id == user_id, recently))
            return row.record() if row is not None else None

    @shielded
    async def forget_calls(self, within: timedelta) -> None:
        """Forget the calls that can be resumed no more: those that were released longer ago than this."""
        async with self._writing() as session:
            await session.execute(delete(OpenCallRow).where(OpenCallRow.released_at < self._now() - within))
