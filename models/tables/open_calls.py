"""Open calls as rows, and their conversion to records."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.records.open_calls import KeptCall
from models.tables.base import Base


class OpenCallRow(Base):
    __tablename__ = "open_calls"

    # No foreign key: the chat may be an external one.
    chat_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    conversation_id: Mapped[str] = mapped_column(index=True)
    group_id: Mapped[str]
    resume_hash: Mapped[str]
    persona_id: Mapped[str | None]
    input: Mapped[dict[str, Any]]
    output: Mapped[dict[str, Any]]
    settings: Mapped[dict[str, Any]]
    recorded: Mapped[bool]
    turn: Mapped[int]
    reply_id: Mapped[str | None]
    began_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    process_id: Mapped[str | None]
    epoch: Mapped[int]

    def record(self) -> KeptCall:
        return KeptCall(**{field.name: getattr(self, field.name) for field in fields(KeptCall)})
