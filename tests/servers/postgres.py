"""A PostgreSQL server of the tests' own, where its programs are installed: in a temporary folder, on a local socket."""

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest


@contextlib.contextmanager
def postgres_running() -> Iterator["Postgres"]:
    """A new, empty server; skips the test where there is none, or no driver for it."""
    pytest.importorskip("asyncpg", reason="the driver of PostgreSQL is not installed")
    pg_ctl = shutil.which(
        "pg_ctl", path=os.pathsep.join([os.defpath, *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))])
    )
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if pg_ctl is None or (user is not None and user not in {entry.pw_name for entry in pwd.getpwall()}):
        pytest.skip("PostgreSQL is not installed")
    # Not pytest's folder: a socket's path has at most 107 letters, and the server's user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="glow-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data = str(folder / "data")

        def run(*arguments: str) -> None:
            command = [pg_ctl, "-D", data, "-s", "-w", *arguments]
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=120)

        def start() -> None:
            run("start", "-l", str(folder / "log"), "-o", f"-c listen_addresses= -c fsync=off -k {folder}")

        def stop() -> None:
            run("stop", "-m", "immediate")

        run("init", "-o", "-U postgres -A trust -N")
        start()
        try:
            yield Postgres(folder, start, stop)
        finally:
            stop()
    finally:
        shutil.rmtree(folder)


class Postgres:
    """A running server."""

    def __init__(self, folder: Path, start: Callable[[], None], stop: Callable[[], None]) -> None:
        self._folder = folder
        self._start = start
        self._stop = stop

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """The server is killed for as long as the block lasts."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def connections(self, url: str) -> int:
        """How many connections there are to a database of `new_database`."""
        name = urlsplit(url).path.removeprefix("/")

        async def counted() -> int:
            import asyncpg

            connection = await asyncpg.connect(host=str(self._folder), user="postgres", database="postgres")
            try:
                number = await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name)
            finally:
                await connection.close()
            return int(number)

        return asyncio.run(counted())

    def new_database(self) -> str:
        """An empty database; returns its URL for SQLAlchemy."""
        name = f"glow_{uuid4().hex}"
        asyncio.run(self._create(name))
        return f"postgresql+asyncpg://postgres@/{name}?host={self._folder}"

    async def _create(self, name: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(host=str(self._folder), user="postgres", database="postgres")
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
