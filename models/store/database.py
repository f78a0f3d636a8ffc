"""The connection to the database: opening, closing, reading and writing."""

import asyncio
import functools
import logging
import os
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from uuid import uuid4

from sqlalchemy import URL, Connection, event, func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from models import migrations
from models.errors import StorageFailed, StoreUnavailable
from models.private import private_file, private_folder, tighten
from models.store.checkpoints import BUSY_MS, Checkpoints
from models.store.leases import check_lease
from models.store.outage import Outage, Use, outage_of

log = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
AnyDatabase = TypeVar("AnyDatabase", bound="Database")

_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA journal_mode = WAL",
    # A commit is in the kernel's memory, which outlasts the process; the disk is waited for by checkpoints alone.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA foreign_keys = ON",
    # What is deleted is overwritten: what was said is nobody's any more.
    "PRAGMA secure_delete = ON",
)

CONNECTIONS = 6
"""Most connections of one process to a database server, if none are given."""

_ASYNCPG_TIMEOUTS = {"timeout": 5, "command_timeout": 60}
"""Seconds for a connection and for a statement: a server that does not answer is one that is away."""

_POOL_TIMEOUT_S = 10

AWAY = "The database cannot be reached or written at the moment; try again in a few seconds."

_WRITE_LOCK = 0x676C6F77
"""Key of the PostgreSQL advisory lock of `take_write_lock`; arbitrary, but unique."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def random_id() -> str:
    return str(uuid4())


class Database:
    """A database with an up-to-date schema, and sessions for reading and for writing.

    Args:
        url: any SQLAlchemy URL with an asynchronous driver; "sqlite+aiosqlite://" is an in-memory database.
        now: the clock for all stored times; must return timezone-aware times.
        new_id: generates the ids of new records; a replay injects a deterministic one.
        connections: most connections at once to a database server; SQLite needs no bound.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = random_id,
        connections: int = CONNECTIONS,
    ) -> None:
        self._url = url
        self._connections = connections
        self._outage = Outage()
        self.measured: Callable[[Use, float], None] | None = None
        """Called with the seconds that each transaction took, its wait for a connection included; None for nobody."""
        self._now = now
        self._new_id = new_id
        self.process_id: str | None = None
        self._engine: AsyncEngine | None = None
        self._checkpoints: Checkpoints | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._read_turn: AbstractAsyncContextManager[Any] = nullcontext()
        self._write_turn: AbstractAsyncContextManager[Any] = nullcontext()

    @property
    def is_local(self) -> bool:
        """Whether the database is a file, so that all that use it run on this machine."""
        return self._checkpoints is not None

    def now(self) -> datetime:
        """Return the time of the store's clock, which timestamps all records."""
        return self._now()

    async def _shared_now(self, session: AsyncSession) -> datetime:
        """Return the database's time where processes of several machines share it: theirs may differ."""
        if (await session.connection()).dialect.name != "postgresql":
            return self.now()
        found: datetime | None = await session.scalar(select(func.clock_timestamp()))
        return found or self.now()

    async def open(self) -> None:
        """Connect, create the database's folder, and run pending migrations.

        Raises:
            StoreUnavailable: the URL is invalid, the database cannot be opened, or a newer version created it.
        """
        if self._engine is not None:
            raise RuntimeError("The store is open already: close it first.")
        try:
            url = make_url(self._url)
            self._engine = self._connect(url)
            async with self._write_turn, self._immediate().begin() as connection:
                await take_write_lock(connection)
                if not await connection.run_sync(migrations.upgrade):
                    log.info("The database has the schema of a newer version, on which this one can run, too.")
        except migrations.NewerDatabase as error:
            await self.close()
            raise StoreUnavailable(
                f"The database was made by a newer version ({error}): upgrade, or set another database URL."
            ) from error
        except migrations.OlderRuns as error:
            await self.close()
            raise StoreUnavailable(
                f"The database cannot be migrated now ({error}): stop the older processes first, then start this one."
            ) from error
        except Exception as error:
            await self.close()
            if not isinstance(error, SQLAlchemyError | OSError | ImportError | ValueError) and not outage_of(error):
                raise
            reason = str(error).splitlines()[0]
            raise StoreUnavailable(
                f"The database cannot be opened ({reason}): check that its URL names an asynchronous driver "
                "that is installed and a place that can be written."
            ) from error

    async def close(self) -> None:
        """Wait for running operations and disconnect. Idempotent."""
        if self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
        if self._checkpoints is not None:
            await self._checkpoints.finished()
            self._checkpoints = None
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _connect(self, url: URL) -> AsyncEngine:
        # Parameters contain personal data: keep them out of logs and error messages.
        if url.get_backend_name() != "sqlite":
            # The pool replaces a connection that the server has closed before it is used again.
            spare = self._connections // 3
            return create_async_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=self._connections - spare,
                max_overflow=spare,
                pool_timeout=_POOL_TIMEOUT_S,
                connect_args=_ASYNCPG_TIMEOUTS if url.get_driver_name() == "asyncpg" else {},
            )

        # SQLite allows one writer at a time; a lock here is fair and cheaper than its busy loop.
        self._write_turn = asyncio.Lock()
        if _is_in_memory(url):
            # An in-memory database has one connection, so readers take the lock, too.
            self._read_turn = self._write_turn
            engine = create_async_engine(url, hide_parameters=True, poolclass=StaticPool)
        else:
            if not url.query.get("uri"):
                _make_private(Path(url.database or ""))
            engine = create_async_engine(url, hide_parameters=True)
            self._checkpoints = Checkpoints(engine)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    def _immediate(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("The store is closed: call open() first.")
        return self._engine.execution_options(immediate=True)

    async def check(self) -> None:
        """Check that the database can be used; while the latest write failed, by a write.

        Raises:
            StorageFailed: it cannot.
        """
        if not self._outage.of_writing:
            async with self._reading() as session:
                await session.execute(text("SELECT 1"))
            return
        async with self._writing() as session:
            if (await session.connection()).dialect.name == "sqlite":
                version = await session.scalar(text("PRAGMA user_version")) or 0
                await session.execute(text(f"PRAGMA user_version = {version ^ 1}"))  # of no use to this schema
            else:
                await session.execute(text("UPDATE alembic_version SET version_num = version_num"))

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncSession]:
        if self._engine is None:
            raise RuntimeError("The store is closed: call open() first.")
        async with self._noticing("reading"), self._read_turn, AsyncSession(self._engine) as session:
            yield session

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[AsyncSession]:
        """Open a transaction: committed at the end of the block, rolled back by an exception in it.

        Raises:
            LeaseLost: a lease is held (see `leases`), and lasts no more.
        """
        async with (
            self._noticing("writing"),
            self._write_turn,
            AsyncSession(self._immediate(), expire_on_commit=False) as session,
            session.begin(),
        ):
            await check_lease(session)
            yield session
        if self._checkpoints is not None:
            self._checkpoints.committed()

    @asynccontextmanager
    async def _noticing(self, use: Use) -> AsyncGenerator[None]:
        """Raise `StorageFailed` for a driver's errors that mean an outage, and measure."""
        began = monotonic() if self.measured is not None else 0.0
        try:
            yield
        except Exception as error:
            if not (reason := outage_of(error)):
                raise
            self._outage.failed(use, reason)
            raise StorageFailed(AWAY) from None
        finally:
            if self.measured is not None and began:
                self.measured(use, monotonic() - began)
        self._outage.succeeded(use)


async def take_write_lock(transaction: AsyncConnection | AsyncSession) -> None:
    """Serialise this transaction with others that take the lock (PostgreSQL); SQLite's writers are serial anyway."""
    connection = await transaction.connection() if isinstance(transaction, AsyncSession) else transaction
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")


def shielded(
    method: Callable[Concatenate[AnyDatabase, Parameters], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate[AnyDatabase, Parameters], Coroutine[Any, Any, Result]]:
    """Shield a method from cancellation of its caller (a barge-in cancels at any await): once begun, it completes.

    Otherwise a cancelled statement would close its connection, which for an in-memory database is the database.
    """

    @functools.wraps(method)
    async def verb(self: AnyDatabase, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        task = asyncio.create_task(method(self, *args, **kwargs))
        self._running.add(task)
        task.add_done_callback(functools.partial(_finished, self._running))
        return await asyncio.shield(task)

    return verb


def _finished(running: set[asyncio.Task[Any]], task: asyncio.Task[Any]) -> None:
    running.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, in case that its caller was cancelled


def _make_private(path: Path) -> None:
    """Create the file, or tighten it, with what SQLite keeps beside it; its folder only if it is not there yet."""
    if not path.parent.exists():
        private_folder(path.parent)
    if not path.exists() or os.access(path, os.W_OK):
        private_file(path)
    for suffix in ("-wal", "-shm"):
        tighten(path.with_name(path.name + suffix))


def _is_in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Disable the driver's implicit transactions, which begin too late for BEGIN IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # BEGIN IMMEDIATE: a transaction that reads and then writes could otherwise fail with "database is locked".
    if connection.get_execution_options().get("immediate"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
