"""Attempts, chats and messages as rows, and their conversion to records."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.records.core import (
    Attempt,
    Chat,
    Message,
    Origin,
    Role,
)
from models.tables.base import Base


class ChatRow(Base):
    __tablename__ = "chats"
    __table_args__ = (UniqueConstraint("attempt_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempts.id"))
    scenario_id: Mapped[str | None] = mapped_column(ForeignKey("scenarios.id"))
    name: Mapped[str]
    position: Mapped[int]
    # The next message's sequence number; updating it also serialises the writers of a chat.
    message_count: Mapped[int]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    completion_message: Mapped[str | None]
    started_at: Mapped[datetime | None]
    configuration: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous_chat_id: Mapped[str | None]
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tool_calls: Mapped[list[dict[str, Any]]] = mapped_column(default=list)

    def record(self, user_id: str) -> Chat:
        return Chat(
            id=self.id,
            attempt_id=self.attempt_id,
            user_id=user_id,
            name=self.name,
            scenario_id=self.scenario_id,
            position=self.position,
            created_at=self.created_at,
            completed_at=self.completed_at,
            completion_message=self.completion_message,
            started_at=self.started_at,
            configuration=self.configuration,
            previous_chat_id=self.previous_chat_id,
            fields=self.fields,
            tool_calls=tuple(self.tool_calls or ()),  # none before the row is stored
        )


class AttemptRow(Base):
    __tablename__ = "attempts"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    simulation_id: Mapped[str] = mapped_column(ForeignKey("simulations.id"))
    infinite_mode: Mapped[bool]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    completion_message: Mapped[str | None]
    chats: Mapped[list[ChatRow]] = relationship(order_by=ChatRow.position, lazy="selectin")

    def record(self) -> Attempt:
        return Attempt(
            id=self.id,
            user_id=self.user_id,
            simulation_id=self.simulation_id,
            infinite_mode=self.infinite_mode,
            created_at=self.created_at,
            ended_at=self.ended_at,
            chats=tuple(chat.record(self.user_id) for chat in self.chats),
            completion_message=self.completion_message,
        )


class MessageRow(Base):
    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("chat_id", "sequence"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id"))
    sequence: Mapped[int]
    role: Mapped[Role]
    text: Mapped[str]
    origin: Mapped[Origin]
    created_at: Mapped[datetime]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"))
    persona_id: Mapped[str | None] = mapped_column(ForeignKey("personas.id"))
    audio_ref: Mapped[str | None]
    full_text: Mapped[str | None]
    heard_ms: Mapped[int | None]
    interrupted: Mapped[bool]
    completed: Mapped[bool]
    started_ms: Mapped[int | None]
    ended_ms: Mapped[int | None]
    latency: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


CHATS = Base.metadata.tables["chats"]
MESSAGES = Base.metadata.tables["messages"]
MESSAGE_COLUMNS = tuple(MESSAGES.c[field.name] for field in fields(Message))
