"""Users and tokens."""

import asyncio

import pytest

from models.errors import Conflict, Invalid, NotFound
from models.records.core import Grant
from models.store import Store


def test_a_token_leads_to_its_user(run, store):
    secret, token = run(store.create_token("ada", label="laptop"))
    assert secret.startswith("glow_")
    assert len(secret) == len("glow_") + 43
    assert run(store.grant_for(secret)) == Grant(token.user, "user", "token", token.id)
    assert token.user == run(store.user_by_name("ada"))


def test_a_second_token_of_a_user_makes_no_second_user(run, store, ada):
    first, _ = run(store.create_token("ada"))
    second, _ = run(store.create_token("ada"))
    assert first != second
    assert run(store.grant_for(first)).user == run(store.grant_for(second)).user == ada


@pytest.mark.parametrize("secret", ["", "glow_", "glow_" + "A" * 43, "no token\x00", "\ud800", "é" * 5000])
def test_any_other_secret_leads_to_nobody(run, store, secret):
    run(store.create_token("ada"))
    assert run(store.grant_for(secret)) is None


def test_a_revoked_token_leads_to_nobody_and_stays_listed(run, store):
    kept, _ = run(store.create_token("ada", label="kept"))
    lost, token = run(store.create_token("ada", label="lost"))
    revoked = run(store.revoke_token(token.id))
    assert run(store.grant_for(lost)) is None
    assert run(store.grant_for(kept)).user == token.user
    assert revoked.revoked_at is not None
    assert run(store.revoke_token(token.id)) == revoked
    assert [(listed.label, listed.revoked_at) for listed in run(store.list_tokens())] == [
        ("kept", None),
        ("lost", revoked.revoked_at),
    ]


def test_a_token_is_revoked_by_as_much_of_its_id_as_is_unique(run, tmp_path):
    ids = iter(["user", "abc-1", "abc-2", "abc-22"])

    async def story():
        async with Store(f"sqlite+aiosqlite:///{tmp_path}/ids.db", new_id=lambda: next(ids)) as store:
            for _ in range(3):
                await store.create_token("ada")
            with pytest.raises(Conflict, match="3 tokens begin with 'abc': give more"):
                await store.revoke_token("abc")
            with pytest.raises(NotFound):
                await store.revoke_token("abd")
            with pytest.raises(NotFound):
                await store.revoke_token("abc_")
            with pytest.raises(Invalid):
                await store.revoke_token("")
            assert (await store.revoke_token("abc-1")).id == "abc-1"
            assert (await store.revoke_token("abc-2")).id == "abc-2"

    run(story())


def test_the_secret_is_in_no_file_and_no_text(run, store, path):
    secret, token = run(store.create_token("ada"))
    assert run(store.grant_for(secret)) is not None
    files = list(path.parent.iterdir())
    assert any(b"ada" in file.read_bytes() for file in files)
    assert not any(secret.removeprefix("glow_").encode() in file.read_bytes() for file in files)
    assert secret not in repr((token, store, run(store.list_tokens())))


def test_a_user_needs_a_name_of_their_own(run, store, ada):
    with pytest.raises(Conflict, match="'ada'"):
        run(store.create_user("ada"))
    with pytest.raises(Invalid):
        run(store.create_user("  "))
    with pytest.raises(Invalid):
        run(store.create_token(""))
    assert run(store.user_by_name("nobody")) is None


def test_a_user_who_is_met_for_the_first_time_in_many_places_at_once_is_one_user(run, store, ada):
    async def story():
        return await asyncio.gather(*(store.user_named("grace") for _ in range(20)))

    met = run(story())
    assert len({user.id for user in met}) == 1
    assert run(store.user_named("ada")) == ada
    with pytest.raises(Invalid):
        run(store.user_named("  "))
