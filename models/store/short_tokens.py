"""Short-lived tokens of users: for a page that anybody may load, or one telephone call."""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select

from models.errors import NotFound
from models.records.core import User
from models.store.accounts import SECRET_PREFIX, hash_of
from models.store.database import Database, shielded
from models.tables.accounts import UserRow
from models.tables.oauth import ShortTokenRow


class ShortTokenStore(Database):
    @shielded
    async def issue_short_token(self, user_id: str, lifetime: timedelta) -> str:
        """Issue a token that expires, accepted wherever tokens are; only its hash is stored.

        Raises:
            NotFound: no such user.
        """
        token, now = SECRET_PREFIX + secrets.token_urlsafe(32), self._now()
        async with self._writing() as session:
            if await session.get(UserRow, user_id) is None:
                raise NotFound("User not found: create the user first.")
            await session.execute(delete(ShortTokenRow).where(ShortTokenRow.expires_at <= now))
            session.add(
                ShortTokenRow(secret_hash=hash_of(token), user_id=user_id, created_at=now, expires_at=now + lifetime)
            )
        return token

    @shielded
    async def user_for_short_token(self, token: str) -> User | None:
        """Return the user of a token; None if it is unknown or expired."""
        async with self._reading() as session:
            row = await session.scalar(
                select(UserRow)
                .join(ShortTokenRow, ShortTokenRow.user_id == UserRow.id)
                .where(ShortTokenRow.secret_hash == hash_of(token), ShortTokenRow.expires_at > self._now())
            )
            return row.record() if row else None
