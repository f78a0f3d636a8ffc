"""Users, and their removal with everything that is theirs."""

from sqlalchemy import ColumnElement, Table, delete, func, or_, select

from models.errors import Conflict, NotFound
from models.records.core import Account, User
from models.store.database import Database, shielded, take_write_lock
from models.store.external_chats import delete_external_chats
from models.store.removal import AT_ONCE, RemovedChats, remove_chats_within
from models.tables.accounts import TokenRow, UserRow
from models.tables.base import Base
from models.tables.conversations import AttemptRow, ChatRow
from models.tables.external import ExternalChatRow
from models.tables.oauth import AccessTokenRow, OAuthClientRow
from models.tables.practice import AudioRow


class UserStore(Database):
    @shielded
    async def list_users(self) -> tuple[Account, ...]:
        """List all users, oldest first, with those that were deleted and of whom something is kept."""
        now = self._now()
        opens = (TokenRow.revoked_at.is_(None), or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > now))
        tokens = select(func.count()).where(TokenRow.user_id == UserRow.id, *opens)
        clients = select(func.count()).where(OAuthClientRow.user_id == UserRow.id, OAuthClientRow.revoked_at.is_(None))
        chats = (
            select(func.count(ChatRow.id))
            .join(AttemptRow, AttemptRow.id == ChatRow.attempt_id)
            .where(AttemptRow.user_id == UserRow.id)
        )
        external = select(func.count()).where(ExternalChatRow.user_id == UserRow.id)
        counts = [counted.correlate(UserRow).scalar_subquery() for counted in (tokens, clients, chats, external)]
        async with self._reading() as session:
            rows = await session.execute(select(UserRow, *counts).order_by(UserRow.created_at, UserRow.id))
            return tuple(
                Account(user.record(), user.created_at, user.deleted_at, tokens + clients, chats + external)
                for user, tokens, clients, chats, external in rows
            )

    @shielded
    async def close_user(self, name_or_id: str) -> User:
        """Delete a user's tokens, clients and name; what was said stays, and nothing opens it.

        Everything that the user has open is closed by the processes that have it. One who is closed already is
        returned again by the id.

        Raises:
            NotFound: there is none of this name or id.
            Conflict: it is the name of one and the id of another.
        """
        async with self._writing() as session:
            await take_write_lock(session)
            named = or_(UserRow.name == name_or_id, UserRow.id == name_or_id)
            found = list(await session.scalars(select(UserRow).where(named)))
            if not found:
                raise NotFound(f"There is no user {name_or_id!r}: `glow user list` shows those there are.")
            if len(found) > 1:
                raise Conflict(f"{name_or_id!r} is the name of one user and the id of another: delete that one first.")
            row = found[0]
            user = row.record()
            clients = select(OAuthClientRow.id).where(OAuthClientRow.user_id == row.id)
            await session.execute(delete(AccessTokenRow).where(AccessTokenRow.client_id.in_(clients)))
            await session.execute(delete(OAuthClientRow).where(OAuthClientRow.user_id == row.id))
            await session.execute(delete(TokenRow).where(TokenRow.user_id == row.id))
            row.deleted_at = row.deleted_at or self._now()
            row.name = f"deleted {row.id}"
            return user

    @shielded
    async def remove_user_chats(self, user_id: str) -> RemovedChats:
        """Remove at most `AT_ONCE` attempts or external chats of a user; nothing when none is left."""
        async with self._writing() as session:
            await take_write_lock(session)
            own = select(AttemptRow.id).where(AttemptRow.user_id == user_id).order_by(AttemptRow.created_at)
            if attempts := list(await session.scalars(own.limit(AT_ONCE))):
                chats = tuple(await session.scalars(select(ChatRow.id).where(ChatRow.attempt_id.in_(attempts))))
                audio_ids = await remove_chats_within(session, [(user_id, chat_id) for chat_id in chats])
                await session.execute(delete(AttemptRow).where(AttemptRow.id.in_(attempts)))
                return RemovedChats(chats or tuple(attempts), audio_ids)
            external = select(ExternalChatRow.id).where(ExternalChatRow.user_id == user_id)
            ids = tuple(await session.scalars(external.limit(AT_ONCE)))
            await delete_external_chats(session, ids)
            return RemovedChats(ids)

    @shielded
    async def remove_user(self, user_id: str) -> RemovedChats:
        """Remove a user whose chats are removed, with everything else that is theirs, in any table.

        Returns:
            The recordings that were uploaded and belong to no chat.
        """
        async with self._writing() as session:
            await take_write_lock(session)
            audio_ids = tuple(await session.scalars(select(AudioRow.id).where(AudioRow.user_id == user_id)))
            for table in reversed(Base.metadata.sorted_tables):  # those that refer to others first
                if (own := rows_of_user(table, user_id)) is not None:
                    await session.execute(delete(table).where(own))
            await session.execute(delete(UserRow).where(UserRow.id == user_id))
            return RemovedChats(audio_ids=audio_ids)


def rows_of_user(table: Table, user_id: str) -> ColumnElement[bool] | None:
    """Say which rows of a table are a user's: by their own column, or by what they are a part of; None if none are."""
    for name in ("user_id", "owner_id"):
        if name in table.c:
            return table.c[name] == user_id
    parts = [
        key.parent.in_(select(key.column).where(own))
        for key in table.foreign_keys
        if not key.parent.nullable
        and key.column.table is not table
        and (own := rows_of_user(key.column.table, user_id)) is not None
    ]
    return or_(*parts) if parts else None
