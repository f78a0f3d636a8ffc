"""Questions: right when exactly the correct options are chosen."""

import pytest

from models.errors import Invalid
from models.records.resources import Resource
from pipeline.practice.attempts import NewChat
from pipeline.practice.questions import verdict
from pipeline.practice.values import OptionValue, QuestionValue
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_an_answer_is_right_or_not_and_the_room_hears_of_it(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, respond = (await place.start()).chats[0], place.practice.questions.respond
        await place.told()
        right = await respond(place.ada.id, chat.id, "q1", ["o1"])
        wrong = await respond(place.ada.id, chat.id, "q1", ["o2"])
        assert (right.is_correct, wrong.is_correct) == (True, False)
        events = await place.told()
        assert [event.payload["message"] for event in events] == [verdict(right), verdict(wrong)]
        assert [event.payload["response_id"] for event in events] == [right.id, wrong.id]

    run(story())


def test_several_may_be_right_together(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, ada = await place.start(), place.ada.id
        options = (OptionValue("Bus", True), OptionValue("Tram", True), OptionValue("Boat"))
        question = QuestionValue("How?", allow_multiple=True, options=options)
        chat = await place.practice.attempts.add_chat(ada, attempt.id, NewChat(questions=[question]))
        [question_id] = chat.configuration["question_ids"]
        bus, tram, boat = [option.id for option in await place.store.options_of([question_id])]
        for chosen, right in (
            ([bus, tram], True),
            ([tram, bus, bus], True),
            ([bus], False),
            ([bus, tram, boat], False),
        ):
            assert (await place.practice.questions.respond(ada, chat.id, question_id, chosen)).is_correct is right, (
                chosen
            )

    run(story())


@pytest.mark.parametrize(
    ("question", "options"),
    [("q1", []), ("q1", ["o1", "o2"]), ("q1", ["o9"]), ("q9", ["o9"]), ("nowhere", ["o1"])],
    ids=["none", "two of a single one", "another question's", "not asked in this chat", "unknown"],
)
def test_what_cannot_be_chosen(run: Run, place: Place, question: str, options: list[str]) -> None:
    async def story() -> None:
        other = Resource("o9", "option", "At ten", data={"question_id": "q9"})
        await place.store.install(resources=[Resource("q9", "question", "Where?"), other])
        chat = (await place.start()).chats[0]
        with pytest.raises(Invalid, match="Invalid question or option selection"):
            await place.practice.questions.respond(place.ada.id, chat.id, question, options)
        with pytest.raises(Invalid, match="Attempt chat not found"):
            await place.practice.questions.respond(place.bob.id, chat.id, "q1", ["o1"])

    run(story())
