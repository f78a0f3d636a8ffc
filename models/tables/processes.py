"""The processes of the service that run on this database."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class ProcessRow(Base):
    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str]
    pid: Mapped[int]
    began: Mapped[str]
    seen_at: Mapped[datetime]
