"""The end of chats and attempts, and what is graded with it."""

import pytest

from models.errors import NotFound
from pipeline.practice.coaching import WrittenFeedback, WrittenPassage, WrittenRemark
from pipeline.practice.ending import NOT_BEGUN, ChatVerdict
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_the_last_chat_ends_the_attempt(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ending, ada = await place.start(), place.practice.ending, place.ada.id
        first, second = attempt.chats
        await place.say(first.id, "Why was the bus late?")
        await place.told()
        ended = await ending.end_chat(ada, first.id, attempt.id, ChatVerdict())
        assert ended.grade is not None
        assert (ended.grade.source, ended.finished) == ("coach", False)
        assert (await place.names())[-1] == "attempt_chat_ended"
        ended = await ending.end_chat(ada, second.id, attempt.id, ChatVerdict(by_coach=False))
        assert (ended.grade, ended.finished) == (None, True)
        assert await place.names() == ["attempt_chat_ended", "attempt_ended"]
        assert (await place.store.attempt(ada, attempt.id)).ended_at is not None
        with pytest.raises(NotFound):
            await ending.end_chat(ada, first.id, "elsewhere", ChatVerdict())

    run(story())


def test_a_person_judges_with_what_they_write(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ada = await place.start(infinite_mode=True), place.ada.id
        chat = attempt.chats[0]
        [message] = await place.say(chat.id, "Why was the bus late?")
        remark = WrittenRemark("Open", message_id=message, passages=(WrittenPassage("Why"),))
        verdict = ChatVerdict(
            score=70,
            passed=False,
            taken_s=9,
            feedback=[WrittenFeedback("Good.")],
            strengths=[remark],
            improvements=[remark],
            analyses=["Short."],
        )
        ended = await place.practice.ending.end_chat(ada, chat.id, attempt.id, verdict)
        assert ended.grade is not None
        assert (ended.grade.score, ended.grade.passed, ended.grade.time_taken_s) == (70, False, 9)
        assert ended.finished is False, "in infinite mode there is always one more"
        kinds = [note.kind for note in await place.store.notes([chat.id])]
        assert sorted(kinds) == ["analysis", "feedback", "improvement", "strength"]
        assert place.coach.asked == 0

    run(story())


def test_ending_all_grades_those_that_were_spoken_in_and_have_no_grade(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ending, ada = await place.start(), place.practice.ending, place.ada.id
        await place.say(attempt.chats[0].id, "Good morning.")
        ended = await ending.end_all(ada, attempt.id)
        assert (ended.all_begun, ended.message) == (False, NOT_BEGUN)
        grades = await place.store.grades_of([chat.id for chat in attempt.chats])
        assert set(grades) == {attempt.chats[0].id}
        assert all(chat.completed_at is not None for chat in ended.attempt.chats)
        asked = place.coach.asked
        await ending.end_all(ada, attempt.id)
        assert place.coach.asked == asked, "what is graded stays as it is"

        other = await place.start()
        for chat in other.chats:
            await place.practice.own.open(ada, chat.id)
        assert (await ending.end_all(ada, other.id)).message is None

    run(story())


def test_completing_grades_nothing(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ending, ada = await place.start(), place.practice.ending, place.ada.id
        first, second = attempt.chats
        await place.say(first.id, "Good morning.")
        await place.told()
        completed = await ending.complete_chat(ada, first.id, "Enough.")
        assert completed.completion_message == "Enough."
        assert await place.names() == ["attempt_chat_ended"]
        assert list(await ending.complete(ada, attempt.id, "All of it.")) == [second.id]
        assert (await place.store.attempt(ada, attempt.id)).completion_message == "All of it."
        assert await place.store.grades_of([first.id, second.id]) == {}
        with pytest.raises(NotFound):
            await ending.complete_chat(place.bob.id, first.id)

    run(story())


def test_the_chat_that_is_graded_is_the_last_one_spoken_in(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ending, ada = await place.start(), place.practice.ending, place.ada.id
        first, second = attempt.chats
        assert (await ending.grade(ada, attempt.id)).chat.id == first.id
        await place.say(first.id, "Good morning.")
        assert (await ending.grade(ada, attempt.id)).chat.id == first.id
        await place.practice.own.open(ada, second.id)
        await place.say(second.id, "Good morning.")
        assert (await ending.grade(ada, attempt.id)).chat.id == second.id
        assert (await ending.grade(ada, attempt.id, chat_id=first.id)).chat.id == first.id
        with pytest.raises(NotFound):
            await ending.grade(ada, attempt.id, chat_id="nowhere")

    run(story())
