"""The tables of OAuth clients, their access tokens, and tokens that may act for other users."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.records.external import OAuthClient
from models.tables.accounts import UserRow
from models.tables.base import Base


class OAuthClientRow(Base):
    __tablename__ = "oauth_clients"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    label: Mapped[str]
    secret_hash: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    def record(self, user: UserRow) -> OAuthClient:
        return OAuthClient(self.id, user.record(), self.label, self.created_at, self.revoked_at)


class AccessTokenRow(Base):
    __tablename__ = "access_tokens"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id"), index=True)
    scope: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ShortTokenRow(Base):
    """A short-lived token of a user."""

    __tablename__ = "short_tokens"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ActingTokenRow(Base):
    """A token whose bearer may act for any user."""

    __tablename__ = "acting_tokens"

    token_id: Mapped[str] = mapped_column(ForeignKey("tokens.id"), primary_key=True)
    created_at: Mapped[datetime]
