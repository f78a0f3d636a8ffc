"""Databases with every table and nothing in them, made once and copied where a test is not about making one."""

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine

from models import migrations
from models.store import Store


@cache
def _empty() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="glow-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    return path


def lay_database(path: Path) -> None:
    """Put an empty database at `path`, unless there is one: a tenth of the time that the migrations take."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        shutil.copy(_empty(), path)


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="glow-tests-") as folder:
        path = Path(folder) / "glow.db"
        lay_database(path)
        yield f"sqlite+aiosqlite:///{path}"


@asynccontextmanager
async def empty_store() -> AsyncIterator[Store]:
    """An open store with nothing in it."""
    with database() as url:
        async with Store(url) as store:
            yield store
