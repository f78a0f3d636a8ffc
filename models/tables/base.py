"""The base of all tables: names of constraints, and the column types of Python types."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, MetaData
from sqlalchemy.orm import DeclarativeBase

from models.columns import CleanText, UtcDateTime
from models.records.core import (
    Origin,
    Role,
    Scope,
)

PracticeKind = Literal["practice", "home"]


class Base(DeclarativeBase):
    # Name all constraints, so that a migration can drop them.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        str: CleanText,
        datetime: UtcDateTime,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
        dict[str, Any]: JSON,
        Role: CleanText,
        Origin: CleanText,
        Scope: CleanText,
        PracticeKind: CleanText,
    }
