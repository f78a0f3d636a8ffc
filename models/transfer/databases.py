"""Databases as sources and targets of whole copies: opened, held still, filled in one transaction."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, MetaData, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from models import migrations
from models.private import private_file, private_folder
from models.running_process import RunningProcess, this_process
from models.store.outage import outage_of
from models.transfer.errors import NotEmpty, ServiceRuns, TransferFailed
from models.transfer.tables import DatabaseRows, RowSource, TableSum, cross_out_processes, sums_of, write_rows

Result = TypeVar("Result")

SILENT_FOR_S = 6
"""A process of another machine that was not seen for so long has ended."""


def is_sqlite(url: str) -> bool:
    """Return whether the URL names a SQLite database."""
    return url.startswith("sqlite")


def sqlite_file(url: str) -> Path:
    """Return the path of a SQLite database.

    Raises:
        TransferFailed: it is in memory, or named by a URI.
    """
    parts = make_url(url)
    if parts.database in (None, "", ":memory:") or parts.query:
        raise TransferFailed(
            "The URL of the SQLite database must be a plain path, such as sqlite+aiosqlite:////data/glow.db."
        )
    return Path(str(parts.database))


def shown(url: str) -> str:
    """Return the URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


@asynccontextmanager
async def transaction(url: str, *, writes: bool, snapshot: bool = False) -> AsyncGenerator[AsyncConnection]:
    """Connect to a database; commit at the end of the block, roll back after an exception.

    Args:
        url: as of the settings.
        writes: SQLite: keep other writers out from the beginning.
        snapshot: PostgreSQL: all that is read is of one moment, which SQLite does anyway.

    Raises:
        TransferFailed: the database cannot be opened, read or written.
    """
    place = "The database"
    try:
        parts = make_url(url)
        place = f"The database {parts.render_as_string(hide_password=True)}"
        engine = create_async_engine(
            parts, hide_parameters=True, poolclass=NullPool, json_serializer=_as_it_is, json_deserializer=_as_it_is
        )
        if parts.get_backend_name() == "sqlite":
            event.listen(engine.sync_engine, "connect", _prepare)
            event.listen(engine.sync_engine, "begin", _begin_write if writes else _begin)
        elif snapshot:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        async with engine.begin() as connection:
            yield connection
    except TransferFailed:
        raise
    except Exception as error:
        if not _is_of_database(error):
            raise
        cause = getattr(error, "orig", None) or error
        reason = next(iter(str(cause).splitlines()), "") or type(cause).__name__
        raise TransferFailed(f"{place} cannot be used: {reason}") from error


def _is_of_database(error: Exception) -> bool:
    known = isinstance(error, SQLAlchemyError | OSError | ImportError | ValueError) or hasattr(error, "sqlstate")
    return known or bool(outage_of(error))


def _as_it_is(value: Any) -> Any:
    return value


def _prepare(connection: Any, _: object) -> None:
    # The driver's own transactions begin too late to hold a snapshot.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout = 10000", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def in_transaction(
    url: str, work: Callable[[Connection], Result], *, writes: bool, snapshot: bool = False
) -> Result:
    """Carry out work on a connection in a transaction of its own.

    Raises:
        TransferFailed: the database cannot be used, or as the work says.
    """
    async with transaction(url, writes=writes, snapshot=snapshot) as connection:
        return await connection.run_sync(work)


def running_processes(connection: Connection) -> int:
    """Count the processes that run on the database, as far as can be told from here."""
    if not inspect(connection).has_table("processes"):
        return 0
    now = "clock_timestamp()" if connection.dialect.name == "postgresql" else "CURRENT_TIMESTAMP"
    rows = connection.execute(text(f"SELECT place, pid, began, seen_at, {now} FROM processes"))
    here = this_process().place
    return sum(
        not _has_ended(RunningProcess(place, pid, began), seen, at, here) for place, pid, began, seen, at in rows
    )


def _has_ended(process: RunningProcess, seen: datetime | str, now: datetime | str, here: str) -> bool:
    if process.place == here != "":
        return process.has_ended(here)
    return (_time(now) - _time(seen)).total_seconds() > SILENT_FOR_S


def _time(value: datetime | str) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def refuse_running(connection: Connection) -> None:
    """Raise `ServiceRuns` if the service runs on the database."""
    if running := running_processes(connection):
        raise ServiceRuns(f"{running} processes of the service run on the database: stop them first.")


def fill(connection: Connection, source: RowSource, *, replaces: bool) -> dict[str, TableSum]:
    """Fill a database that is empty, compare it with the source, and migrate it to the current schema.

    Args:
        connection: to the target, in a transaction that is rolled back if this raises.
        source: the rows.
        replaces: drop the tables that are there first.

    Raises:
        NotEmpty: there are tables.
        TransferFailed: a newer version made the source, the service runs on the target, or the copy is not the same.
    """
    if source.revision > migrations.newest():
        raise TransferFailed(f"A newer version wrote this (its schema is {source.revision}): use that version.")
    refuse_running(connection)
    if there := inspect(connection).get_table_names():
        if not replaces:
            raise NotEmpty(f"The database has tables already, such as {min(there)}: name an empty one.")
        _drop_all(connection)
    migrations.upgrade(connection, source.revision)
    written = write_rows(connection, source)
    found = sums_of(DatabaseRows(connection))
    for name, total in found.items():
        if total != written.get(name, TableSum()):
            raise TransferFailed(f"The rows of {name} are not the same after they were written; nothing is kept.")
    cross_out_processes(connection)
    migrations.upgrade(connection)
    return written


def _drop_all(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        metadata = MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)
        return
    raise TransferFailed("A SQLite database is replaced as a file.")


async def move_database(source: str, target: str) -> dict[str, TableSum]:
    """Copy a database to an empty one of either kind, all of it or nothing; the source stays as it is.

    Nobody writes to the source meanwhile: the service has to be stopped, and its tables are locked.

    Returns:
        The sum of each table, which is the same on both sides.

    Raises:
        NotEmpty: the target is not empty.
        TransferFailed: the service runs, a database cannot be used, or the copy is not the same.
    """
    if make_url(source) == make_url(target):
        raise TransferFailed("Both URLs name the same database.")
    if is_sqlite(source) and not sqlite_file(source).exists():
        raise TransferFailed(f"There is no database {sqlite_file(source)}.")

    with new_file(target):
        async with transaction(source, writes=True) as from_, transaction(target, writes=True) as to:
            into = to.sync_connection

            def copied(connection: Connection) -> dict[str, TableSum]:
                assert into is not None, "it is open"
                refuse_running(connection)
                rows = DatabaseRows(connection)
                _lock(connection)
                return fill(into, rows, replaces=False)

            return await from_.run_sync(copied)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        names = ", ".join(quote(name) for name in sorted(inspect(connection).get_table_names()))
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")


@contextmanager
def new_file(url: str) -> Iterator[None]:
    """Create the file of a SQLite database, only its owner's; remove it if the block raises.

    Raises:
        NotEmpty: it is there.
    """
    if not is_sqlite(url):
        yield
        return
    path = sqlite_file(url)
    if path.exists():
        raise NotEmpty(f"{path} is there already: name a new file.")
    try:
        if not path.parent.exists():
            private_folder(path.parent)
        private_file(path)
    except OSError as error:
        raise TransferFailed(f"{path} cannot be written: {error.strerror}.") from None
    try:
        yield
    except BaseException:
        for suffix in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise
