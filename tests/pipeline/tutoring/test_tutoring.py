"""The tutor without a model: what is read from a student, what a lesson says, and what the tools do."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.packs.lesson_loader import load_lessons
from models.records.external import Node
from models.store import Store
from pipeline.tutoring.spoken import SpokenTutor, spoken_turn
from pipeline.tutoring.tools import NAMES, SCHEMAS, LessonToolFailed, Toolbox
from pipeline.tutoring.turns import DRAWING_LIMIT, TutorTurn, asks_back, parse_model_message, student_turn
from pipeline.tutoring.tutor import NoNode, NothingToTeach, Tutor
from tests.stores import empty_store

LESSONS = load_lessons()
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
JPEG = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(40)).decode()

ANSWERED = {"exercise_prompt": "?", "student_answer": "!", "is_correct": True, "score": 0.8}

ANSWERS = {
    "binary-search": [
        "it must be sorted",
        "the low mark moves one past the middle",
        "low = mid + 1",
        "the middle is 9, and 14 is to the right of it",
        "about twenty",
    ],
    "worried-caller": [
        "hello this is the records office how can i help you",
        "i understand that you are worried about your son",
        "i am sorry but i cannot share his grades without his permission",
        "he can sign a release form and then we can talk about his record",
        "is there anything else i can do for you today",
        "thank you for calling and have a good day",
    ],
}


def taught(story: Callable[[Store, Tutor, str, str], Awaitable[None]], node_id: str = "abc123") -> None:
    """A learner with a session on a node."""

    async def run() -> None:
        async with empty_store() as store:
            user = await store.create_user("ada")
            tutor = Tutor(store, LESSONS)
            await tutor.node(user.id, node_id)
            session = await store.add_external_chat(user.id, "tutor", subject_id=node_id)
            await story(store, tutor, user.id, session.id)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("content", "kind", "text", "mode"),
    [
        ("", "start", "", None),
        (" \n", "start", "", None),
        ("[ANSWER] 42", "answer", "42", None),
        ("[answer]\nMode: code\nx = 1\ny = 2", "answer", "x = 1\ny = 2", "code"),
        ("[ANSWER]\nMode: draw\n", "answer", "", "draw"),
        ("[ANSWER]", "answer", "", None),
        ("[CLARIFICATION]\nwhy?", "clarification", "why?", None),
        ("why?", "learning", "why?", None),
        ("the word [ANSWER] in the middle", "learning", "the word [ANSWER] in the middle", None),
    ],
)
def test_what_a_student_means(content: str, kind: str, text: str, mode: str | None) -> None:
    turn = student_turn(content)
    assert (turn.kind, turn.text, turn.mode) == (kind, text, mode)


@pytest.mark.parametrize(
    ("content", "url", "taken"),
    [
        ("[ANSWER]", PNG, True),
        ("[ANSWER]", JPEG, True),
        ("[CLARIFICATION] why", PNG, False),
        ("hello", PNG, False),
        ("[ANSWER]", PNG.replace("png", "gif"), False),
        ("[ANSWER]", PNG.replace("png", "jpeg"), False),
        ("[ANSWER]", "https://example.com/a.png", False),
        ("[ANSWER]", "data:image/png;base64,not base64", False),
        ("[ANSWER]", PNG + "A" * (DRAWING_LIMIT - len(PNG) - 2), True),  # base64 comes in fours
        ("[ANSWER]", PNG + "A" * (DRAWING_LIMIT - len(PNG) + 2), False),
        ("[ANSWER]", 7, False),
        ("[ANSWER]", None, False),
    ],
)
def test_which_drawings_count(content: str, url: object, taken: bool) -> None:
    turn = student_turn(content, url)
    assert (turn.drawing is not None) is taken
    assert bool(turn.left_out) is (bool(url) and not taken), "one that is left out is not left out in silence"


@pytest.mark.parametrize(
    ("written", "explanation", "question", "kind", "flags"),
    [
        ("Well done. [COMPLETE]", "Well done.", "", None, (True, False, False)),
        (
            "Yes.\n[ADVANCE_CHUNK]\nNext.\nQuestion Type: code\nQuestion:\nWrite it.",
            "Yes.\n\nNext.",
            "Write it.",
            "code",
            (False, True, False),
        ),
        (
            "No. [SAME_CHUNK]\n**Question Type:** draw\n**Question:** Draw it",
            "No.",
            "Draw it",
            "draw",
            (False, False, True),
        ),
        ("Hm.\nQuestion Type: song\nQuestion: Sing", "Hm.", "Sing", "text", (False, False, False)),
        ("Only words", "Only words", "", None, (False, False, False)),
    ],
)
def test_what_a_model_wrote(written: str, explanation: str, question: str, kind: str | None, flags: Any) -> None:
    parsed = parse_model_message(written)
    assert (parsed.explanation, parsed.question, parsed.question_type) == (explanation, question, kind)
    assert (parsed.complete, parsed.advance, parsed.same) == flags


@pytest.mark.parametrize(
    "said",
    ["can you explain that", "could you please repeat that", "i do not understand", "what do you mean by that",
     "what was the question", "give me a hint", "explain it again please", "sorry what did you say", "no idea",
     "please repeat", "say that again", "once more please", "one more time", "what does ascending order mean", "why",
     "i am not sure what you mean", "can i have a hint", "tell me more"],
)  # fmt: skip
def test_words_that_ask_back(said: str) -> None:
    assert asks_back(said)
    assert spoken_turn(said, begun=True).kind == "clarification"


@pytest.mark.parametrize(
    "answer",
    [*ANSWERS["worried-caller"], *ANSWERS["binary-search"], "wait let me explain that again", "why do you ask",
     "i am not sure he signed it", "can i have your number", "tell me more about your son", "please say your name"],
)  # fmt: skip
def test_words_that_answer(answer: str) -> None:
    assert spoken_turn(answer, begun=True).kind == "answer"


@pytest.mark.parametrize("slug", ANSWERS)
def test_a_lesson_from_start_to_completion(slug: str) -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        first = await tutor.answer(user_id, session_id, student_turn(""))
        assert first.tools_used == ("check_student_progress", "check_prerequisite_mastery")
        chunks = len(ANSWERS[slug])
        for number, answer in enumerate(ANSWERS[slug], 1):
            turn = await tutor.answer(user_id, session_id, student_turn(f"[ANSWER] {answer}"))
            assert turn.tools_used == ("record_exercise_result",)
            assert turn.complete == (number == chunks), turn.message
            assert ("Question Type: " in turn.message) == (number < chunks)
        (progress,) = await store.progress(user_id)
        assert (progress.mastery, progress.attempts) == (1.0, chunks)
        assert progress.completed_at is not None
        session = await store.external_chat(user_id, session_id)
        assert session.ended_at is not None
        kinds = [message.kind for message in await store.external_messages(session_id)]
        assert kinds == ["learning", *["evaluation", "learning"] * chunks]
        again = await tutor.answer(user_id, session_id, student_turn("[ANSWER] more"))
        assert again.complete, "a lesson that is over stays over, and still answers"
        assert (await store.external_chat(user_id, session_id)).ended_at == session.ended_at

    taught(story, node_id=slug)


def test_a_wrong_answer_gets_more_help_each_time_and_then_the_lesson_goes_on() -> None:
    chunk = LESSONS[0].chunks[0]

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        async def answer(text: str) -> TutorTurn:
            return await tutor.answer(user_id, session_id, student_turn(f"[ANSWER] {text}"))

        await tutor.answer(user_id, session_id, student_turn(""))
        first = await answer("because")
        assert first.explanation == f"Not quite. {chunk.hints[0]}"
        assert first.state.question == chunk.question.ask
        second = await answer("it must not be in order")
        assert second.explanation.startswith(f"Not quite: part of that says the opposite. {chunk.hints[1]} An example.")
        assert second.tools_used == ("record_exercise_result", "generate_example", "create_exercise")
        assert second.state.question == chunk.exercises[0].ask
        solved = await answer("1, 2, 3")
        assert solved.state.question == chunk.question.ask, "back to the question itself"
        third = await answer("I do not know")
        assert third.explanation == f"That is all right. {chunk.hints[2]}"
        assert third.figure == chunk.diagram
        told = await answer("because")
        assert f"A good answer is this. {chunk.question.answer} Now say it" in told.explanation
        assert (told.state.chunk, told.state.told) == (0, True)
        on = await answer("because")
        assert (on.state.chunk, on.state.told, on.state.unmastered) == (1, False, ("sorted",))
        assert on.explanation.endswith(LESSONS[0].chunks[1].teach)
        judged = [json.loads(message.data["successSignal"]) for message in await store.external_messages(session_id)
                  if message.kind == "evaluation"]  # fmt: skip
        assert [item["attempt"] for item in judged] == [1, 2, 3, 3, 4, 5]
        assert [item.get("fault") for item in judged] == [
            "incomplete", "opposite", None, "incomplete", "incomplete", "incomplete",
        ]  # fmt: skip

    taught(story)


def test_an_exercise_that_is_not_solved_is_told_and_the_question_comes_back() -> None:
    chunk = LESSONS[0].chunks[0]

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        for content in ("", "[ANSWER] because", "[ANSWER] because"):
            await tutor.answer(user_id, session_id, student_turn(content))
        failed = await tutor.answer(user_id, session_id, student_turn("[ANSWER] 3, 1, 2"))
        assert "A good answer is this. 1, 2, 3. Now the question again." in failed.explanation
        assert failed.explanation.endswith(chunk.hints[2])
        assert (failed.state.question, failed.state.exercise) == (chunk.question.ask, None)

    taught(story)


def test_who_answers_everything_wrong_covers_the_lesson_and_masters_nothing() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        turn = await tutor.answer(user_id, session_id, student_turn(""))
        answers = 0
        while not turn.complete:
            answers += 1
            assert answers <= 5 * 5, "help comes to an end"
            turn = await tutor.answer(user_id, session_id, student_turn("[ANSWER] It must not be so."))
        assert "shown that you know none of them" in turn.message
        assert all(chunk.title in turn.message for chunk in LESSONS[0].chunks)
        (progress,) = await store.progress(user_id)
        assert (progress.mastery, progress.completed_at is not None) == (0.0, True), "covered, and not mastered"
        messages = await store.external_messages(session_id)
        evaluations = [message.data["wasSuccessful"] for message in messages if message.kind == "evaluation"]
        assert evaluations == [False] * answers
        assert all("wasSuccessful" not in message.data for message in messages if message.kind != "evaluation")

    taught(story)


def test_a_good_answer_that_is_said_back_counts_half_and_is_not_mastered() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        for _ in range(4):
            told = await tutor.answer(user_id, session_id, student_turn("[CLARIFICATION] what do you mean?"))
        assert f"A good answer is this. {LESSONS[0].chunks[0].question.answer}" in told.explanation
        back = await tutor.answer(user_id, session_id, student_turn(f"[ANSWER] {LESSONS[0].chunks[0].question.answer}"))
        assert (back.state.chunk, back.state.unmastered) == (1, ("sorted",))
        (progress,) = await store.progress(user_id)
        assert (progress.mastery, progress.attempts) == (0.5, 1)

    taught(story)


def test_an_empty_answer_is_not_judged() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        turn = await tutor.answer(user_id, session_id, student_turn("[ANSWER]\nMode: text\n"))
        assert (turn.verdict, turn.tools_used, turn.state.wrong) == (None, (), 0)
        assert turn.message.startswith("I did not get an answer.")
        assert LESSONS[0].chunks[0].question.ask in turn.message

    taught(story)


def test_a_clarification_has_no_question_block_and_never_completes() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        turn = await tutor.answer(user_id, session_id, student_turn("[CLARIFICATION] why sorted?"))
        assert "Question" not in turn.message
        assert turn.tools_used == ("visualize_concept",)
        assert LESSONS[0].chunks[0].diagram in turn.message
        assert LESSONS[0].chunks[0].diagram not in turn.speech, "nobody reads a picture aloud"
        assert turn.speech.endswith(LESSONS[0].chunks[0].question.ask), "but the question is asked again"
        messages = await store.external_messages(session_id)
        assert [message.kind for message in messages[-2:]] == ["hint_request", "hint_response"]

    taught(story)


def test_a_drawing_that_nobody_sees_is_asked_for_in_words_and_not_judged() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        for content in ["", *(f"[ANSWER] {answer}" for answer in ANSWERS["binary-search"][:3])]:
            asked = await tutor.answer(user_id, session_id, student_turn(content))
        assert "Question Type: draw" in asked.message
        shown = await tutor.answer(user_id, session_id, student_turn("[ANSWER]\nMode: draw\n", PNG))
        assert "cannot see drawings" in shown.message
        assert shown.tools_used == ()
        told = await tutor.answer(user_id, session_id, student_turn("[ANSWER] first 9 in the middle, then 14", PNG))
        assert told.tools_used == ("record_exercise_result",)
        assert told.state.chunk == 4

    taught(story)


def test_tests_and_prerequisites_are_told_as_they_are() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await store.add_node(user_id, id="loops", title="Loops")
        await store.add_edge(user_id, "loops", "abc123")
        await store.add_diagnostic(user_id, "abc123", score=0.5, total=4, incorrect=2, weak_areas=["off by one"])
        node = await store.node(user_id, "abc123")
        tools = Toolbox(store, node, LESSONS[0])
        assert await tools.run("check_student_progress", {}) == {
            "diagnosticScore": 0.5,
            "totalQuestions": 4,
            "incorrectQuestions": 2,
            "weakAreas": ["off by one"],
        }
        assert await tools.run("check_prerequisite_mastery", {}) == {
            "prerequisites": [{"title": "Loops", "mastered": False, "masteryScore": 0.0}],
            "allMastered": False,
        }
        turn = await tutor.answer(user_id, session_id, student_turn(""))
        assert "off by one" in turn.message
        assert "It builds on Loops" in turn.message

    taught(story)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("delete_everything", {}, "There is no tool"),
        ("generate_example", {"topic": "halving"}, "needs 'difficulty'"),
        ("generate_example", {"topic": "halving", "difficulty": "absurd"}, "must be"),
        ("generate_example", {"topic": 3, "difficulty": "simple"}, "must be"),
        ("create_exercise", {"topic": "halving", "difficulty": "easy", "extra": 1}, "takes no 'extra'"),
        ("record_exercise_result", ANSWERED | {"is_correct": "yes"}, "must be"),
        ("record_exercise_result", ANSWERED | {"score": 2}, "must be"),
        ("record_exercise_result", ANSWERED | {"score": True}, "must be"),
        ("visualize_concept", {"what": "zebras", "style": "diagram"}, "no language model is configured"),
    ],
)
def test_a_tool_says_what_is_wrong(name: str, arguments: dict[str, Any], reason: str) -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        tools = Toolbox(store, await store.node(user_id, "abc123"), LESSONS[0])
        with pytest.raises(LessonToolFailed, match=reason):
            await tools.run(name, arguments)
        assert tools.used == []
        assert tools.results == []

    taught(story)


def test_recording_counts_what_is_kept_and_what_this_turn_adds() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        tools = Toolbox(store, await store.node(user_id, "abc123"), LESSONS[0])
        first = await tools.run("record_exercise_result", ANSWERED)
        assert first == {
            "recorded": True,
            "totalAttempts": 1,
            "correctCount": 1,
            "averageScore": 0.8,
            "shouldMoveOn": False,
        }
        second = await tools.run("record_exercise_result", ANSWERED | {"score": 0.6, "feedback": "good"})
        assert (second["averageScore"], second["shouldMoveOn"]) == (0.7, True)
        assert await store.progress(user_id) == (), "a turn that is not kept changes nothing"

    taught(story)


def test_there_are_six_tools_and_each_has_a_schema() -> None:
    assert NAMES == (
        "check_student_progress",
        "check_prerequisite_mastery",
        "generate_example",
        "create_exercise",
        "visualize_concept",
        "record_exercise_result",
    )
    assert all(schema["function"]["parameters"]["type"] == "object" for schema in SCHEMAS)


def test_what_cannot_be_taught_says_why() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        nodeless = await store.add_external_chat(user_id, "tutor")
        with pytest.raises(NoNode, match="Session has no linked node"):
            await tutor.answer(user_id, nodeless.id, student_turn(""))
        node: Node = await tutor.node(user_id, "zebras")
        strange = await store.add_external_chat(user_id, "tutor", subject_id=node.id)
        with pytest.raises(NothingToTeach, match="No lesson teaches 'zebras'"):
            await tutor.answer(user_id, strange.id, student_turn(""))

    taught(story)


def test_a_spoken_answer_is_judged_on_its_own_message() -> None:
    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        opened = await SpokenTutor(tutor, store).open(user_id, session_id)
        assert opened is not None
        assert opened.responder is not None
        for number, said in enumerate(["hello", "it takes no order at all it must not be sorted", "it must be sorted"]):
            await opened.log.add_message(session_id, "user", said, origin="spoken", id=f"u{number}")
            context = opened.conversation.context(number, said)
            spoken = "".join([delta async for delta in opened.responder.reply(context)])
            await opened.log.add_message(session_id, "assistant", spoken, origin="spoken", id=f"a{number}")
        told = {item.id: item.data for item in await store.external_messages(session_id)}
        assert [told[f"u{number}"].get("wasSuccessful") for number in range(3)] == [None, False, True]
        assert all("wasSuccessful" not in told[f"a{number}"] for number in range(3))

    taught(story)
