"""What is listed of users, and what remains of a deleted one: nothing, in any table."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Float, Integer, Table, create_engine, insert

from models.columns import UtcDateTime
from models.errors import NotFound
from models.store.users import rows_of_user
from models.tables.base import Base
from tests.models.test_removal import rows_with

HOUR = timedelta(hours=1)
VALUES: dict[type, Any] = {UtcDateTime: datetime(2030, 1, 1, tzinfo=UTC), Boolean: False, Integer: 1, JSON: []}


def value(table: Table, column: Column[Any], user_id: str) -> Any:
    """Something for a column: the user, the user's row of the table that it refers to, or anything else."""
    if column.name in ("user_id", "owner_id"):
        return user_id
    for key in column.foreign_keys:
        parent = key.column.table
        if parent is not table and rows_of_user(parent, user_id) is not None:
            return f"{user_id} {parent.name}"
        return None if column.nullable else "desk"
    if column.primary_key and not isinstance(column.type, Integer):
        return f"{user_id} {table.name}"
    if column.nullable:
        return None
    found = 0.5 if isinstance(column.type, Float) else VALUES.get(type(column.type))
    return found if found is not None else f"word of {user_id}"


def fill_every_table(path: Any, user_id: str) -> set[str]:
    """A row of the user's in every table that can have one; returns their names."""
    engine, filled = create_engine(f"sqlite:///{path}"), set[str]()
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        for table in Base.metadata.sorted_tables:
            if rows_of_user(table, user_id) is not None:
                row = {column.name: value(table, column, user_id) for column in table.columns}
                connection.execute(insert(table), row)
                filled.add(table.name)
    engine.dispose()
    return filled


def test_nothing_of_a_deleted_user_is_left_in_any_table_and_all_of_the_other(
    run: Callable[..., Any], store: Any, path: Any
) -> None:
    ada, bob = run(store.create_user("ada")), run(store.create_user("bob"))
    filled = fill_every_table(path, ada.id)
    assert fill_every_table(path, bob.id) == filled
    assert {
        "messages",
        "access_tokens",
        "node_edges",
        "scenario_personas",
        "test_runs",
        "open_calls",
        "past_calls",
    } <= filled
    assert filled <= rows_with(path, ada.id) == rows_with(path, bob.id)
    assert run(store.close_user("ada")) == ada
    assert run(store.remove_user_chats(ada.id)).chat_ids == (f"{ada.id} chats",)
    assert run(store.remove_user_chats(ada.id)).chat_ids == (f"{ada.id} external_chats",)
    assert run(store.remove_user_chats(ada.id)).chat_ids == ()
    assert run(store.remove_user(ada.id)).audio_ids == (f"{ada.id} audios",)
    assert rows_with(path, ada.id) == set()
    assert filled <= rows_with(path, bob.id)


def test_a_user_who_is_closed_opens_nothing_and_leaves_the_name(run: Callable[..., Any], store: Any, path: Any) -> None:
    secret, _ = run(store.create_token("ada"))
    run(store.create_oauth_client("ada"))
    grant = run(store.grant_for(secret))
    run(store.create_token("ada", lifetime=timedelta(seconds=1)))
    run(store.start_attempt(grant.user.id, practice_id="p1"))
    (account,) = run(store.list_users())
    assert (account.user, account.tokens, account.chats, account.deleted_at) == (grant.user, 2, 2, None)
    assert run(store.close_user("ada")) == grant.user
    assert run(store.standing([grant])) == set()
    assert run(store.grant_for(secret)) is None
    assert run(store.list_tokens()) == run(store.list_oauth_clients()) == ()
    (account,) = run(store.list_users())
    assert (account.tokens, account.chats) == (0, 2)
    assert account.deleted_at is not None
    assert "ada" not in rows_with(path, "ada")
    again = run(store.create_user("ada"))
    assert again.id != grant.user.id
    assert run(store.close_user(grant.user.id)).id == grant.user.id, "by the id, to be removed after all"
    assert [one.deleted_at for one in run(store.list_users())] == [account.deleted_at, None]
    with pytest.raises(NotFound, match="glow user list"):
        run(store.close_user("nobody"))


def test_a_secret_made_by_many_at_once_for_a_user_who_is_being_deleted(run: Callable[..., Any], store: Any) -> None:
    async def story() -> None:
        await store.create_user("ada")
        await asyncio.gather(*(store.create_token("ada") for _ in range(5)), store.close_user("ada"))
        accounts = await store.list_users()
        assert all(account.tokens == 0 for account in accounts if account.deleted_at)

    run(story())
