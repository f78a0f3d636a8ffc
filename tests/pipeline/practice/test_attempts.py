"""Attempts: their start, which chat comes next, chats that are added, and earlier ones that are taken over."""

import pytest

from models.errors import Conflict, Invalid, NotFound
from pipeline.practice.attempts import ALL_DONE, NewChat
from pipeline.practice.drafts import DraftChanges
from pipeline.practice.values import OptionValue, QuestionValue
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_from_chat_to_chat_to_the_end(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, attempts, ada = await place.start(), place.practice.attempts, place.ada.id
        first, second = attempt.chats
        assert (first.started_at is None, second.started_at is None) == (False, True)
        assert await place.names() == ["attempt_started"]
        following = await attempts.next(ada, attempt.id)
        assert following is not None
        assert (following.id, following.started_at is None) == (second.id, False)
        assert await attempts.next(ada, attempt.id) == following, "the one that is open stays the next"
        assert await place.names() == ["attempt_chat_started"] * 2
        for chat in attempt.chats:
            await place.store.complete_chat(chat.id)
        assert await attempts.next(ada, attempt.id) is None
        [told] = await place.told()
        assert (told.name, told.payload["message"]) == ("attempt_ended", ALL_DONE)
        with pytest.raises(NotFound):
            await attempts.next(place.bob.id, attempt.id)

    run(story())


def test_in_infinite_mode_the_scenarios_begin_again(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, attempts = await place.start(infinite_mode=True), place.practice.attempts
        scenarios = []
        for _ in range(4):
            following = await attempts.next(place.ada.id, attempt.id)
            assert following is not None
            scenarios.append(following.scenario_id)
        assert scenarios == ["left", "late", "left", "late"]

    run(story())


def test_a_draft_customises_the_first_and_the_next_chat(run: Run, place: Place) -> None:
    async def story() -> None:
        ada = place.ada.id
        changes = DraftChanges(texts={"name": "Another morning"}, ids={"persona_ids": ["lee"]})
        draft = (await place.practice.drafts.save(ada, changes)).draft
        attempt = await place.start(draft_id=draft.id)
        context = await place.store.context(attempt.chats[0].id)
        assert (context.chat.name, [persona.id for persona in context.personas]) == ("Another morning", ["lee"])
        following = await place.practice.attempts.next(ada, attempt.id, draft.id)
        assert following is not None
        assert following.name == "Another morning"
        with pytest.raises(NotFound, match="Draft not found"):
            await place.start(draft_id="nowhere")

    run(story())


def test_what_may_be_started(run: Run, place: Place) -> None:
    async def story() -> None:
        start = place.practice.attempts.start
        with pytest.raises(Invalid, match="is required"):
            await start(place.ada.id)
        with pytest.raises(Invalid, match="Only one"):
            await start(place.ada.id, home_id="h1", practice_id="p1")
        with pytest.raises(NotFound, match="Home entry not found"):
            await start(place.ada.id, home_id="p1")
        assert await place.names() == []

    run(story())


def test_a_chat_is_added_with_values_and_ids(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, attempts, ada = await place.start(), place.practice.attempts, place.ada.id
        question = QuestionValue("Why?", options=(OptionValue("The bus", True), OptionValue("The rain")))
        new = NewChat(
            attempt.chats[1].id,
            texts={"name": "One more"},
            text_ids={"name": "ignored"},
            ids={"persona_ids": ["mo"], "question_ids": ["q1"]},
            objectives=["Be kind."],
            questions=[question],
        )
        chat = await attempts.add_chat(ada, attempt.id, new)
        context = await place.store.context(chat.id)
        assert (chat.name, chat.scenario_id, chat.position) == ("One more", "left", 2)
        assert [persona.id for persona in context.personas] == ["mo"]
        assert context.scenario is not None
        assert context.scenario.objectives == ("Be kind.",)
        first, own = chat.configuration["question_ids"]
        assert first == "q1"
        assert [option.name for option in await place.store.options_of([own])] == ["The bus", "The rain"]
        plain = await attempts.add_chat(ada, attempt.id, NewChat())
        assert (plain.name, plain.scenario_id) == ("Mo is late", "late")
        await place.practice.ending.complete(ada, attempt.id)
        with pytest.raises(Conflict, match="This attempt has ended"):
            await attempts.add_chat(ada, attempt.id, NewChat())

    run(story())


def test_earlier_chats_are_taken_over(run: Run, place: Place) -> None:
    async def story() -> None:
        earlier, later = await place.start(), await place.start()
        await place.say(earlier.chats[0].id, "Good morning.")
        await place.practice.ending.end_all(place.ada.id, earlier.id)
        await place.told()
        use = place.practice.attempts.use_previous
        one, two = ({new.id: old.id} for new, old in zip(later.chats, earlier.chats, strict=True))
        assert await use(place.ada.id, later.id, one) is False
        assert await place.names() == ["attempt_chat_ended"]
        assert [message.text for message in await place.store.messages(later.chats[0].id)] == ["Good morning."]
        assert await use(place.ada.id, later.id, two) is True
        assert await place.names() == ["attempt_chat_ended", "attempt_ended"]
        assert (await place.store.attempt(place.ada.id, later.id)).ended_at is not None
        with pytest.raises(Conflict):
            await use(place.ada.id, later.id, one)

    run(story())
