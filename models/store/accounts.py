"""Users and their Bearer tokens."""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Update, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from models.columns import clean
from models.errors import Conflict, Invalid, NotFound
from models.records.core import Grant, Scope, Token, User
from models.store.database import Database, shielded
from models.tables.accounts import TokenRow, UserRow
from models.tables.content import PersonaRow, PracticeRow

SECRET_PREFIX = "glow_"
BROWSER_PREFIX = "ek_"
"""How the secret of a browser begins: OpenAI's clients look for that."""

LISTED_AFTER_END = timedelta(days=1)
"""How long an expired token is still listed, and reported as expired; then it is deleted."""


def hash_of(secret: str) -> str:
    """Hash a secret for storage. One SHA-256 suffices, as the secret is 32 random bytes and not a password."""
    return hashlib.sha256(clean(secret).encode()).hexdigest()


def end_made_by(credential_id: str, now: datetime) -> Update:
    """Return the statement that revokes what was made with a token or a client."""
    mine = (TokenRow.made_by == credential_id, TokenRow.revoked_at.is_(None))
    return update(TokenRow).where(*mine).values(revoked_at=now)


class AccountStore(Database):
    @shielded
    async def create_user(self, name: str) -> User:
        """Add a user.

        Raises:
            Invalid: the name is empty.
            Conflict: the name is taken.
        """
        taken = f"There is a user {name!r} already: choose another name."
        try:
            async with self._writing() as session:
                if await _user_named(session, name):
                    raise Conflict(taken)
                return self._add_user(session, name).record()
        except IntegrityError:  # lost a race with another writer
            raise Conflict(taken) from None

    @shielded
    async def user_by_name(self, name: str) -> User | None:
        async with self._reading() as session:
            row = await _user_named(session, name)
            return row.record() if row else None

    @shielded
    async def user_named(self, name: str) -> User:
        """Return the user of that name, creating it if unknown; safe under concurrency.

        Raises:
            Invalid: the name is empty.
        """
        if known := await self.user_by_name(name):
            return known
        with suppress(Conflict):  # another writer was faster
            return await self.create_user(name)
        return await self.user_named(name)

    @shielded
    async def create_token(
        self,
        user_name: str,
        label: str = "",
        *,
        scope: Scope = "user",
        lifetime: timedelta | None = None,
        persona_id: str | None = None,
        practice_ids: Collection[str] = (),
        configures: Mapping[str, Any] | None = None,
        made_by: Grant | None = None,
    ) -> tuple[str, Token]:
        """Create a token for a user, creating the user if unknown. The secret is returned here and stored nowhere.

        Tokens that expired more than a day ago are deleted.

        Args:
            lifetime: after which it expires; None for never.
            persona_id: the only persona that the calls of an invite, or of a browser's secret, may be with.
            practice_ids: the only practices that a token which is for calls only may start; empty for all.
            configures: what a session begun with a browser's secret is configured with.
            made_by: the grant that asks for it, which it does not outlive: neither its expiry nor its revocation.

        Raises:
            Invalid: the user's name is empty, or an invite has no persona, or another token has one, or a token that
                is not for calls only has practices.
            NotFound: there is no such persona, or practice.
        """
        if (scope == "invite") != (persona_id is not None) and scope != "realtime":
            raise Invalid("Name a persona for an invite, and for no other token: its one call is with that persona.")
        if practice_ids and scope in ("user", "operator"):
            raise Invalid("Name practices for a kiosk, a phone or an invite only: a user may start all.")
        secret = (BROWSER_PREFIX if scope == "realtime" else SECRET_PREFIX) + secrets.token_urlsafe(32)

        async def add() -> Token:
            async with self._writing() as session:
                now = self._now()
                await session.execute(delete(TokenRow).where(TokenRow.expires_at < now - LISTED_AFTER_END))
                if persona_id is not None and await session.get(PersonaRow, persona_id) is None:
                    raise NotFound(f"There is no persona {persona_id!r}: `glow serve` installs those of its packs.")
                for practice_id in practice_ids:
                    if await session.get(PracticeRow, practice_id) is None:
                        raise NotFound(
                            f"There is no practice {practice_id!r}: `glow serve` installs those of its packs."
                        )
                user = await _user_named(session, user_name) or self._add_user(session, user_name)
                await session.flush()
                ends = [None if lifetime is None else now + lifetime, made_by.expires_at if made_by else None]
                row = TokenRow(
                    id=self._new_id(),
                    user_id=user.id,
                    label=clean(label),
                    secret_hash=hash_of(secret),
                    created_at=now,
                    scope=scope,
                    expires_at=min((end for end in ends if end is not None), default=None),
                    persona_id=persona_id,
                    practice_ids=list(practice_ids),
                    session=None if configures is None else dict(configures),
                    made_by=made_by.credential_id or None if made_by else None,
                )
                session.add(row)
                return row.record(user)

        try:
            return secret, await add()
        except IntegrityError:  # another writer created the user in between
            return secret, await add()

    @shielded
    async def session_of_token(self, token_id: str) -> dict[str, Any] | None:
        """Return what a session begun with a token is configured with; None for nothing."""
        async with self._reading() as session:
            row = await session.get(TokenRow, token_id)
            return None if row is None else row.session

    @shielded
    async def list_tokens(self) -> tuple[Token, ...]:
        """List all tokens, including revoked ones, oldest first."""
        async with self._reading() as session:
            rows = await session.execute(
                select(TokenRow, UserRow).join(UserRow).order_by(TokenRow.created_at, TokenRow.id)
            )
            return tuple(token.record(user) for token, user in rows)

    @shielded
    async def revoke_token(self, token_id: str) -> Token:
        """Revoke a token, and those that were made with it, permanently; a revoked one keeps its time.

        Args:
            token_id: the token's id, or an unambiguous prefix of it.

        Raises:
            Invalid: the id is empty.
            NotFound: no token has this prefix.
            Conflict: several tokens have it.
        """
        if not token_id:
            raise Invalid("Give the id of the token to revoke: list the tokens to see it.")
        async with self._writing() as session:
            token, user = await _token_of(session, token_id)
            token.revoked_at = token.revoked_at or self._now()
            await session.execute(end_made_by(token.id, self._now()))
            return token.record(user)

    @shielded
    async def allow_acting(self, token_id: str) -> Token:
        """Make a user's token an operator's, whose bearer may also act for any user.

        Args:
            token_id: the token's id, or an unambiguous prefix of it.

        Raises:
            NotFound: no token has this prefix.
            Conflict: several tokens have it, or the token's scope is narrower than a user's.
        """
        async with self._writing() as session:
            token, user = await _token_of(session, token_id)
            if token.scope not in ("user", "operator"):
                raise Conflict(f"The scope of this token is {token.scope}: make another for an operator.")
            token.scope = "operator"
            return token.record(user)

    def _add_user(self, session: AsyncSession, name: str) -> UserRow:
        if not name.strip():
            raise Invalid("A user needs a name: give one that is not empty.")
        row = UserRow(id=self._new_id(), name=clean(name), created_at=self._now())
        session.add(row)
        return row


async def _token_of(session: AsyncSession, token_id: str) -> tuple[TokenRow, UserRow]:
    begins = TokenRow.id.startswith(token_id, autoescape=True)
    found = (await session.execute(select(TokenRow, UserRow).join(UserRow).where(begins))).all()
    exact = [row for row in found if row[0].id == token_id]
    match exact or found:
        case [one] if token_id:
            return one
        case [_, *_] if token_id:
            raise Conflict(f"{len(found)} tokens begin with {token_id!r}: give more of the id.")
        case _:
            raise NotFound(f"No token begins with {token_id!r}: list the tokens to see their ids.")


async def _user_named(session: AsyncSession, name: str) -> UserRow | None:
    return await session.scalar(select(UserRow).where(UserRow.name == name))
