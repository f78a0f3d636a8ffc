"""Telephone numbers, calls and PINs as rows, and their conversion to records."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Self, cast

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.records.telephone import Direction, PhoneCall, PhoneNumber
from models.tables.base import Base

_TUPLES = ("silence_s", "block")


class PhoneNumberRow(Base):
    __tablename__ = "phone_numbers"

    number: Mapped[str] = mapped_column(primary_key=True)
    entry: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    @classmethod
    def of(cls, entry: PhoneNumber, now: datetime) -> Self:
        return cls(number=entry.number, entry=asdict(entry), created_at=now)

    def record(self) -> PhoneNumber:
        known = {field.name for field in fields(PhoneNumber)}
        kept: dict[str, Any] = {name: value for name, value in self.entry.items() if name in known}
        for name in _TUPLES:
            kept[name] = tuple(kept[name])
        return PhoneNumber(**kept)


class PhoneCallRow(Base):
    __tablename__ = "phone_calls"
    __table_args__ = (
        Index("ix_phone_calls_began_at", "began_at"),
        Index("ix_phone_calls_carrier_id", "carrier_id"),
        Index("ix_phone_calls_chat_id", "chat_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str]
    carrier_id: Mapped[str]
    direction: Mapped[str]
    caller: Mapped[str]
    called: Mapped[str]
    number: Mapped[str]
    # No foreign keys: the record outlives the chat, and is removed with its user.
    user_id: Mapped[str | None]
    chat_id: Mapped[str | None]
    began_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str]
    details: Mapped[dict[str, Any]]

    @classmethod
    def of(cls, call: PhoneCall) -> Self:
        return cls(**{field.name: getattr(call, field.name) for field in fields(call)})

    def record(self) -> PhoneCall:
        known = {field.name: getattr(self, field.name) for field in fields(PhoneCall)}
        return PhoneCall(**known | {"direction": cast(Direction, self.direction)})


class PhonePinRow(Base):
    __tablename__ = "phone_pins"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    pin_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
