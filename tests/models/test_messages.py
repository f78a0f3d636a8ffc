"""What was said: its order, its parents, what was heard of it, and what a reply needs to know."""

import pytest

from models.errors import Conflict, Invalid, NotFound
from tests.models.conftest import CONTENT


def test_messages_answer_the_last_one_unless_told_otherwise(run, store, chat_id):
    first = run(store.add_message(chat_id, "assistant", "Sorry!", origin="spoken", persona_id="mo"))
    second = run(store.add_message(chat_id, "user", "Why?", origin="typed"))
    sibling = run(store.add_message(chat_id, "user", "How come?", origin="typed", parent_id=first.id))
    alone = run(store.add_message(chat_id, "user", "Hello?", origin="typed", auto_link_parent=False))
    after = run(store.add_message(chat_id, "user", "Well?", origin="typed"))
    assert [message.parent_id for message in (first, second, sibling, alone, after)] == [
        None,
        first.id,
        first.id,
        None,
        alone.id,
    ]
    assert run(store.messages(chat_id)) == (first, second, sibling, alone, after)


def test_the_same_id_again_changes_nothing(run, store, attempt, chat_id):
    first = run(store.add_message(chat_id, "user", "Why?", origin="typed", id="m-1"))
    assert run(store.add_message(chat_id, "user", "Why, I ask?", origin="spoken", id="m-1")) == first
    after = run(store.add_message(chat_id, "user", "Well?", origin="typed"))
    assert after.parent_id == "m-1"
    assert run(store.messages(chat_id)) == (first, after)
    with pytest.raises(Conflict, match="Another chat"):
        run(store.add_message(attempt.chats[0].id, "user", "Why?", origin="typed", id="m-1"))
    assert run(store.messages(attempt.chats[0].id)) == ()


def test_an_interrupted_reply_keeps_what_was_heard_and_what_was_written(run, store, chat_id):
    reply = run(
        store.add_message(chat_id, "assistant", "", origin="spoken", persona_id="mo", completed=False, audio_ref="a/1")
    )
    assert not reply.completed
    cut = run(
        store.update_message(
            reply.id,
            text="The bus was",
            full_text="The bus was late and I missed the next.",
            heard_ms=740,
            interrupted=True,
            completed=True,
        )
    )
    assert (cut.text, cut.full_text) == ("The bus was", "The bus was late and I missed the next.")
    assert (cut.heard_ms, cut.interrupted, cut.completed) == (740, True, True)
    assert (cut.id, cut.persona_id, cut.audio_ref, cut.created_at) == (reply.id, "mo", "a/1", reply.created_at)
    assert run(store.messages(chat_id)) == (cut,)
    assert run(store.update_message(reply.id)) == cut


def test_what_is_history_does_not_change(run, store, chat_id):
    said = run(store.add_message(chat_id, "user", "Why?", origin="typed"))
    with pytest.raises(TypeError, match="role"):
        run(store.update_message(said.id, role="assistant"))
    with pytest.raises(NotFound):
        run(store.update_message("unknown", text="x"))
    with pytest.raises(NotFound):
        run(store.update_message("unknown"))


@pytest.mark.parametrize("text", ["", "a\x00b", "\ud83d", "\udc00\ud83d", "🙂 naïve العربية \u200f", "x" * 200_000])
def test_any_text_can_be_said_and_what_cannot_be_stored_is_marked(run, store, chat_id, text):
    storable = "".join("\ufffd" if letter == "\x00" or "\ud800" <= letter <= "\udfff" else letter for letter in text)
    said = run(store.add_message(chat_id, "user", text, origin="typed", full_text=text))
    assert (said.text, said.full_text) == (storable, storable)
    assert run(store.update_message(said.id, text=text, full_text=text)) == said
    assert run(store.messages(chat_id)) == (said,)


@pytest.mark.parametrize("bad_id", ["", "a\x00", "\ud800", "x" * 201])
def test_an_id_is_plain_and_short(run, store, chat_id, bad_id):
    with pytest.raises(Invalid, match="UUID"):
        run(store.add_message(chat_id, "user", "Why?", origin="typed", id=bad_id))


def test_a_message_refers_only_to_what_is_there(run, store, attempt, chat_id):
    elsewhere = run(store.add_message(attempt.chats[0].id, "user", "Hi.", origin="typed"))
    for wrong in ({"parent_id": elsewhere.id}, {"parent_id": "unknown"}, {"persona_id": "nobody"}):
        with pytest.raises(NotFound):
            run(store.add_message(chat_id, "user", "Why?", origin="typed", **wrong))
    for verb in (store.messages, store.context, lambda chat: store.add_message(chat, "user", "?", origin="typed")):
        with pytest.raises(NotFound, match="Chat not found"):
            run(verb("unknown"))
    assert run(store.messages(chat_id)) == ()


def test_the_context_is_all_that_a_reply_takes(run, store, ada, attempt, chat_id):
    run(store.add_message(attempt.chats[0].id, "user", "Not here.", origin="typed"))
    said = tuple(run(store.add_message(chat_id, "user", text, origin="spoken")) for text in ("One.", "Two.", "Three."))
    context = run(store.context(chat_id))
    assert context.chat == run(store.chat(ada.id, chat_id))
    assert context.scenario == CONTENT["scenarios"][0]
    assert context.personas == tuple(CONTENT["personas"])
    assert context.documents == tuple(CONTENT["documents"])
    assert context.messages == said


def test_the_context_of_a_chat_in_which_nothing_was_said(run, store, attempt):
    context = run(store.context(attempt.chats[0].id))
    assert [persona.id for persona in context.personas] == ["lee"]
    assert (context.documents, context.messages) == ((), ())
