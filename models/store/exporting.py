"""Everything that is stored of one user, as rows of plain values."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Table, or_, select

from models.errors import Conflict, NotFound
from models.records.core import User
from models.store.database import Database, shielded
from models.store.users import rows_of_user
from models.tables.accounts import UserRow
from models.tables.base import Base

Rows = dict[str, list[dict[str, Any]]]
"""By table: the rows, each a value by column, as JSON has them."""

_WITHHELD = frozenset({"secret_hash", "pin_hash", "resume_hash"})
"""What opens something, though it is not known what."""


_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"


class UserDataStore(Database):
    @shielded
    async def find_user(self, name_or_id: str) -> User:
        """Return the user of this name or id, one who was deleted included.

        Raises:
            NotFound: there is none.
            Conflict: it is the name of one and the id of another.
        """
        async with self._reading() as session:
            named = or_(UserRow.name == name_or_id, UserRow.id == name_or_id)
            found = list(await session.scalars(select(UserRow).where(named)))
        if not found:
            raise NotFound(f"There is no user {name_or_id!r}: `glow user list` shows those there are.")
        if len(found) > 1:
            raise Conflict(f"{name_or_id!r} is the name of one user and the id of another: give the id of the other.")
        return found[0].record()

    @shielded
    async def user_data(self, user_id: str) -> Rows:
        """Return all rows that are a user's, of every table that has some, as they are at one moment.

        Hashes of secrets are left out.
        """
        found: Rows = {}
        async with self._reading() as session:
            connection = await session.connection()
            of_one_moment = "BEGIN" if connection.dialect.name == "sqlite" else _SNAPSHOT
            await connection.exec_driver_sql(of_one_moment)
            for table in Base.metadata.sorted_tables:
                own = UserRow.id == user_id if table.name == UserRow.__tablename__ else rows_of_user(table, user_id)
                if own is None:
                    continue
                columns = [column for column in table.columns if column.name not in _WITHHELD]
                order = [column for column in _in_order(table) if column.name not in _WITHHELD]
                rows = (await session.execute(select(*columns).where(own).order_by(*order))).mappings().all()
                if rows:
                    found[table.name] = [{name: _plain(value) for name, value in row.items()} for row in rows]
        return found

    @shielded
    async def scrub(self) -> None:
        """Overwrite what SQLite still has of deleted rows, in its log and its index of words.

        PostgreSQL does so by VACUUM, in its own time.
        """
        async with self._writing() as session:
            connection = await session.connection()
            if connection.dialect.name != "sqlite":
                return
            await connection.exec_driver_sql("INSERT INTO documents_fts(documents_fts) VALUES('optimize')")
        async with self._reading() as session:
            await (await session.connection()).exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _in_order(table: Table) -> list[Any]:
    names = ("chat_id", "sequence", "position", "created_at")
    return [table.c[name] for name in names if name in table.c] + list(table.primary_key)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    json.dumps(value)  # so that a column of a new type is noticed here
    return value
