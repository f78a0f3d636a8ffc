"""Versions beside each other: this one on the schema of the next, and what a migration may do without saying so."""

import ast
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from models import migrations
from models.errors import StoreUnavailable
from models.store import Store
from tests.models.conftest import CONTENT
from tests.models.next_version import AFTER, CONTRACTS, EXPANDS, KNOWN, NEXT, newer_migrations
from tests.servers.postgres import postgres_running

SINCE = "0017"
"""The first revision of which the table `schema_needs` tells."""


@pytest.fixture
def newer(tmp_path):
    return newer_migrations(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """The URL of a new database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/glow.db"
        return
    with postgres_running() as server:
        yield server.new_database()


async def migrate(url, folder, to):
    """What a newer version does to the database as it starts."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(migrations.upgrade, to, folder)
    finally:
        await engine.dispose()


def test_this_version_runs_on_a_schema_that_the_next_one_has_expanded(run, place, newer):
    async def story():
        async with Store(place) as store:
            await store.install(**CONTENT)
            ada = await store.create_user("ada")
            first = await store.start_attempt(ada.id, practice_id="p1")
            chat_id = first.chats[0].id
            await store.join()
            # The next version starts beside this one: its migration disturbs nothing that runs.
            assert await migrate(place, newer, NEXT)
            said = await store.add_message(chat_id, "user", "Hello.", origin="typed")
            await store.beat()
            await store.leave()
        # And this one is started again, as after a rollback.
        async with Store(place) as store:
            assert await store.messages(chat_id) == (said,)
            await store.install(**CONTENT)
            await store.create_token("bob")
            again = await store.start_attempt(ada.id, practice_id="p1")
            await store.remove_chat(ada.id, again.chats[0].id)
            await store.join()
            assert await store.recover()
            await store.check()
            await store.leave()
        assert await migrate(place, newer, NEXT), "the next version goes on with what this one wrote"

    run(story())


def test_a_contracting_revision_is_refused_by_name(run, place, newer):
    async def story():
        async with Store(place):
            pass
        assert await migrate(place, newer, AFTER)
        with pytest.raises(StoreUnavailable) as refused:
            await Store(place).open()
        assert f"for versions that know {NEXT}; this one knows {KNOWN}" in str(refused.value)
        assert "upgrade" in str(refused.value)

    run(story())


def test_a_contracting_revision_waits_until_older_processes_have_ended(run, place, newer):
    async def story():
        async with Store(place) as store:
            await store.join()
            assert await migrate(place, newer, NEXT)
            with pytest.raises(migrations.OlderRuns, match=f"1 of a version that does not know the schema {NEXT}"):
                await migrate(place, newer, AFTER)
            await store.beat()
            await store.leave()
        assert await migrate(place, newer, AFTER)

    run(story())


def test_the_service_is_told_to_stop_older_processes_first(run, url, path, monkeypatch):
    async def story():
        async with Store(url):
            pass
        monkeypatch.setattr(migrations, "upgrade", refuse)
        with pytest.raises(StoreUnavailable, match="stop the older processes first"):
            await Store(url).open()

    def refuse(connection):
        raise migrations.OlderRuns("2 of a version that is older run on it")

    run(story())


def test_a_database_of_before_the_table_is_migrated_and_says_what_it_needs(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/glow.db")
    with engine.begin() as connection:
        migrations.upgrade(connection, "0016")
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "glow.db")) as connection:
        ((needs,),) = connection.execute("SELECT revision FROM schema_needs").fetchall()
        assert SINCE <= needs <= KNOWN


def contracts(source: str) -> list[str]:
    """What a migration does that the version before it may not live with."""
    (upgrade,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == "upgrade")
    found = []
    for call in (node for node in ast.walk(upgrade) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", "")
        if name in ("drop_column", "drop_table", "alter_column", "rename_table", "batch_alter_table", "execute") or (
            name.startswith("create_") and name.endswith("_constraint")
        ):
            found.append(name)
        elif name == "add_column" and not all(map(_may_be_left_out, call.args)):
            found.append("add_column")
    return found


def _may_be_left_out(node: ast.expr) -> bool:
    given = {keyword.arg: keyword.value for keyword in getattr(node, "keywords", ())}
    return "server_default" in given or getattr(given.get("nullable"), "value", None) is not False


def test_a_migration_that_contracts_says_which_versions_can_live_with_it():
    for file in sorted(Path(migrations.__path__[0], "versions").glob("v*.py")):
        if file.stem[1:5] >= SINCE:
            source = file.read_text("utf-8")
            assert not contracts(source) or "\nneeds = " in source, file.name


def test_what_contracts_is_known_as_such():
    assert contracts(EXPANDS) == []
    assert contracts(CONTRACTS) == ["drop_column"]
    assert contracts(EXPANDS.replace(', server_default="7"', "")) == ["add_column"]
    assert contracts(EXPANDS.replace("create_table", "rename_table")) == ["rename_table"]
