"""What remains of removed chats: nothing, in any table."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import NotFound
from models.records.external import ExternalDraft
from models.records.outcomes import NewNote
from models.records.past_calls import CallLog
from tests.models.conftest import START


async def fill(store, user_id, chat_id, word):
    """Leave something in every table that has to do with a chat; the word is in it."""
    audio = await store.add_audio(user_id, f"{word}.wav", "audio/wav", 4)
    asked = await store.add_message(chat_id, "user", word, origin="typed", audio_ref=audio.id)
    await store.add_message(chat_id, "assistant", f"No {word}.", origin="typed", id=f"answer-{word}")
    note = NewNote("hint", {"hint": word}, message_id=asked.id)
    await store.add_grade(
        chat_id, score=1, passed=True, description=word, time_taken_s=1, total_points=1, pass_points=1, source="hand",
        notes=[note],
    )  # fmt: skip
    await store.add_response(chat_id, "q", [word], True)
    draft = await store.save_draft(user_id, {"name": word}, chat_id=chat_id)
    await store.save_draft(user_id, {"name": f"{word} again"}, draft_id=draft.id, expected_version=1)
    said = {"who": "learner", "turn": 1, "message_id": asked.id, "text": word, "interrupted": False}
    await store.keep_past_call(
        CallLog(f"call-{chat_id}", word, chat_id, user_id, word, START, 1000, 1, "caller", lines=(said,))
    )
    await store.stage_call(user_id, "chat_message", chat_id, {"text": word})
    for key, about in (("chat", chat_id), ("message", f"answer-{word}")):
        await store.begin_keyed_call(user_id, f"{key}-{chat_id}", "f")
        await store.end_keyed_call(user_id, f"{key}-{chat_id}", f'{{"id": "{about}", "text": "{word}"}}')
    return audio


def rows_with(path, word):
    """The tables in which a row has this word anywhere."""
    with sqlite3.connect(path) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name for name in names for row in database.execute(f"SELECT * FROM {name}") if word in repr(row)}


def test_nothing_of_a_removed_chat_is_left_and_all_of_the_other(run, store, ada, attempt, chat_id, path):
    other = attempt.chats[0].id
    kept = run(fill(store, ada.id, other, "kept"))
    audio = run(fill(store, ada.id, chat_id, "secret"))
    everywhere = rows_with(path, "secret")
    assert len(everywhere) == 10, everywhere
    with pytest.raises(NotFound):
        run(store.remove_chat("bob", chat_id))
    removed = run(store.remove_chat(ada.id, chat_id))
    assert (removed.chat_ids, removed.audio_ids) == ((chat_id,), (audio.id,))
    assert rows_with(path, "secret") == set()
    assert rows_with(path, chat_id) == set()
    assert rows_with(path, "kept") == everywhere
    assert run(store.audio(ada.id, kept.id)) == kept
    with pytest.raises(NotFound):
        run(store.remove_chat(ada.id, chat_id))


def test_an_attempt_goes_with_its_last_chat_and_counts_on_before(run, store, ada, attempt):
    first, second = attempt.chats
    run(store.remove_chat(ada.id, first.id))
    added = run(store.add_chat(ada.id, attempt.id, scenario_id="late", name="More"))
    assert [chat.position for chat in run(store.attempt(ada.id, attempt.id)).chats] == [1, 2]
    for chat in (second, added):
        run(store.remove_chat(ada.id, chat.id))
    with pytest.raises(NotFound):
        run(store.attempt(ada.id, attempt.id))


def test_a_recording_stays_with_the_chat_that_took_over(run, store, ada, attempt, chat_id):
    audio = run(fill(store, ada.id, chat_id, "said"))
    run(store.complete_chat(chat_id))
    later = run(store.start_attempt(ada.id, practice_id="p1"))
    [taken] = [chat.id for chat in later.chats if chat.scenario_id == "late"]
    run(store.take_over(ada.id, later.id, {taken: chat_id}))
    assert run(store.remove_chat(ada.id, chat_id)).audio_ids == ()
    assert run(store.chat(ada.id, taken)).previous_chat_id is None
    assert run(store.remove_chat(ada.id, taken)).audio_ids == (audio.id,)


def test_attempts_are_removed_by_their_last_message(run, store, ada, path):
    silent, old, lively, called = (run(store.start_attempt(ada.id, practice_id="p1")) for _ in range(4))
    run(fill(store, ada.id, old.chats[0].id, "old"))
    before = store.now() + timedelta(seconds=0.5)
    run(fill(store, ada.id, lively.chats[1].id, "lively"))
    removed = run(store.remove_attempts_before(before, but=[called.chats[1].id]))
    assert set(removed.chat_ids) == {chat.id for attempt in (silent, old) for chat in attempt.chats}
    assert len(removed.audio_ids) == 1
    assert run(store.remove_attempts_before(before, but=[called.chats[1].id])).chat_ids == ()
    assert len(run(store.attempt(ada.id, lively.id)).chats) == 2
    assert rows_with(path, "old") == set()


def test_chats_of_other_doors_and_what_belongs_to_none(run, store, ada, path):
    for name in ("old", "used", "new"):
        run(store.add_external_chat(ada.id, "glean", id=name, title=name))
        file = run(store.add_chat_file(ada.id, name, "text/plain", 1, f"text of {name}", None))
        data = {"files": [file.id]}
        run(store.add_external_messages(name, [ExternalDraft("user", f"said {name}", data=data)]))
        if name == "used":
            before = store.now()
    loose = run(store.add_audio(ada.id, "loose.wav", "audio/wav", 1))
    assert run(store.remove_external_chats_before(before, but=["used"])).chat_ids == ("old",)
    assert run(store.remove_leftovers_before(store.now())).audio_ids == (loose.id,)
    assert rows_with(path, "said old") == rows_with(path, "text of old") == set()
    for name in ("used", "new"):
        assert rows_with(path, f"said {name}") == {"external_messages"}
        assert rows_with(path, f"text of {name}") == {"chat_files"}
    assert run(store.remove_leftovers_before(START)).audio_ids == ()


def test_a_call_that_is_over_is_kept_until_its_chat_goes(run, store, ada, attempt, chat_id):
    def log(ident, chat, minute):
        return CallLog(
            ident, "c", chat, ada.id, "Dana", START + timedelta(minutes=minute), 9_000, 2, "caller", True, (400, 700)
        )

    entry = {"at": 0.5, "who": "turn", "what": "turn.duck", "fields": {}, "until": None}
    whole = replace(log("one", chat_id, 1), entries=(entry,), echo={"delay_ms": 200, "residual_db": -20.0})
    run(store.keep_past_call(whole))
    run(store.keep_past_call(log("two", chat_id, 2)))
    run(store.keep_past_call(log("none", "no such chat", 3)))
    assert [one.id for one in run(store.past_calls())] == ["two", "one"]
    assert run(store.past_calls(before=START + timedelta(minutes=2))) == (replace(whole, entries=()),)
    assert run(store.past_call("one")) == whole
    [place] = run(store.call_places([chat_id, "no such chat"])).values()
    assert place.user == "ada"
    run(store.remove_chat(ada.id, chat_id))
    with pytest.raises(NotFound, match="no such call"):
        run(store.past_call("one"))
