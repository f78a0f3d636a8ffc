"""What a secret opens, which grants still stand, and the migration of what older versions kept."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from models.errors import Conflict, Invalid, NotFound, TokenExpired
from models.records.core import Grant
from models.store import Store
from models.store.accounts import hash_of
from tests.models.conftest import START
from tests.models.test_database import MIGRATIONS, query

HOUR = timedelta(hours=1)


def test_a_token_has_a_scope_and_a_persona(run, store):
    for scope, persona_id in (("user", None), ("operator", None), ("kiosk", None), ("phone", None), ("invite", "mo")):
        secret, token = run(store.create_token("ada", scope=scope, lifetime=HOUR, persona_id=persona_id))
        assert run(store.grant_for(secret)) == Grant(
            token.user, scope, "token", token.id, persona_id, (), token.expires_at
        )
        assert token.expires_at == token.created_at + HOUR
        assert token in run(store.list_tokens())


@pytest.mark.parametrize(
    ("scope", "persona_id", "error"),
    [("invite", None, Invalid), ("user", "mo", Invalid), ("invite", "nobody", NotFound)],
)
def test_an_invite_is_to_a_persona_that_exists(run, store, scope, persona_id, error):
    with pytest.raises(error):
        run(store.create_token("ada", scope=scope, persona_id=persona_id))
    assert run(store.list_tokens()) == ()


def test_a_token_for_calls_may_be_for_some_practices(run, store):
    secret, token = run(store.create_token("ada", scope="kiosk", practice_ids=["p1"]))
    assert run(store.grant_for(secret)).practice_ids == token.practice_ids == ("p1",)
    with pytest.raises(NotFound, match="no practice 'none'"):
        run(store.create_token("ada", scope="kiosk", practice_ids=["none"]))
    with pytest.raises(Invalid, match="a user may start all"):
        run(store.create_token("ada", practice_ids=["p1"]))


def test_an_expired_token_opens_nothing_and_is_listed_for_a_day(run, store):
    secret, token = run(store.create_token("ada", lifetime=timedelta(seconds=-1)))
    with pytest.raises(TokenExpired, match="make another"):
        run(store.grant_for(secret))
    long_over, _ = run(store.create_token("ada", lifetime=timedelta(days=-2)))
    _, last = run(store.create_token("ada"))
    assert [listed.id for listed in run(store.list_tokens())] == [token.id, last.id]
    assert run(store.grant_for(long_over)) is None


def test_acting_for_others_is_an_operators(run, store):
    secret, token = run(store.create_token("ada"))
    assert run(store.allow_acting(token.id[:8])).scope == run(store.grant_for(secret)).scope == "operator"
    _, kiosk = run(store.create_token("ada", scope="kiosk"))
    with pytest.raises(Conflict, match="scope of this token is kiosk"):
        run(store.allow_acting(kiosk.id))
    for nothing in ("nothing begins so", ""):
        with pytest.raises(NotFound):
            run(store.allow_acting(nothing))


def test_only_one_caller_spends_an_invite(run, store):
    _, token = run(store.create_token("ada", scope="invite", persona_id="mo"))

    async def story():
        return await asyncio.gather(*(store.spend_token(token.id) for _ in range(5)))

    assert sorted(run(story())) == [False] * 4 + [True]
    run(store.restore_token(token.id))
    assert run(store.spend_token(token.id))


def test_a_token_knows_the_chats_that_it_started(run, store, attempt, chat_id):
    run(store.keep_started("kiosk", [chat_id]))
    assert run(store.has_started("kiosk", chat_id))
    assert not run(store.has_started("other", chat_id))
    assert not run(store.has_started("kiosk", "no chat"))


def test_one_query_says_which_of_many_grants_still_stand(run, store, path, ada):
    grants = [run(store.grant_for(run(store.create_token(name))[0])) for name in ("ada", "bob", "eve", "gone")]
    _, client = run(store.create_oauth_client("ada"))
    _, other = run(store.create_oauth_client("ada"))
    grants += [Grant(ada, "user", "client", client.id), Grant(ada, "user", "client", other.id), Grant(ada)]
    grants.append(Grant(replace(ada, id="deleted")))
    expiring = run(store.grant_for(run(store.create_token("ada", lifetime=timedelta(days=1)))[0]))
    grants += [expiring, replace(expiring, expires_at=START)]
    run(store.revoke_token(grants[1].credential_id))
    run(store.revoke_oauth_client(client.id))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM tokens WHERE user_id = ?", (grants[3].user.id,))
        connection.execute("DELETE FROM users WHERE id = ?", (grants[3].user.id,))
        connection.commit()
    asked = []
    event.listen(store._engine.sync_engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    standing = run(store.standing(grants))
    assert standing == {grants[0], grants[2], grants[5], grants[6], expiring}
    assert len(asked) == 1


def test_what_older_versions_kept_becomes_tokens(run, tmp_path):
    path = tmp_path / "old.db"
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for statement in (
            "INSERT INTO users VALUES ('u', 'ada', '2030-01-01 00:00:00')",
            f"INSERT INTO tokens VALUES ('plain', 'u', '', '{hash_of('a')}', '2030-01-01 00:00:00', NULL)",
            f"INSERT INTO tokens VALUES ('acting', 'u', '', '{hash_of('b')}', '2030-01-01 00:00:00', NULL)",
            "INSERT INTO acting_tokens VALUES ('acting', '2030-01-01 00:00:00')",
            f"INSERT INTO short_tokens VALUES ('{hash_of('c')}', 'u', '2030-01-01 00:00:00', '2999-01-01 00:00:00')",
        ):
            connection.exec_driver_sql(statement)

    async def story():
        async with Store(f"sqlite+aiosqlite:///{path}") as store:
            return [await store.grant_for(secret) for secret in "abc"]

    grants = run(story())
    assert [(grant.user.name, grant.scope) for grant in grants] == [
        ("ada", "user"),
        ("ada", "operator"),
        ("ada", "user"),
    ]
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0008")
    engine.dispose()
    assert query(path, "SELECT id FROM tokens ORDER BY id") == [("acting",), ("plain",)]
    assert query(path, "SELECT token_id FROM acting_tokens") == [("acting",)]
