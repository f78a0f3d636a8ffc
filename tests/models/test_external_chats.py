"""Other systems' chats in the store: whose they are, what becomes of their messages, and the credentials to them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import Conflict, Invalid, NotFound, TokenExpired
from models.records.core import Grant
from models.records.external import ExternalDraft
from models.store import Store
from tests.models.conftest import START
from tests.models.test_database import query


def test_a_chat_is_its_users_and_its_dialects(run, store, ada):
    bob = run(store.create_user("bob"))
    chat = run(store.add_external_chat(ada.id, "gloo", id="c1", title="Hello"))
    assert run(store.external_chat(ada.id, "c1", "gloo")) == chat
    for user_id, dialect in ((bob.id, "gloo"), (ada.id, "glean")):
        with pytest.raises(NotFound):
            run(store.external_chat(user_id, "c1", dialect))
    with pytest.raises(Conflict):
        run(store.add_external_chat(bob.id, "glean", id="c1"))
    with pytest.raises(NotFound):
        run(store.add_external_chat("nobody", "glean"))
    with pytest.raises(Invalid):
        run(store.add_external_chat(ada.id, "glean", id=""))
    with pytest.raises(NotFound):
        run(store.change_external_chat(bob.id, "c1", title="Mine"))
    assert run(store.remove_external_chats(bob.id, "gloo", ["c1"])) == ()
    assert run(store.remove_external_chats(ada.id, "gloo")) == ("c1",)


def test_chats_are_listed_a_part_at_a_time_also_those_of_one_moment(run, tmp_path):
    async def story():
        async with Store(f"sqlite+aiosqlite:///{tmp_path}/one.db", now=lambda: START) as store:
            user = await store.create_user("ada")
            for name in ("c3", "c1", "c2"):
                await store.add_external_chat(user.id, "glean", id=name)
            first = await store.external_chats(user.id, "glean", limit=2)
            rest = await store.external_chats(user.id, "glean", after=(first[-1].updated_at, first[-1].id))
            assert [[chat.id for chat in part] for part in (first, rest)] == [["c1", "c2"], ["c3"]]

    run(story())


def test_messages_keep_their_order_and_an_id_is_stored_once(run, store, ada):
    chat = run(store.add_external_chat(ada.id, "glean"))
    first = run(store.add_external_messages(chat.id, [ExternalDraft("user", "one", id="m1")]))
    again = run(store.add_external_messages(chat.id, [ExternalDraft("user", "other", id="m1")]))
    assert first == again
    run(store.add_external_messages(chat.id, [ExternalDraft("assistant", "two\x00", parent_id="m1")]))
    changed = run(store.update_external_message("m1", text="uno", kind="learning", data={"a": 1}))
    assert (changed.text, changed.kind, changed.data) == ("uno", "learning", {"a": 1})
    assert [message.text for message in run(store.external_messages(chat.id))] == ["uno", "two\ufffd"]
    assert run(store.remove_external_exchange(ada.id, "glean", "m1"))
    assert run(store.external_messages(chat.id)) == ()


def test_secrets_are_kept_as_hashes_and_tokens_end(run, store, path, ada):
    secret, client = run(store.create_oauth_client("ada", "a program"))
    token = run(store.issue_access_token(client.id, secret, "api/access", timedelta(seconds=60)))
    grant = run(store.grant_for(token))
    assert replace(grant, expires_at=None) == Grant(ada, "user", "client", client.id)
    assert run(store.issue_access_token(client.id, "wrong", "api/access", timedelta(seconds=60))) is None
    assert run(store.issue_access_token("nobody", secret, "api/access", timedelta(seconds=60))) is None
    kept = str(query(path, "SELECT * FROM oauth_clients")) + str(query(path, "SELECT * FROM access_tokens"))
    assert secret not in kept
    assert token not in kept
    for _ in range(60):
        store.now()  # its clock ticks each time it is read
    with pytest.raises(TokenExpired):
        run(store.grant_for(token))
    revoked = run(store.revoke_oauth_client(client.id))
    assert revoked.revoked_at is not None
    assert run(store.list_oauth_clients()) == (revoked,)
    with pytest.raises(NotFound):
        run(store.revoke_oauth_client("nobody"))
