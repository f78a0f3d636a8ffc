"""Users and their tokens as rows, and their conversion to records; only the store uses rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.records.core import Grant, Scope, Token, User
from models.tables.base import Base


class UserRow(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    # Since when nothing opens what is left of the user; the name is free then.
    deleted_at: Mapped[datetime | None]

    def record(self) -> User:
        return User(self.id, self.name)


class TokenRow(Base):
    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    label: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    scope: Mapped[Scope] = mapped_column(server_default="user")
    expires_at: Mapped[datetime | None]
    persona_id: Mapped[str | None]
    spent_at: Mapped[datetime | None]
    practice_ids: Mapped[list[str]] = mapped_column(server_default="[]")
    # What a session that is begun with it is configured with; None for a token that configures none.
    session: Mapped[dict[str, Any] | None]
    # The id of the token, or of the client, that it was made with, and ends with; None for one that stands alone.
    made_by: Mapped[str | None]

    def record(self, user: UserRow) -> Token:
        return Token(
            self.id,
            user.record(),
            self.label,
            self.created_at,
            self.revoked_at,
            self.scope,
            self.expires_at,
            self.persona_id,
            self.spent_at,
            tuple(self.practice_ids),
        )

    def grant(self, user: UserRow) -> Grant:
        practices = tuple(self.practice_ids)
        return Grant(user.record(), self.scope, "token", self.id, self.persona_id, practices, self.expires_at)


class TokenChatRow(Base):
    """A chat that was started with a token which opens no others."""

    __tablename__ = "token_chats"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id"), primary_key=True)
    token_id: Mapped[str]
