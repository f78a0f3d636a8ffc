"""Work under way as rows, and their conversion to records."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.records.jobs import Job
from models.tables.base import Base


class JobRow(Base):
    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    user_id: Mapped[str] = mapped_column(index=True)
    # No foreign key: the chat may be an external one.
    chat_id: Mapped[str | None] = mapped_column(index=True)
    lock: Mapped[str | None] = mapped_column(unique=True)
    about: Mapped[dict[str, Any]]
    process_id: Mapped[str | None]
    stop: Mapped[bool]
    failed_at: Mapped[datetime | None]

    def record(self) -> Job:
        return Job(self.id, self.kind, self.user_id, self.chat_id, self.lock, self.about, self.process_id)  # type: ignore[arg-type]
