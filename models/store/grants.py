"""What a secret opens: the grants of tokens and access tokens, the chats that one started, and which still stand."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import literal, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import TokenExpired
from models.records.core import Grant
from models.store.accounts import hash_of
from models.store.database import Database, shielded
from models.tables.accounts import TokenChatRow, TokenRow, UserRow
from models.tables.oauth import AccessTokenRow, OAuthClientRow

ASKED_AT_ONCE = 5_000
"""Most grants in one query: databases bound its parameters."""

EXPIRED = "The token has expired: make another with `glow token create USER`, or get one from POST /oauth2/token."


class GrantStore(Database):
    @shielded
    async def grant_for(self, secret: str) -> Grant | None:
        """Return what a token or an access token opens; None if it is unknown or revoked.

        Raises:
            TokenExpired: its time is over.
        """
        async with self._reading() as session:
            grant = await _token_grant(session, secret) or await _access_grant(session, secret)
            if grant is not None and _is_over(grant, self._now()):
                raise TokenExpired(EXPIRED)
            return grant

    @shielded
    async def standing(self, grants: Collection[Grant]) -> set[Grant]:
        """Return those of the grants whose user is there, and whose credential is neither revoked nor expired."""
        now, known, listed = self._now(), set[tuple[str, str]](), list(grants)
        async with self._reading() as session:
            for start in range(0, len(listed), ASKED_AT_ONCE):
                known |= await _known(session, listed[start : start + ASKED_AT_ONCE])
        return {
            grant
            for grant in listed
            if ("user", grant.user.id) in known
            and not _is_over(grant, now)
            and (grant.credential == "none" or (grant.credential, grant.credential_id) in known)
        }

    @shielded
    async def keep_started(self, token_id: str, chat_ids: Iterable[str]) -> None:
        """Remember that these chats were started with a token."""
        async with self._writing() as session:
            session.add_all(TokenChatRow(chat_id=chat_id, token_id=token_id) for chat_id in chat_ids)

    @shielded
    async def has_started(self, token_id: str, chat_id: str) -> bool:
        """Return whether the chat was started with the token."""
        async with self._reading() as session:
            row = await session.get(TokenChatRow, chat_id)
            return row is not None and row.token_id == token_id

    @shielded
    async def spend_token(self, token_id: str) -> bool:
        """Mark an invite as spent; return False if it was already."""
        async with self._writing() as session:
            unspent = update(TokenRow).where(TokenRow.id == token_id, TokenRow.spent_at.is_(None))
            marked = await session.scalars(unspent.values(spent_at=self._now()).returning(TokenRow.id))
            return marked.one_or_none() is not None

    @shielded
    async def restore_token(self, token_id: str) -> None:
        """Mark an invite as not spent after all."""
        async with self._writing() as session:
            await session.execute(update(TokenRow).where(TokenRow.id == token_id).values(spent_at=None))


def _is_over(grant: Grant, now: datetime) -> bool:
    return grant.expires_at is not None and grant.expires_at <= now


async def _token_grant(session: AsyncSession, secret: str) -> Grant | None:
    valid = (TokenRow.secret_hash == hash_of(secret), TokenRow.revoked_at.is_(None))
    row = (await session.execute(select(TokenRow, UserRow).join(UserRow).where(*valid))).one_or_none()
    return None if row is None else row[0].grant(row[1])


async def _access_grant(session: AsyncSession, secret: str) -> Grant | None:
    found = await session.execute(
        select(UserRow, OAuthClientRow.id, AccessTokenRow.expires_at)
        .join(OAuthClientRow, OAuthClientRow.user_id == UserRow.id)
        .join(AccessTokenRow, AccessTokenRow.client_id == OAuthClientRow.id)
        .where(AccessTokenRow.secret_hash == hash_of(secret))
    )
    row = found.one_or_none()
    return None if row is None else Grant(row[0].record(), "user", "client", row[1], expires_at=row[2])


async def _known(session: AsyncSession, grants: Collection[Grant]) -> set[tuple[str, str]]:
    """Ask, in one query, which users, tokens and clients of these grants are there and not revoked."""
    users = {grant.user.id for grant in grants}
    tokens, clients = (
        {grant.credential_id for grant in grants if grant.credential == credential}
        for credential in ("token", "client")
    )
    asked = [
        select(literal("user"), UserRow.id).where(UserRow.id.in_(users), UserRow.deleted_at.is_(None)),
        select(literal("token"), TokenRow.id).where(TokenRow.id.in_(tokens), TokenRow.revoked_at.is_(None)),
        select(literal("client"), OAuthClientRow.id).where(
            OAuthClientRow.id.in_(clients), OAuthClientRow.revoked_at.is_(None)
        ),
    ]
    return {(kind, row_id) for kind, row_id in (await session.execute(union_all(*asked)))}
