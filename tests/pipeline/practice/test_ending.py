"""The end of chats and attempts, and what is graded with it."""

import pytest

from models.errors import Conflict, NotFound
from pipeline.practice.coaching import WrittenFeedback, WrittenPassage, WrittenRemark
from pipeline.practice.ending import (
    ATTEMPT_ENDED_ALREADY,
    GRADED_AFTER_ITS_END,
    HAD_ENDED,
    NOT_BEGUN,
    ChatVerdict,
)
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


def test_an_ended_chat_says_so_when_it_is_ended_again(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ending, ada = await place.start(), place.practice.ending, place.ada.id
        first, second = attempt.chats
        await place.say(first.id, "Why was the bus late?")
        await ending.complete_chat(ada, first.id)
        again = await ending.complete_chat(ada, first.id, "Too late for a last word.")
        assert (again.chat.completion_message, again.message) == (None, HAD_ENDED)

        graded = await ending.end_chat(ada, first.id, attempt.id, ChatVerdict())
        assert (graded.grade is not None, graded.message) == (True, GRADED_AFTER_ITS_END)
        asked = place.coach.asked
        for verdict in (ChatVerdict(), ChatVerdict(by_coach=False)):
            with pytest.raises(Conflict, match="ended already"):
                await ending.end_chat(ada, first.id, attempt.id, verdict)
        assert place.coach.asked == asked, "what is graded stays as it is"
        by_hand = await ending.end_chat(ada, first.id, attempt.id, ChatVerdict(score=5))
        assert by_hand.grade is not None
        assert by_hand.grade.score == 5

        assert (await ending.end_chat(ada, second.id, attempt.id, ChatVerdict(by_coach=False))).message is None
        assert (await ending.end_all(ada, attempt.id)).message == ATTEMPT_ENDED_ALREADY

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
        assert (completed.chat.completion_message, completed.message) == ("Enough.", None)
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
