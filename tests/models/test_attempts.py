"""Attempts and their chats, and who may see them."""

import pytest

from models.errors import Conflict, Invalid, NotFound
from models.records.core import Practice, Simulation


def test_an_attempt_has_a_chat_for_each_scenario_in_order(run, store, ada, attempt):
    assert [(chat.name, chat.scenario_id, chat.position, chat.user_id) for chat in attempt.chats] == [
        ("Lee left early", "left", 0, ada.id),
        ("Mo is late", "late", 1, ada.id),
    ]
    assert (attempt.simulation_id, attempt.infinite_mode, attempt.ended_at) == ("desk", False, None)
    assert run(store.attempt(ada.id, attempt.id)) == attempt
    assert run(store.chat(ada.id, attempt.chats[0].id)) == attempt.chats[0]


def test_a_home_is_started_like_a_practice(run, store, ada):
    attempt = run(store.start_attempt(ada.id, home_id="h1", infinite_mode=True))
    assert attempt.infinite_mode
    assert len(attempt.chats) == 2


@pytest.mark.parametrize(
    ("doors", "error", "text"),
    [
        ({}, Invalid, "Either home_id or practice_id is required."),
        ({"home_id": "", "practice_id": ""}, Invalid, "Either home_id or practice_id is required."),
        ({"home_id": "h1", "practice_id": "p1"}, Invalid, "Only one of home_id and practice_id may be given."),
        ({"practice_id": "p9"}, NotFound, "Practice entry not found."),
        ({"practice_id": "h1"}, NotFound, "Practice entry not found."),
        ({"home_id": "p1"}, NotFound, "Home entry not found."),
    ],
)
def test_an_attempt_needs_exactly_one_door_that_exists(run, store, ada, doors, error, text):
    with pytest.raises(error) as refused:
        run(store.start_attempt(ada.id, **doors))
    assert str(refused.value) == text


def test_an_attempt_needs_a_user_and_a_scenario(run, store, ada):
    with pytest.raises(NotFound, match="User"):
        run(store.start_attempt("nobody", practice_id="p1"))
    run(store.install(simulations=[Simulation("empty", "Empty")], practices=[Practice("p0", "P", "empty")]))
    with pytest.raises(Conflict, match="no scenario"):
        run(store.start_attempt(ada.id, practice_id="p0"))


def test_another_users_things_look_as_if_they_were_not_there(run, store, ada, attempt):
    ben = run(store.create_user("ben"))
    for verb, own_id in (
        (store.attempt, attempt.id),
        (store.end_attempt, attempt.id),
        (store.chat, attempt.chats[0].id),
    ):
        refusals = []
        for user_id, some_id in ((ben.id, own_id), (ada.id, "unknown"), (ada.id, "\ud800\x00"), ("", own_id)):
            with pytest.raises(NotFound) as refused:
                run(verb(user_id, some_id))
            refusals.append(str(refused.value))
        assert len(set(refusals)) == 1
    assert run(store.attempt(ada.id, attempt.id)) == attempt


def test_a_chat_is_completed_once(run, store, ada, chat_id):
    completed = run(store.complete_chat(chat_id, "Goodbye.\x00"))
    assert completed.completed_at is not None
    assert completed.completion_message == "Goodbye.\ufffd"
    assert run(store.complete_chat(chat_id, "Again.")) == completed == run(store.chat(ada.id, chat_id))
    with pytest.raises(NotFound):
        run(store.complete_chat("unknown"))


def test_an_attempt_is_ended_once(run, store, ada, attempt):
    ended = run(store.end_attempt(ada.id, attempt.id))
    assert ended.ended_at is not None
    assert run(store.end_attempt(ada.id, attempt.id)) == ended == run(store.attempt(ada.id, attempt.id))
