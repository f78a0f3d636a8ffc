"""The file, its schema, and what happens when many write at once or a caller is cancelled."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from models import migrations
from models.errors import Invalid, StoreUnavailable
from models.records.core import Practice
from models.store import Store
from models.store.checkpoints import EVERY, Checkpoints
from models.tables.base import Base
from tests.models.conftest import CONTENT

MIGRATIONS = str(Path(migrations.__file__).parent)


def query(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def not_full_text(name, kind, parents):
    """SQLite keeps its full-text index in tables of its own, which no class describes."""
    return kind != "table" or not name.startswith("documents_fts")


def test_a_new_database_has_exactly_the_tables_of_the_code(run, url, path):
    async def open_and_close():
        async with Store(url):
            pass

    run(open_and_close())
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": not_full_text})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == ScriptDirectory(MIGRATIONS).get_current_head() == migrations.newest()
    engine.dispose()


def test_the_file_is_in_wal_mode(store, path):
    assert query(path, "PRAGMA journal_mode") == [("wal",)]


def test_no_commit_copies_the_log_into_the_database(run, store, path, chat_id):
    def say(number: int) -> None:
        run(store.add_message(chat_id, "user", f"{number} " + "word " * 4_000, origin="typed"))

    before = path.read_bytes()
    for number in range(EVERY - 10):
        say(number)
    assert path.with_name("glow.db-wal").stat().st_size > 1_000 * 4_096, "where SQLite would do it by itself"
    assert path.read_bytes() == before
    for number in range(10):
        say(number)
    run(store._checkpoints.finished())
    assert path.read_bytes() != before, "it is copied beside the commits"


def test_a_log_that_has_become_long_is_copied_whole(run, store, path, chat_id):
    async def story():
        await store.add_message(chat_id, "user", "Hello.", origin="typed")
        checkpoints = Checkpoints(store._engine, every=1, longest_log=1)
        checkpoints.committed()
        await checkpoints.finished()

    run(story())
    assert path.with_name("glow.db-wal").stat().st_size == 0


def test_closing_and_opening_again_keeps_everything(run, store, ada, attempt, chat_id):
    said = run(store.add_message(chat_id, "user", "Hello.", origin="spoken"))
    run(store.close())
    run(store.close())
    with pytest.raises(RuntimeError, match="closed"):
        run(store.messages(chat_id))

    run(store.open())
    assert run(store.user_by_name("ada")) == ada
    assert run(store.attempt(ada.id, attempt.id)) == attempt
    assert run(store.messages(chat_id)) == (said,)
    with pytest.raises(RuntimeError, match="open already"):
        run(store.open())


def test_a_store_in_memory_serves_readers_and_writers_at_once(run):
    """There is one connection: a reader that gives it back must not end the transaction that a writer is in."""

    async def story():
        async with Store("sqlite+aiosqlite://") as store:
            reads = [store.user_by_name("nobody") for _ in range(20)]
            writes = [store.create_user(f"user {number}") for number in range(10)]
            refused = store.install(**CONTENT | {"practices": [Practice("p1", "To nowhere", "nowhere")]})
            error, *_ = await asyncio.gather(refused, *reads, *writes, return_exceptions=True)
            assert isinstance(error, Invalid)
            assert await store.personas() == ()
            assert await store.user_by_name("user 9") is not None

    run(story())


def test_fifty_at_once_keep_one_order(run, store, chat_id):
    async def story():
        return await asyncio.gather(
            *(store.add_message(chat_id, "user", str(number), origin="spoken") for number in range(50))
        )

    added = run(story())
    stored = run(store.messages(chat_id))
    assert stored == tuple(added)
    assert [message.parent_id for message in stored] == [None, *(message.id for message in stored[:-1])]


def test_two_processes_worth_of_stores_write_to_one_file(url, path):
    """Each thread has its own loop and its own store, from the first migration on, as `serve` and `token` have."""
    errors = []

    async def story(name):
        async with Store(url) as store:
            for _ in range(20):
                await store.create_token(name)

    def work(name):
        try:
            asyncio.run(story(name))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("ada", "ben", "ada")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert query(path, "SELECT name, count(*) FROM tokens JOIN users ON users.id = user_id GROUP BY name") == [
        ("ada", 40),
        ("ben", 20),
    ]


@pytest.mark.parametrize("place", ["file", "memory"])
def test_a_cancelled_caller_leaves_neither_half_a_write_nor_a_broken_store(run, url, place):
    async def story():
        async with Store(url if place == "file" else "sqlite+aiosqlite://") as store:
            for turns in range(30):
                writing = asyncio.create_task(store.create_token(f"user {turns}"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            # In turn after whatever is still being written.
            await store.create_user("the last")
            tokens = await store.list_tokens()
            named = [await store.user_by_name(f"user {turns}") for turns in range(30)]
            assert {token.user for token in tokens} == {user for user in named if user}
            assert len(tokens) >= 28

    run(story())


@pytest.mark.parametrize(
    "bad", ["not a url", "sqlite:///x.db", "nosuch+driver://x/y", "sqlite+aiosqlite:////proc/no/glow.db"]
)
def test_a_database_that_cannot_be_opened_says_so_in_a_sentence(run, bad):
    with pytest.raises(StoreUnavailable, match=r"^The database cannot be opened .*: check "):
        run(Store(bad).open())


def test_a_file_that_is_no_database_is_refused_and_left_alone(run, url, path):
    path.parent.mkdir()
    path.write_bytes(b"my diary, page 1\n" * 500)
    with pytest.raises(StoreUnavailable):
        run(Store(url).open())
    assert path.read_bytes() == b"my diary, page 1\n" * 500


def test_a_database_of_a_newer_version_is_refused(run, store, url, path):
    run(store.close())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_needs SET revision = '9999'")
    with pytest.raises(StoreUnavailable, match="newer version"):
        run(Store(url).open())


def test_times_come_back_in_utc_and_a_clock_without_a_zone_is_refused(run, url):
    noon = datetime(2030, 6, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    async def create_token(now):
        async with Store(url, now=lambda: now) as store:
            await store.create_token("ada")
            return (await store.list_tokens())[0].created_at

    assert run(create_token(noon)) == noon
    assert run(create_token(noon)).tzinfo is UTC
    with pytest.raises(Exception, match="time zone"):
        run(create_token(datetime(2030, 6, 1, 12)))  # noqa: DTZ001
