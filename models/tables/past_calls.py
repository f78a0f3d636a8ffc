"""Calls that are over as rows, and their conversion to records."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.records.past_calls import CallLog
from models.tables.base import Base


class PastCallRow(Base):
    __tablename__ = "past_calls"
    __table_args__ = (Index("ix_past_calls_chat_id", "chat_id"), Index("ix_past_calls_began_at", "began_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str]
    # No foreign key: the chat may be an external one.
    chat_id: Mapped[str]
    user_id: Mapped[str]
    persona: Mapped[str]
    began_at: Mapped[datetime]
    duration_ms: Mapped[int]
    turns: Mapped[int]
    reason: Mapped[str]
    recorded: Mapped[bool]
    latencies: Mapped[list[int]] = mapped_column(JSON)
    echo: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Apart from the rest when calls are listed.
    log: Mapped[dict[str, Any]] = mapped_column(deferred=True)

    def record(self, *, whole: bool) -> CallLog:
        return CallLog(
            id=self.id,
            conversation_id=self.conversation_id,
            chat_id=self.chat_id,
            user_id=self.user_id,
            persona=self.persona,
            began_at=self.began_at,
            duration_ms=self.duration_ms,
            turns=self.turns,
            reason=self.reason,
            recorded=self.recorded,
            latencies=tuple(self.latencies),
            echo=self.echo,
            entries=tuple(self.log["entries"]) if whole else (),
            lines=tuple(self.log["lines"]) if whole else (),
        )
