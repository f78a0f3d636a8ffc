"""From the database of one service to that of many: all of it or nothing, and the same on both sides."""

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from models import migrations
from models.store import Store
from models.tables.base import Base
from models.transfer.backup import Places, back_up
from models.transfer.databases import move_database
from models.transfer.errors import NotEmpty, TransferFailed
from models.transfer.restore import restore
from models.transfer.tables import BATCH, TableSum
from tests.models.conftest import CONTENT, START
from tests.models.test_users import fill_every_table
from tests.servers.postgres import Postgres, postgres_running

pytestmark = pytest.mark.slow

ODD = 'Ünï "quoted" \\ \n\t 🙂 ‮ \x7f'


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_running() as server:
        yield server


@pytest.fixture
def url(tmp_path: Path) -> str:
    """That of no database yet."""
    return f"sqlite+aiosqlite:///{tmp_path}/glow.db"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "glow.db"
    asyncio.run(write_a_lot(f"sqlite+aiosqlite:///{path}", path))
    return path


@pytest.fixture
def full(url: str, tmp_path: Path, written: Path) -> str:
    """The URL of a database with a row in each table."""
    shutil.copy(written, tmp_path / "glow.db")
    return url


@pytest.fixture
def target(postgres: Postgres) -> str:
    return postgres.new_database()


async def write_a_lot(url: str, path: Path) -> None:
    """A database with a row in each table, and what databases tell differently."""
    early = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    async with Store(url, now=lambda: early) as store:
        await store.install(**CONTENT)
        ada = await store.create_user("ada")
        await store.create_token("ada", label=ODD)
        attempt = await store.start_attempt(ada.id, practice_id="p1")
        for number in range(BATCH + 7):
            chat_id = attempt.chats[number % 2].id
            await store.add_message(chat_id, "user", f"{number} {ODD}", origin="typed")
        await store.save_draft(ada.id, {"z": 1, "a": [None, True, 1.5, 10**15, ODD, "\x00"]})
    fill_every_table(path, ada.id)
    with closing(sqlite3.connect(path)) as connection, connection:
        # A message that names a later one, so that no order of rows is right while they are written.
        first, last = "SELECT min(rowid) FROM messages", "SELECT id FROM messages ORDER BY rowid DESC LIMIT 1"
        connection.execute(f"UPDATE messages SET parent_id = ({last}) WHERE rowid = ({first})")
        connection.execute("INSERT INTO phone_numbers VALUES ('+15551230000', '{}', '2030-01-01 00:00:00.000000')")
        connection.execute("UPDATE nodes SET accuracy = 0.1 + 0.2")


async def rows(url: str) -> dict[str, int]:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        found = {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
    await engine.dispose()
    return found


async def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        found = await connection.execute(text(statement))
        answer = [tuple(row) for row in found] if found.returns_rows else []
    await engine.dispose()
    return answer


def test_everything_is_in_postgresql_and_comes_back(run, full, tmp_path, target):
    async def story():
        back = f"sqlite+aiosqlite:///{tmp_path}/back/glow.db"
        there = await rows(full)
        moved = await move_database(full, target)
        assert [name for name, number in there.items() if not number] == ["processes"], (
            "each table has a row but this one"
        )
        assert await rows(target) == there | {"processes": 0}
        assert await move_database(target, back) == moved | {"processes": TableSum()}
        assert await rows(back) == there | {"processes": 0}
        assert stat.S_IMODE((tmp_path / "back" / "glow.db").stat().st_mode) == 0o600
        # What is told differently by databases, as their own programs see it.
        ((text_, at, nothing),) = await ask(
            target, "SELECT label, created_at, session::text FROM tokens WHERE label != '' AND label NOT LIKE 'word%'"
        )
        assert (text_, at) == (ODD, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
        assert nothing == "null", "JSON's null is not the absence of a value"
        assert await ask(target, "SELECT accuracy FROM nodes") == [(0.1 + 0.2,)]
        assert await ask(
            target, "SELECT count(*) FROM documents WHERE words @@ to_tsquery('english', 'punctual | time')"
        ) != [(0,)], "what the database computes is there"
        # And the service goes on with either.
        for place in (target, back):
            async with Store(place) as store:
                ada = await store.user_named("ada")
                attempt = await store.start_attempt(ada.id, practice_id="p1")
                assert await store.add_message(attempt.chats[0].id, "user", "Hello again.", origin="typed")
                assert [one.name for one in await store.find_documents(ada.id, "time")][:1] == ["House rules"]

    run(story())


def test_a_backup_of_either_kind_is_put_back_into_either(run, full, tmp_path, target, postgres):
    def places(name, url=""):
        folder = tmp_path / name
        return Places(url or f"sqlite+aiosqlite:///{folder}/glow.db", folder, folder / "models")

    async def story():
        there = await rows(full)
        first = await back_up(replace(places("data"), database_url=full), tmp_path / "first", START, "1")
        await restore(tmp_path / "first", places("a", target), force=False)
        assert await rows(target) == there | {"processes": 0}
        second = await back_up(places("a", target), tmp_path / "second", START, "1")
        assert second.manifest.sums == first.manifest.sums | {"processes": TableSum()}
        await restore(tmp_path / "second", places("b"), force=False)
        assert await rows(places("b").database_url) == there | {"processes": 0}
        with pytest.raises(NotEmpty, match="has tables already"):
            await restore(tmp_path / "second", places("c", target), force=False)
        await ask(target, "DELETE FROM personas WHERE id NOT IN (SELECT persona_id FROM scenario_personas)")
        await restore(tmp_path / "second", places("c", target), force=True)
        assert await rows(target) == there | {"processes": 0}

    run(story())


def test_a_reference_to_a_row_that_is_not_there_is_still_refused_afterwards(run, full, tmp_path, target):
    async def story():
        await move_database(full, target)
        deferrable = await ask(target, "SELECT count(*) FROM pg_constraint WHERE condeferrable")
        assert deferrable == [(0,)]
        assert await ask(target, "SELECT count(*) FROM pg_sequences") == [(0,)], "none that would begin again at 1"

    run(story())


def test_a_database_of_an_earlier_version_is_migrated_on_the_way(run, url, tmp_path, target):
    async def story():
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(migrations.upgrade, "0012")
            await connection.execute(text("INSERT INTO users (id, name, created_at) VALUES ('u', 'ada', '2030-01-01')"))
        await engine.dispose()
        assert (await move_database(url, target))["users"].rows == 1
        async with Store(target) as store:
            assert [account.user.name for account in await store.list_users()] == ["ada"]
        assert await ask(url, "SELECT version_num FROM alembic_version") == [("0012",)], "the source stays as it is"

    run(story())


def test_a_target_that_is_not_empty_is_refused_and_left_alone(run, full, tmp_path, target):
    async def story():
        await ask(target, "CREATE TABLE diary (day text)")
        with pytest.raises(NotEmpty, match="has tables already, such as diary"):
            await move_database(full, target)
        assert await ask(target, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("diary",)]
        with pytest.raises(NotEmpty, match=r"glow\.db is there already"):
            await move_database(target, full)
        with pytest.raises(TransferFailed, match="the same database"):
            await move_database(full, full)

    run(story())


def test_what_does_not_arrive_as_it_was_is_not_kept(run, full, tmp_path, target):
    """A number that PostgreSQL has no room for, in the last table: nothing of those before it stays."""

    async def story():
        with closing(sqlite3.connect(tmp_path / "glow.db")) as connection, connection:
            connection.execute("UPDATE chat_files SET size = 3000000000")
        with pytest.raises(TransferFailed, match="int32"):
            await move_database(full, target)
        assert await ask(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]

    run(story())


def test_a_row_that_is_lost_on_the_way_is_noticed(run, full, tmp_path, target):
    async def story():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("models.transfer.databases.write_rows", losing)
            with pytest.raises(TransferFailed, match="The rows of users are not the same"):
                await move_database(full, target)
        assert await ask(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]

    from models.transfer.tables import write_rows

    def losing(connection, source):
        written = write_rows(connection, source)
        connection.execute(text("UPDATE users SET created_at = created_at + interval '1 microsecond'"))
        return written

    run(story())


@pytest.mark.parametrize("direction", ["to PostgreSQL", "from PostgreSQL"])
def test_while_the_service_runs_nothing_is_moved(run, url, target, tmp_path, direction):
    async def story():
        source, to = (url, target) if direction == "to PostgreSQL" else (target, url)
        async with Store(source) as store:
            await store.join()
            with pytest.raises(TransferFailed, match="1 processes of the service run on the database: stop them"):
                await move_database(source, to)
            await store.leave()
        assert (await move_database(source, to))["users"].rows == 0
        assert (tmp_path / "glow.db").exists()

    run(story())


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_a_process_that_was_killed_stops_no_move(run, url, target, place):
    async def story():
        seen = datetime.now(UTC) - timedelta(seconds=30 if place == "elsewhere" else 0)
        async with Store(url, now=lambda: seen) as store:
            await store.join()
        if place == "elsewhere":
            await ask(url, "UPDATE processes SET place = 'another machine'")
        else:
            await ask(url, "UPDATE processes SET pid = 4194304, began = '1'")
        await move_database(url, target)
        assert await ask(target, "SELECT count(*) FROM processes") == [(0,)]

    run(story())


def test_a_database_that_cannot_be_reached_is_told_without_its_password(run, full, tmp_path, target):
    async def story():
        for away, why in (
            ("postgresql+asyncpg://glow:Sesame@127.0.0.1:1/glow", "refused|Connect"),
            (target.replace("/glow_", "/nowhere_"), "does not exist"),
            ("postgresql+nosuch://glow:Sesame@x/glow", "dialect|plugin"),
        ):
            with pytest.raises(TransferFailed, match=why) as failed:
                await move_database(full, away)
            assert "Sesame" not in str(failed.value)
        with pytest.raises(TransferFailed, match="no database"):
            await move_database(f"sqlite+aiosqlite:///{tmp_path}/none.db", target)
        with pytest.raises(TransferFailed, match="no database of Glow Voice"):
            await move_database(target, f"sqlite+aiosqlite:///{tmp_path}/new.db")
        assert not (tmp_path / "new.db").exists()

    run(story())
