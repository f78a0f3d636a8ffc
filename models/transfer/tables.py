"""The tables of any database of ours, and their rows in one form that no database changes."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    insert,
    select,
)
from sqlalchemy.types import TypeEngine

from models import migrations
from models.columns import CleanText, UtcDateTime, clean
from models.tables.base import Base
from models.transfer.errors import TransferFailed

BATCH = 500
"""Rows that are read and written at once."""

SKIPPED = frozenset({"alembic_version", "schema_needs"})
"""What the migrations write themselves."""

_FULL_TEXT = "documents_fts"  # SQLite's index of documents, in several tables, kept by triggers
_BITS = 256

Value = str | int | float | bool | None
Row = tuple[Value, ...]
"""Values in the order of the columns' names: times in ISO 8601 and UTC with microseconds, JSON as it is written."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """How many rows a table has, and a hash over them in which their order does not matter."""

    rows: int = 0
    digest: int = 0

    def with_rows(self, rows: Iterable[Row]) -> "TableSum":
        """Return the sum with more rows."""
        number, digest = self.rows, self.digest
        for row in rows:
            written = json.dumps(row, separators=(",", ":"), allow_nan=True).encode("ascii")
            digest += int.from_bytes(hashlib.sha256(written).digest(), "big")
            number += 1
        return TableSum(number, digest % 2**_BITS)

    def __str__(self) -> str:
        return f"{self.rows} {self.digest:064x}"

    @classmethod
    def read(cls, text: str) -> "TableSum":
        """Return what `str` wrote.

        Raises:
            ValueError: it is none.
        """
        rows, digest = text.split()
        return cls(int(rows), int(digest, 16))


Part = tuple[str, Sequence[str], Iterator[list[Row]]]
"""A table's name, the names of its columns, and its rows in batches, to be read before the next part."""


class RowSource(Protocol):
    """Tables and their rows, those first that others refer to."""

    @property
    def revision(self) -> str:
        """The revision of their schema."""
        ...

    def parts(self) -> Iterator[Part]:
        """Yield the tables, each once."""
        ...


class DatabaseRows:
    """The rows of a database, as its transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        found = migrations.revision_of(connection)
        if found is None:
            raise TransferFailed("There is no database of Glow Voice at this URL: start the service on it once.")
        self.revision = found

    def parts(self) -> Iterator[Part]:
        """Yield the tables with their rows."""
        for table in data_tables(self._connection):
            columns = own_columns(table)
            yield table.name, [column.name for column in columns], self._batches(columns)

    def _batches(self, columns: list[Column[Any]]) -> Iterator[list[Row]]:
        kinds = [_encoder(column) for column in columns]
        # Rolled back, as a cursor that stays open on the server would keep the table from being altered.
        with self._connection.begin_nested() as savepoint:
            found = self._connection.execute(select(*columns), execution_options={"yield_per": BATCH})
            for rows in found.partitions():
                yield [tuple(encode(value) for encode, value in zip(kinds, row, strict=True)) for row in rows]
            savepoint.rollback()


def data_tables(connection: Connection) -> list[Table]:
    """Read from a database which tables it has, those first that others refer to.

    A schema that this version knows has the tables of this version; one that it does not know may have more.
    """
    known = migrations.revision_of(connection) == migrations.newest()
    metadata = MetaData()

    def wanted(name: str, _: MetaData) -> bool:
        return name not in SKIPPED and not name.startswith(_FULL_TEXT) and (not known or name in Base.metadata.tables)

    metadata.reflect(connection, only=wanted)
    for table in metadata.tables.values():
        for column in own_columns(table):
            column.type = _type_of(column)
    return metadata.sorted_tables


def own_columns(table: Table) -> list[Column[Any]]:
    """List the columns that are written, by name; what the database computes is left out."""
    return sorted((column for column in table.columns if column.computed is None), key=lambda column: column.name)


def sums_of(source: RowSource) -> dict[str, TableSum]:
    """Read all rows; return the sum of each table."""
    return {name: _sum(batches) for name, _, batches in source.parts()}


def _sum(batches: Iterator[list[Row]]) -> TableSum:
    total = TableSum()
    for rows in batches:
        total = total.with_rows(rows)
    return total


def write_rows(connection: Connection, source: RowSource) -> dict[str, TableSum]:
    """Insert all rows into the empty tables of a database with the source's schema; return the sum of each table.

    Raises:
        TransferFailed: a table or column is missing.
    """
    tables = {table.name: table for table in data_tables(connection)}
    written = {}
    with _references_later(connection, tables):
        for name, columns, batches in source.parts():
            table = tables.get(name)
            if table is None or (missing := set(columns) - set(table.columns.keys())):
                what = name if table is None else f"{name}.{min(missing)}"
                raise TransferFailed(f"This version knows no {what}: use the version that wrote it, or a later one.")
            decoders = [(column, _decoder(table.columns[column])) for column in columns]
            total = TableSum()
            for rows in batches:
                total = total.with_rows(rows)
                values = [_decoded(decoders, row) for row in rows]
                connection.execute(insert(table), values)
            written[name] = total
    return written


def _decoded(decoders: Iterable[tuple[str, Any]], row: Row) -> dict[str, Any]:
    return {name: decode(value) for (name, decode), value in zip(decoders, row, strict=True)}


@contextmanager
def _references_later(connection: Connection, tables: Mapping[str, Table]) -> Iterator[None]:
    """Check the references of rows to their own table (a message to the one before it) only at the block's end."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # until the transaction ends
        yield
        return
    quote = connection.dialect.identifier_preparer.quote
    own = [
        f"ALTER TABLE {quote(table.name)} ALTER CONSTRAINT {quote(str(constraint.name))} "
        for table in tables.values()
        for constraint in table.foreign_key_constraints
        if constraint.referred_table is table
    ]
    for alter in own:
        connection.exec_driver_sql(alter + "DEFERRABLE INITIALLY DEFERRED")
    yield
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    for alter in own:
        connection.exec_driver_sql(alter + "NOT DEFERRABLE")


def _type_of(column: Column[Any]) -> TypeEngine[Any]:
    match column.type:
        case JSON() | Boolean() | Integer() | Float():
            return column.type
        case Numeric():
            return Float()
        case DateTime():
            return UtcDateTime()
        case String():
            return CleanText()
    raise TransferFailed(f"{column.table.name}.{column.name} is of a type that cannot be copied: {column.type!r}.")


def _encoder(column: Column[Any]) -> Any:
    if isinstance(column.type, JSON):
        return _json_text
    return _time_text if isinstance(column.type, UtcDateTime) else _cleaned


def _decoder(column: Column[Any]) -> Any:
    return _time if isinstance(column.type, UtcDateTime) else _unchanged


def _json_text(value: Any) -> Value:
    # SQLite makes a number of a JSON text that is one.
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _time_text(value: datetime | None) -> Value:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def _unchanged(value: Any) -> Any:
    return value


def cross_out_processes(connection: Connection) -> None:
    """Delete the processes of the database that rows came from: none of them runs on this one."""
    for table in data_tables(connection):
        if table.name == "processes":
            connection.execute(table.delete())
