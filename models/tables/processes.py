"""The processes of the service that run on this database, and what a version has to know to run on it."""

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
    address: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="serving")
    # The newest revision of the schema that its version knows; None for one from before this column.
    knows: Mapped[str | None]


class SchemaNeedsRow(Base):
    """The oldest revision of the schema that a version has to know: one row, which migrations write."""

    __tablename__ = "schema_needs"

    revision: Mapped[str] = mapped_column(primary_key=True)
