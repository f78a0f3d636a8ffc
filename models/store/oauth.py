"""OAuth clients (client credentials) and their short-lived access tokens."""

import hmac
import secrets
from datetime import timedelta

from sqlalchemy import delete, select

from models.columns import clean
from models.errors import NotFound
from models.records.external import OAuthClient
from models.store.accounts import SECRET_PREFIX, AccountStore, end_made_by, hash_of
from models.store.database import shielded
from models.tables.accounts import UserRow
from models.tables.oauth import AccessTokenRow, OAuthClientRow

CLIENT_PREFIX = "client_"
REMEMBERED_AFTER_END = timedelta(days=1)
"""How long an expired token is still reported as expired; after that it is unknown."""


class OAuthStore(AccountStore):
    @shielded
    async def create_oauth_client(self, user_name: str, label: str = "") -> tuple[str, OAuthClient]:
        """Create a client that acts for a user, creating the user if unknown. The secret is returned here only.

        Raises:
            Invalid: the user's name is empty.
        """
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        async with self._writing() as session:
            user = await session.scalar(select(UserRow).where(UserRow.name == user_name))
            user = user or self._add_user(session, user_name)
            await session.flush()
            row = OAuthClientRow(
                id=CLIENT_PREFIX + secrets.token_hex(12),
                user_id=user.id,
                label=clean(label),
                secret_hash=hash_of(secret),
                created_at=self._now(),
                revoked_at=None,
            )
            session.add(row)
            return secret, row.record(user)

    @shielded
    async def list_oauth_clients(self) -> tuple[OAuthClient, ...]:
        """List all clients, including revoked ones, oldest first."""
        async with self._reading() as session:
            rows = await session.execute(
                select(OAuthClientRow, UserRow).join(UserRow).order_by(OAuthClientRow.created_at, OAuthClientRow.id)
            )
            return tuple(client.record(user) for client, user in rows)

    @shielded
    async def revoke_oauth_client(self, client_id: str) -> OAuthClient:
        """Revoke a client and all its access tokens, permanently.

        Raises:
            NotFound: no such client.
        """
        async with self._writing() as session:
            found = (
                await session.execute(
                    select(OAuthClientRow, UserRow).join(UserRow).where(OAuthClientRow.id == client_id)
                )
            ).one_or_none()
            if found is None:
                raise NotFound(f"There is no client {client_id!r}: list the clients to see their ids.")
            client, user = found
            client.revoked_at = client.revoked_at or self._now()
            await session.execute(end_made_by(client.id, self._now()))
            await session.execute(delete(AccessTokenRow).where(AccessTokenRow.client_id == client_id))
            return client.record(user)

    @shielded
    async def issue_access_token(self, client_id: str, secret: str, scope: str, lifetime: timedelta) -> str | None:
        """Issue an access token to a client; return None if it is unknown or revoked, or the secret is wrong."""
        async with self._writing() as session:
            client = await session.get(OAuthClientRow, clean(client_id))
            kept = client.secret_hash if client is not None else hash_of("")
            # Always compare, so that the timing does not reveal which ids exist.
            right = hmac.compare_digest(kept, hash_of(secret))
            if client is None or client.revoked_at is not None or not right:
                return None
            now = self._now()
            await session.execute(delete(AccessTokenRow).where(AccessTokenRow.expires_at < now - REMEMBERED_AFTER_END))
            token = SECRET_PREFIX + secrets.token_urlsafe(32)
            session.add(
                AccessTokenRow(
                    secret_hash=hash_of(token),
                    client_id=client.id,
                    scope=clean(scope),
                    created_at=now,
                    expires_at=now + lifetime,
                )
            )
            return token
