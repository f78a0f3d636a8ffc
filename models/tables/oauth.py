"""The tables of OAuth clients and their access tokens."""

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
