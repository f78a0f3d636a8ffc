"""The tables of external chats, their files, and the origins of documents."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.records.core import Origin
from models.records.external import ChatFile, Dialect, DocumentOrigin, ExternalChat, ExternalMessage
from models.tables.base import Base


class ExternalChatRow(Base):
    __tablename__ = "external_chats"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    dialect: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str | None]
    pinned: Mapped[bool]
    subject_id: Mapped[str | None]
    # The next message's sequence, as in `chats`.
    message_count: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    data: Mapped[dict[str, Any]]

    def record(self) -> ExternalChat:
        dialect: Dialect = self.dialect  # type: ignore[assignment]  # only dialects are ever stored
        return ExternalChat(
            id=self.id,
            user_id=self.user_id,
            dialect=dialect,
            title=self.title,
            summary=self.summary,
            pinned=self.pinned,
            subject_id=self.subject_id,
            created_at=self.created_at,
            updated_at=self.updated_at,
            ended_at=self.ended_at,
            data=self.data,
        )


class ExternalMessageRow(Base):
    __tablename__ = "external_messages"
    __table_args__ = (UniqueConstraint("chat_id", "sequence"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("external_chats.id"))
    sequence: Mapped[int]
    role: Mapped[str]
    text: Mapped[str]
    kind: Mapped[str]
    origin: Mapped[Origin]
    created_at: Mapped[datetime]
    # No foreign key: the parent may have been deleted.
    parent_id: Mapped[str | None]
    full_text: Mapped[str | None]
    heard_ms: Mapped[int | None]
    interrupted: Mapped[bool]
    completed: Mapped[bool]
    data: Mapped[dict[str, Any]]

    def record(self) -> ExternalMessage:
        return ExternalMessage(**{field.name: getattr(self, field.name) for field in fields(ExternalMessage)})


class ChatFileRow(Base):
    __tablename__ = "chat_files"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    mime_type: Mapped[str]
    size: Mapped[int]
    text: Mapped[str]
    failure: Mapped[str | None]
    created_at: Mapped[datetime]

    def record(self) -> ChatFile:
        return ChatFile(**{field.name: getattr(self, field.name) for field in fields(ChatFile)})


class DocumentOriginRow(Base):
    __tablename__ = "document_origins"

    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    publisher: Mapped[str]
    datasource: Mapped[str]
    url: Mapped[str]

    def record(self) -> DocumentOrigin:
        return DocumentOrigin(self.document_id, self.publisher, self.datasource, self.url)


EXTERNAL_MESSAGES = Base.metadata.tables["external_messages"]
