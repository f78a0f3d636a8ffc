"""Drafts: what a save keeps, adds and replaces, and that a refused one leaves nothing behind."""

import pytest

from models.errors import Conflict, Invalid, NotFound
from models.records.core import Persona
from models.records.resources import Resource, ResourceKind
from pipeline.practice.drafts import DraftChanges
from pipeline.practice.messages import NewMessage
from pipeline.practice.values import MediaValue, OptionValue, QuestionValue
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_each_save_keeps_what_it_does_not_mention(run: Run, place: Place) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        first = (await drafts.save(ada, DraftChanges(texts={"name": "One"}, ids={"persona_ids": ["mo", "lee"]}))).draft
        assert (first.version, first.state["name"]) == (1, "One")
        assert first.state["name_ids"] == [first.state["name_id"]]
        changes = DraftChanges(ids={"persona_ids": []}, objectives=["Ask."])
        second = (await drafts.save(ada, changes, draft_id=first.id, expected_version=1)).draft
        assert (second.version, second.state["name"], second.state["persona_ids"]) == (2, "One", [])
        [objective] = await place.store.resources(second.state["objective_ids"])
        assert (objective.name, objective.owner_id) == ("Ask.", ada)
        third = (await drafts.save(ada, DraftChanges(objectives=[]), draft_id=first.id)).draft
        assert third.state["objective_ids"] == [], "an empty list empties"

    run(story())


def test_values_become_resources_and_ids_choose_them(run: Run, place: Place) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        changes = DraftChanges(
            texts={"description": "Written"},
            text_ids={"description": "ignored", "name": "n1"},
            ids={"name_ids": ["n2", "n1"], "question_ids": ["q1"], "image_ids": ["i1"]},
            images=[MediaValue("Map", upload_id="u1")],
            videos=[MediaValue("Tour", length_s=60)],
            questions=[QuestionValue("Why?", time_s=30, options=(OptionValue("So", True),))],
            options=[OptionValue("Of the first"), OptionValue("Of its own", question_id="q2")],
        )
        own = [Resource(ident, kind, ident) for ident, kind in KINDS.items()]
        await place.store.install(resources=own)
        state = (await drafts.save(ada, changes)).draft.state
        assert (state["name"], state["name_id"], state["name_ids"]) == ("n1", "n1", ["n1", "n2"])
        assert state["description"] == "Written"
        assert state["question_ids"][0] == "q1"
        assert state["image_ids"][0] == "i1"
        made = {item.name: item.data for item in await place.store.resources([
            *state["image_ids"], *state["video_ids"], *state["question_ids"], *state["option_ids"],
        ])}  # fmt: skip
        assert made["Map"] == {"upload_id": "u1", "length_seconds": None, "url": ""}
        assert made["Tour"]["length_seconds"] == 60
        assert made["Why?"] == {"allow_multiple": False, "time": 30}
        assert made["Of the first"] == {"question_id": "q1", "is_correct": False, "position": 0}
        assert made["Of its own"]["question_id"] == "q2"

    run(story())


KINDS: dict[str, ResourceKind] = {"n1": "name", "n2": "name", "q2": "question", "i1": "image"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (DraftChanges(ids={"persona_ids": ["mo", "nobody"]}), "persona_ids: nobody"),
        (DraftChanges(ids={"persona_ids": ["bobs"], "flag_ids": ["f1"]}), "flag_ids: f1; persona_ids: bobs"),
        (DraftChanges(ids={"document_ids": ["mo"]}), "document_ids: mo"),
        (DraftChanges(ids={"objective_ids": ["q1"]}), "objective_ids: q1"),
        (DraftChanges(text_ids={"name": "n9"}), "name_ids: n9"),
        (DraftChanges(options=[OptionValue("Yes", question_id="q9")]), "question_ids: q9"),
        (DraftChanges(ids={"image_ids": [str(number) for number in range(9)]}), "image_ids: 0, 1, 2, 3, 4 and 4 more"),
    ],
)  # fmt: skip
def test_unknown_ids_are_refused_by_name(run: Run, place: Place, changes: DraftChanges, named: str) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        await place.store.install(personas=[Persona("bobs", "Bob's", owner_id=place.bob.id)])
        with pytest.raises(Invalid) as refused:
            await drafts.save(ada, changes)
        assert str(refused.value).startswith(f"Unknown ids: {named}.")
        assert await place.store.drafts(ada) == ([], 0)

    run(story())


def test_a_chats_own_ids_can_be_sent_back(run: Run, place: Place) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        chat = (await place.start()).chats[0]
        seen = (await place.practice.overviews.chat(ada, chat.id)).sections
        ids = {f"{kind}_ids": list(section.ids) for kind, section in seen.items()}
        assert {"persona_ids", "name_ids", "objective_ids", "option_ids"} <= {name for name, own in ids.items() if own}
        saved = await drafts.save(ada, DraftChanges(ids=ids), chat_id=chat.id)
        again = (await place.practice.overviews.chat(ada, chat.id)).sections
        assert saved.applied
        assert {f"{kind}_ids": list(section.ids) for kind, section in again.items()} == ids

    run(story())


def test_a_draft_changes_its_own_chat_and_no_other(run: Run, place: Place) -> None:
    async def story() -> None:
        practice, ada = place.practice, place.ada.id
        attempt = await place.start()
        first, second = attempt.chats
        saved = await practice.drafts.save(ada, DraftChanges(ids={"persona_ids": ["lee"]}), chat_id=first.id)
        assert [one.id for one in (await place.store.context(first.id)).personas] == ["lee"]
        assert (await place.store.chat(ada, second.id)).configuration == {}
        # Later saves change it, too; what they empty is the scenario's again.
        objectives = DraftChanges(objectives=["Be kind."], texts={"name": "Kindly"})
        await practice.drafts.save(ada, objectives, draft_id=saved.draft.id)
        context = await place.store.context(first.id)
        assert context.scenario is not None
        assert (context.chat.name, context.scenario.objectives) == ("Kindly", ("Be kind.",))
        assert [one.id for one in context.personas] == ["lee"]
        emptied = DraftChanges(ids={"persona_ids": [], "name_ids": []})
        await practice.drafts.save(ada, emptied, draft_id=saved.draft.id)
        context = await place.store.context(first.id)
        assert ([one.id for one in context.personas], context.chat.name) == (["mo"], "Mo is late")
        refused = (
            practice.drafts.save(ada, DraftChanges(), draft_id=saved.draft.id, chat_id=second.id),
            practice.messages.send(ada, NewMessage(second.id, "Hello?", draft_id=saved.draft.id)),
            practice.attempts.next(ada, attempt.id, saved.draft.id),
        )
        for request in refused:
            with pytest.raises(Invalid, match=f"is of chat {first.id}, and changes no other"):
                await request
        assert (await place.store.chat(ada, second.id)).configuration == {}
        assert await place.store.messages(second.id) == ()

    run(story())


def test_a_draft_of_no_chat_is_taken_on_with_a_message(run: Run, place: Place) -> None:
    async def story() -> None:
        practice, ada = place.practice, place.ada.id
        first, second = (await place.start()).chats
        await practice.messages.send(ada, NewMessage(first.id, "Hello?", generate=False))
        await place.store.add_message(first.id, "assistant", "Morning.", origin="typed", persona_id="mo")
        saved = await practice.drafts.save(ada, DraftChanges(ids={"persona_ids": ["lee"]}))
        assert not saved.applied
        draft_id = saved.draft.id
        await practice.messages.send(ada, NewMessage(first.id, "And you?", generate=False, draft_id=draft_id))
        context = await place.store.context(first.id)
        assert ([one.id for one in context.personas], [one.id for one in context.speakers]) == (["lee"], ["lee", "mo"])
        assert (await practice.exports.transcript(place.ada, first.id)).speakers == ("ada", "Mo", "ada")
        await practice.drafts.save(ada, DraftChanges(ids={"persona_ids": ["mo"]}), draft_id=draft_id)
        assert [one.id for one in (await place.store.context(first.id)).personas] == ["lee"], "until it is given again"
        await practice.ending.complete_chat(ada, second.id)
        late = await practice.drafts.save(ada, DraftChanges(ids={"persona_ids": ["mo"]}), chat_id=second.id)
        assert (late.applied, (await place.store.chat(ada, second.id)).configuration) == (False, {})

    run(story())


@pytest.mark.parametrize(("known", "expected"), [(True, 0), (True, 2), (False, 1)])
def test_a_save_of_another_version_is_refused_and_makes_nothing(
    run: Run, place: Place, known: bool, expected: int
) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        draft_id = (await drafts.save(ada, DraftChanges())).draft.id if known else None
        with pytest.raises(Conflict, match=f"expected {expected}, found {int(known)}"):
            await drafts.save(ada, DraftChanges(texts={"name": "Lost"}), draft_id=draft_id, expected_version=expected)
        assert await place.store.find_resources(ada, "name", "Lost") == []
        if draft_id is not None:
            assert (await place.store.draft(ada, draft_id)).version == 1

    run(story())


def test_a_draft_belongs_to_its_user_and_its_chat(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, drafts, ada = await place.start(), place.practice.drafts, place.ada.id
        chat_id = attempt.chats[0].id
        saved = (await drafts.save(ada, DraftChanges(), chat_id=chat_id, attempt_id=attempt.id)).draft
        assert saved.chat_id == chat_id
        for refused in (
            drafts.save(place.bob.id, DraftChanges(), draft_id=saved.id),
            drafts.save(place.bob.id, DraftChanges(), chat_id=chat_id),
            drafts.save(place.bob.id, DraftChanges(), attempt_id=attempt.id),
            drafts.save(ada, DraftChanges(), chat_id=chat_id, attempt_id="elsewhere"),
        ):
            with pytest.raises(NotFound):
                await refused

    run(story())
