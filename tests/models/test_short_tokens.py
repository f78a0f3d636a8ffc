"""Tokens that expire by themselves. The store's clock ticks a second each time it is read."""

from datetime import timedelta

import pytest

from models.errors import NotFound


def test_a_short_token_leads_to_its_user_until_its_time_is_over(run, store, ada):
    token = run(store.issue_short_token(ada.id, timedelta(seconds=3)))
    assert [run(store.user_for_short_token(token)) for _ in range(4)] == [ada, ada, None, None]


def test_no_other_verb_takes_it_and_it_takes_no_other_token(run, store, ada):
    short = run(store.issue_short_token(ada.id, timedelta(hours=1)))
    lasting, _ = run(store.create_token("ada"))
    assert short.startswith("glow_")
    assert run(store.user_for_token(short)) is None
    assert run(store.user_for_short_token(lasting)) is None
    assert run(store.user_for_short_token("")) is None


def test_only_its_hash_is_stored_and_only_while_it_is_good(run, store, path, ada):
    first = run(store.issue_short_token(ada.id, timedelta(seconds=1)))
    second = run(store.issue_short_token(ada.id, timedelta(hours=1)))
    assert run(store.user_for_short_token(second)) == ada
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert not any(token.removeprefix("glow_").encode() in files for token in (first, second))


def test_a_short_token_is_somebodys(run, store):
    with pytest.raises(NotFound, match="create the user first"):
        run(store.issue_short_token("nobody", timedelta(hours=1)))
