"""Copies SQLite's log of writes into the database, beside the writes rather than in one of them.

By itself SQLite does so at the end of a commit, as soon as the log has 1,000 pages, and waits for the disk twice. On a
busy disk that takes seconds, in which the log grows on, so that each commit after it has to do the same, with all
other writes of the process behind it.
"""

import asyncio
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

BUSY_MS = 10_000
"""How long a statement waits for another connection's lock."""

READERS_MS = 500
"""How long writes wait for those who read, for the log to be copied whole."""

EVERY = 200
"""Commits of this process between two checkpoints: about a thousand pages of the log."""

LONGEST_LOG = 16_384
"""Pages (64 MiB) of the log from which on writes wait until it is copied whole, as it would grow for ever otherwise."""


class Checkpoints:
    """The checkpoints of one process.

    Args:
        engine: of a database in a file, whose connections do no checkpoints themselves.
        every, longest_log: see the constants.
    """

    def __init__(self, engine: AsyncEngine, every: int = EVERY, longest_log: int = LONGEST_LOG) -> None:
        self._engine = engine
        self._every = every
        self._longest_log = longest_log
        self._commits = 0
        self._running: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """Note a commit; begin a checkpoint if it is time, and none is on its way."""
        self._commits += 1
        if self._commits >= self._every and (self._running is None or self._running.done()):
            self._commits = 0
            self._running = asyncio.create_task(self._copy(), name="checkpoint of the database")

    async def finished(self) -> None:
        """Return when none is on its way."""
        if self._running is not None:
            await self._running

    async def _copy(self) -> None:
        # What cannot be copied now stays in the log, for the next one.
        with suppress(SQLAlchemyError):
            async with self._engine.connect() as connection:
                copied = await connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
                pages = copied.mappings().one()["log"]
                if pages >= self._longest_log:
                    await _copy_whole(connection)


async def _copy_whole(connection: AsyncConnection) -> None:
    """Copy all of the log, and empty it; writes wait meanwhile, but not for who reads for long."""
    await connection.exec_driver_sql(f"PRAGMA busy_timeout = {READERS_MS}")
    try:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_MS}")
