"""Data of a practice: drafts, keys, grades, resources, full text, homes of cohorts, parameters."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import Conflict, Invalid, NotFound
from models.files import Files
from models.records.core import Document, Persona, Practice
from models.records.outcomes import NewNote
from models.records.resources import GENERAL_RUBRIC, Resource, resource_of, rubric_of, with_parameters
from models.store import Store
from models.store.keyed_calls import GIVEN_UP_AFTER
from tests.models.conftest import START


def test_a_rubric_comes_back_as_it_was_stored():
    assert rubric_of(resource_of(GENERAL_RUBRIC)) == GENERAL_RUBRIC
    assert sum(standard.points for standard in GENERAL_RUBRIC.standards) == GENERAL_RUBRIC.total_points


def test_parameters_fill_what_names_them_and_the_rest_is_told():
    fields = [
        Resource("1", "parameter_field", "York", data={"parameter_name": "home town"}),
        Resource("2", "parameter_field", "rain", data={"parameter_name": "weather"}),
    ]
    kim = Persona("k", "Kim", instructions="From {{Home_Town}}; {{other}}.", greeting="Hello from {{home town}}.")
    told = with_parameters(kim, fields)
    assert told.instructions == "From York; {{other}}.\n\nWhat is so in this conversation:\n- weather: rain"
    assert told.greeting == "Hello from York."
    assert with_parameters(kim, []) is kim


def test_drafts_have_versions(run, store, ada):
    first = run(store.save_draft(ada.id, {"name": "One", "persona_ids": ["p"]}))
    second = run(store.save_draft(ada.id, {"name": "Two"}, draft_id=first.id, expected_version=1))
    assert (second.version, second.state) == (2, {"name": "Two", "persona_ids": ["p"]})
    with pytest.raises(Conflict, match=r"^Draft version conflict: expected 1, found 2$"):
        run(store.save_draft(ada.id, {}, draft_id=first.id, expected_version=1))
    assert [version for version, _ in run(store.draft_versions(ada.id, first.id))] == [1, 2]
    assert run(store.draft_versions("bob", first.id)) == []
    with pytest.raises(NotFound):
        run(store.draft("bob", first.id))


def test_twenty_savers_at_once_and_one_wins(run, store, ada):
    draft = run(store.save_draft(ada.id, {}))

    async def story():
        saves = (store.save_draft(ada.id, {"n": n}, draft_id=draft.id, expected_version=1) for n in range(20))
        return await asyncio.gather(*saves, return_exceptions=True)

    outcomes = run(story())
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19
    assert run(store.draft(ada.id, draft.id)).version == 2


def test_a_key_is_claimed_once_and_given_up_in_the_end(run, installed, url, path):
    path.parent.mkdir()
    path.write_bytes(installed.read_bytes())
    time = [START]

    async def story():
        async with Store(url, now=lambda: time[0]) as store:
            ada = await store.create_user("ada")
            assert await store.begin_keyed_call(ada.id, "k", "f") is None
            with pytest.raises(Conflict, match="already in progress"):
                await store.begin_keyed_call(ada.id, "k", "f")
            with pytest.raises(Conflict, match="different request payload"):
                await store.begin_keyed_call(ada.id, "k", "other")
            for _ in range(3):  # it takes long, and is renewed
                time[0] += timedelta(seconds=40)
                await store.renew_keyed_call(ada.id, "k")
            with pytest.raises(Conflict, match="already in progress"):
                await store.begin_keyed_call(ada.id, "k", "f")
            time[0] += GIVEN_UP_AFTER + timedelta(seconds=1)
            assert await store.begin_keyed_call(ada.id, "k", "f") is None
            await store.end_keyed_call(ada.id, "k", "{}")
            assert await store.begin_keyed_call(ada.id, "k", "f") == "{}"
            await store.begin_keyed_call(ada.id, "failed", "f")
            await store.end_keyed_call(ada.id, "failed", None)
            assert await store.begin_keyed_call(ada.id, "failed", "another") is None

    run(story())


def test_a_grading_replaces_the_coachs_notes_and_no_others(run, store, chat_id):
    values = {"score": 1, "passed": False, "description": "", "time_taken_s": 0, "total_points": 2, "pass_points": 1}
    hand = run(store.add_notes(chat_id, [NewNote("feedback", {"feedback": "Mine."})], "hand"))
    for text in ("First.", "Second."):
        notes = [NewNote("feedback", {"feedback": text})]
        run(store.add_grade(chat_id, **values, source="coach", notes=notes))
    left = run(store.notes([chat_id], "feedback"))
    assert [note.data["feedback"] for note in left] == ["Mine.", "Second."]
    assert left[0] == hand[0]
    run(store.add_grade(chat_id, **values | {"score": 2}, source="hand"))
    assert run(store.grade_of(chat_id)).score == 2
    with pytest.raises(NotFound):
        run(store.add_notes(chat_id, [NewNote("hint", {}, "nowhere")], "hand"))


def test_full_text_follows_every_change(run, store, ada):
    def names(search):
        return [document.name for document in run(store.find_documents(ada.id, search))]

    assert names("punctual") == []
    run(store.install(documents=[Document("rules", "House rules", text="Be punctual, and be punctual again.")]))
    assert names("punctual") == ["House rules"]
    run(store.install(documents=[Document("extra", "Punctual", text="Nothing.")]))
    assert names("punctual") == ["Punctual", "House rules"], "a name counts for more than a text"
    run(store.install(documents=[Document("rules", "House rules", text="Be on time.")]))
    assert names("punctual") == ["Punctual"]
    assert run(store.document_snippets("time")) == {"rules": "Be on time."}


def test_what_a_user_makes_others_do_not_see(run, store, ada):
    bob = run(store.create_user("bob"))
    run(store.install(personas=[Persona("own", "Own", owner_id=ada.id)]))
    assert [persona.id for persona in run(store.find_personas(ada.id, "own"))] == ["own"]
    assert run(store.find_personas(bob.id, "own")) == []


def test_a_home_is_for_its_cohorts(run, store, ada):
    bob = run(store.create_user("bob"))
    cohort = Resource("group", "cohort", "Group", data={"members": ["bob"]})
    run(store.install(resources=[cohort], practices=[Practice("h2", "H", "desk", "home", ("group",))]))
    assert run(store.start_attempt(bob.id, home_id="h2")).user_id == bob.id
    with pytest.raises(NotFound, match="Home entry not found"):
        run(store.start_attempt(ada.id, home_id="h2"))
    run(store.install(resources=[replace(cohort, data={})]))
    assert run(store.start_attempt(ada.id, home_id="h2")).user_id == ada.id


def test_a_chats_configuration_changes_its_context(run, store, ada, attempt, chat_id):
    run(store.configure_chat(chat_id, {"persona_ids": ["lee"], "document_ids": [], "objectives": ["be brief"]}))
    context = run(store.context(chat_id))
    assert [persona.id for persona in context.personas] == ["lee"]
    assert context.documents == ()
    assert context.scenario.objectives == ("be brief",)
    other = run(store.context(attempt.chats[0].id))
    assert other.scenario.name == "Lee left early"


def test_files_stay_in_their_folder(tmp_path):
    files = Files(tmp_path / "audio")
    files.write("a-1", b"0123456789")
    assert files.read("a-1") == b"0123456789"
    assert b"".join(files.blocks("a-1", 2, 5)) == b"234"
    for bad in ("../a", "a/b", "", "a" * 200):
        with pytest.raises(Invalid):
            files.path(bad)
    with pytest.raises(NotFound):
        files.read("b")
