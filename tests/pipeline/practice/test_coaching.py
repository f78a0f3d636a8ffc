"""Hints and what follows: written, read, and generated once where nobody has written any."""

import pytest

from models.errors import Invalid, NotFound
from pipeline.practice.coaching import WrittenFeedback, WrittenHint, WrittenPassage, WrittenRemark
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_hints_are_generated_once_for_each_answer(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, coaching = (await place.start()).chats[0], place.practice.coaching
        assert await coaching.hints(place.ada.id, chat.id) == [], "nothing was said yet"
        for asked in (1, 2):
            await (await place.chats.message(place.ada.id, chat.id, "Why are you late?")).reply
            await place.told()
            hints = await coaching.hints(place.ada.id, chat.id)
            latest = (await place.store.messages(chat.id))[-1]
            assert latest.role == "assistant"
            assert {note.message_id for note in hints} == {latest.id}
            events = await place.told()
            assert [event.name for event in events] == ["attempt_assistant_hints", "attempt_hint_progress"]
            assert [hint["id"] for hint in events[1].payload["hints"]] == [note.id for note in hints]
            assert list(await coaching.hints(place.ada.id, chat.id)) == list(hints)
            assert place.coach.asked == asked

    run(story())


def test_what_the_coach_says_of_a_chat_is_generated_once_for_all_kinds(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, coaching = (await place.start()).chats[0], place.practice.coaching
        assert await coaching.feedback(place.ada.id, chat.id) == []
        assert place.coach.asked == 0, "the learner has said nothing to judge"
        await place.say(chat.id, "What happened to the bus?")
        feedback = await coaching.feedback(place.ada.id, chat.id)
        assert feedback
        for read in (coaching.feedback, coaching.strengths, coaching.improvements, coaching.analyses):
            assert await read(place.ada.id, chat.id) == await read(place.ada.id, chat.id)
        assert place.coach.asked == 1

    run(story())


def test_what_a_person_writes_is_kept_beside_it(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, coaching, ada = (await place.start()).chats[0], place.practice.coaching, place.ada.id
        [message] = await place.say(chat.id, "What happened to the bus?")
        passages = (WrittenPassage("the bus"), WrittenPassage("happened", "went on", place=7))
        [strength] = await coaching.strengths(ada, chat.id, [WrittenRemark("Open", "", message, passages)])
        assert strength.data["highlights"] == [{"section": "the bus", "idx": 0}, {"section": "happened", "idx": 7}]
        [better] = await coaching.improvements(ada, chat.id, [WrittenRemark("Short", "", message, passages[1:])])
        assert better.data["replacements"] == [{"section": "happened", "replace": "went on", "idx": 7}]
        await coaching.analyses(ada, chat.id, ["Short."])
        hints = await coaching.hints(ada, chat.id, [WrittenHint("Breathe.", message), WrittenHint("Ask.", message, 5)])
        assert [note.data["idx"] for note in hints] == [0, 5]
        await place.practice.grading.grade(ada, chat.id)
        assert strength in await coaching.strengths(ada, chat.id)
        assert better in await coaching.improvements(ada, chat.id)

    run(story())


@pytest.mark.parametrize(
    ("remark", "error", "sentence"),
    [
        (WrittenRemark("x", passages=(WrittenPassage("bus"),)), Invalid, "message_id is required"),
        (WrittenRemark("x", message_id="nowhere"), NotFound, "Message not found in this chat"),
        (WrittenRemark("x", message_id="said", passages=(WrittenPassage("Bus"),)), Invalid, "exactly as they stand"),
        (WrittenRemark("x", message_id="said", passages=(WrittenPassage(""),)), Invalid, "exactly as they stand"),
    ],
)
def test_a_remark_quotes_what_was_said(
    run: Run, place: Place, remark: WrittenRemark, error: type[Exception], sentence: str
) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        await place.store.add_message(chat.id, "user", "What happened to the bus?", origin="typed", id="said")
        for write in (place.practice.coaching.strengths, place.practice.coaching.improvements):
            with pytest.raises(error, match=sentence):
                await write(place.ada.id, chat.id, [remark])

    run(story())


def test_an_empty_list_and_a_strange_standard_are_refused(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, coaching, ada = (await place.start()).chats[0], place.practice.coaching, place.ada.id
        for what, write in (
            ("hint", coaching.hints),
            ("feedback", coaching.feedback),
            ("strength", coaching.strengths),
            ("improvement", coaching.improvements),
            ("analysis", coaching.analyses),
        ):
            with pytest.raises(Invalid, match=f"At least one {what} is required"):
                await write(ada, chat.id, [])
        with pytest.raises(Invalid, match="message_id is required for each hint"):
            await coaching.hints(ada, chat.id, [WrittenHint("Breathe.")])
        with pytest.raises(Invalid, match="none of this rubric's"):
            await coaching.feedback(ada, chat.id, [WrittenFeedback("Good.", 5, "nowhere")])
        [note] = await coaching.feedback(ada, chat.id, [WrittenFeedback("Good.", 5, "general-turns")])
        assert note.data["standard_group_id"] == "general-manner"

    run(story())
