"""Drafts: what a save keeps, adds and replaces, and that a refused one leaves nothing behind."""

import pytest

from models.errors import Conflict, NotFound
from pipeline.practice.drafts import DraftChanges
from pipeline.practice.values import MediaValue, OptionValue, QuestionValue
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_each_save_keeps_what_it_does_not_mention(run: Run, place: Place) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        first = await drafts.save(ada, DraftChanges(texts={"name": "One"}, ids={"persona_ids": ["mo", "lee"]}))
        assert (first.version, first.state["name"]) == (1, "One")
        assert first.state["name_ids"] == [first.state["name_id"]]
        second = await drafts.save(
            ada, DraftChanges(ids={"persona_ids": []}, objectives=["Ask."]), draft_id=first.id, expected_version=1
        )
        assert (second.version, second.state["name"], second.state["persona_ids"]) == (2, "One", [])
        [objective] = await place.store.resources(second.state["objective_ids"])
        assert (objective.name, objective.owner_id) == ("Ask.", ada)
        third = await drafts.save(ada, DraftChanges(objectives=[]), draft_id=first.id)
        assert third.state["objective_ids"] == [], "an empty list empties"

    run(story())


def test_values_become_resources_and_ids_choose_them(run: Run, place: Place) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        changes = DraftChanges(
            texts={"description": "Written"},
            text_ids={"description": "ignored", "name": "q1", "problem_statement": "nowhere"},
            ids={"name_ids": ["other", "q1"], "question_ids": ["q1"], "image_ids": ["i1"]},
            images=[MediaValue("Map", upload_id="u1")],
            videos=[MediaValue("Tour", length_s=60)],
            questions=[QuestionValue("Why?", time_s=30, options=(OptionValue("So", True),))],
            options=[OptionValue("Of the first"), OptionValue("Of its own", question_id="q9")],
        )
        state = (await drafts.save(ada, changes)).state
        assert (state["name"], state["name_id"], state["name_ids"]) == ("When?", "q1", ["q1", "other"])
        assert (state["problem_statement"], state["problem_statement_id"]) == (None, "nowhere")
        assert state["description"] == "Written"
        assert state["question_ids"][0] == "q1"
        assert state["image_ids"][0] == "i1"
        made = {item.name: item.data for item in await place.store.resources([
            *state["image_ids"], *state["video_ids"], *state["question_ids"], *state["option_ids"],
        ])}  # fmt: skip
        assert made["Map"] == {"upload_id": "u1", "length_seconds": None}
        assert made["Tour"]["length_seconds"] == 60
        assert made["Why?"] == {"allow_multiple": False, "time": 30}
        assert made["Of the first"] == {"question_id": "q1", "is_correct": False, "position": 0}
        assert made["Of its own"]["question_id"] == "q9"

    run(story())


@pytest.mark.parametrize(("known", "expected"), [(True, 0), (True, 2), (False, 1)])
def test_a_save_of_another_version_is_refused_and_makes_nothing(
    run: Run, place: Place, known: bool, expected: int
) -> None:
    async def story() -> None:
        drafts, ada = place.practice.drafts, place.ada.id
        draft_id = (await drafts.save(ada, DraftChanges())).id if known else None
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
        saved = await drafts.save(ada, DraftChanges(), chat_id=chat_id, attempt_id=attempt.id)
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
