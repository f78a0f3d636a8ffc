"""The tutor on a model: tool calls, pictures, and the lesson's rules against what the model writes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from models.packs.lesson_loader import load_lessons
from models.store import Store
from pipeline.errors import ResponderFailed
from pipeline.llm.chat_model import ChatModel
from pipeline.tutoring.modelled import ROUNDS
from pipeline.tutoring.tools import NAMES
from pipeline.tutoring.turns import student_turn
from pipeline.tutoring.tutor import Tutor
from tests.pipeline.tutoring.test_tutoring import PNG
from tests.servers.tools import ToolsServer, tools_server
from tests.stores import empty_store

Story = Callable[[Store, Tutor, str, str], Awaitable[None]]


@pytest.fixture
def server() -> Iterator[ToolsServer]:
    with tools_server() as started:
        yield started


def taught(server: ToolsServer, story: Story, node_id: str = "zebras") -> None:
    async def run() -> None:
        model = ChatModel(model="tutor", base_url=server.url, api_key="key")
        async with empty_store() as store:
            user = await store.create_user("ada")
            tutor = Tutor(store, load_lessons(), model)
            await tutor.node(user.id, node_id)
            session = await store.add_external_chat(user.id, "tutor", subject_id=node_id)
            try:
                await story(store, tutor, user.id, session.id)
            finally:
                await model.close()

    asyncio.run(run())


QUESTION = "\nQuestion Type: text\nQuestion:\nWhat stripes?"
RECORD = ("record_exercise_result", {"exercise_prompt": "?", "student_answer": "!", "is_correct": True, "score": 1})


def test_tools_run_and_the_turn_says_so(server: ToolsServer) -> None:
    server.call(("check_student_progress", {}), ("check_prerequisite_mastery", {}), text="Let me see who this is.")
    server.call(("generate_example", {"topic": "stripes", "difficulty": "simple"}))
    server.say("A zebra in snow.")  # the example itself, which no lesson has
    server.say(f"Zebras have stripes.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        turn = await tutor.answer(user_id, session_id, student_turn(""))
        assert turn.message == "Zebras have stripes.\n\nQuestion Type: text\nQuestion:\nWhat stripes?"
        assert turn.tools_used == ("check_student_progress", "check_prerequisite_mastery", "generate_example")
        assert turn.reasoning[0] == "Let me see who this is."
        assert turn.reasoning[-1].endswith('"example": "A zebra in snow."}')
        results = [message for message in server.bodies[-1]["messages"] if message["role"] == "tool"]
        assert [json.loads(result["content"]).get("allMastered") for result in results] == [None, True, None]
        assert [tool["function"]["name"] for tool in server.bodies[0]["tools"]] == list(NAMES)
        (message,) = await store.external_messages(session_id)
        assert (message.role, message.kind) == ("assistant", "learning")

    taught(server, story)


def test_a_loop_of_tools_ends(server: ToolsServer) -> None:
    server.call(("check_student_progress", {}))

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        with pytest.raises(ResponderFailed, match="gave no message"):
            await tutor.answer(user_id, session_id, student_turn(""))
        assert len(server.bodies) == ROUNDS
        assert server.bodies[-1]["tool_choice"] == "none"
        assert await store.external_messages(session_id) == (), "nothing is kept of a turn that failed"

    taught(server, story)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("fly_to_the_moon", {}, "There is no tool"),
        ("create_exercise", "{broken", "not a JSON object"),
        ("create_exercise", "[]", "not a JSON object"),
        ("create_exercise", {"topic": "x", "difficulty": "absurd"}, "must be"),
    ],
)
def test_a_bad_call_is_told_to_the_model_and_did_not_run(
    server: ToolsServer, name: str, arguments: Any, said: str
) -> None:
    server.call((name, arguments))
    server.say(f"Stripes.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        turn = await tutor.answer(user_id, session_id, student_turn(""))
        assert turn.tools_used == ()
        assert said in server.bodies[-1]["messages"][-1]["content"]

    taught(server, story)


def test_results_are_kept_and_markers_are_not(server: ToolsServer) -> None:
    server.say(f"Stripes.{QUESTION}")
    server.call(RECORD)
    server.say(f"Right! [ADVANCE_CHUNK] Now tails.{QUESTION.replace('stripes', 'tails')}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        turn = await tutor.answer(user_id, session_id, student_turn("[ANSWER] black ones"))
        assert turn.message.startswith("Right!  Now tails.")
        assert (turn.state.chunk, turn.state.question) == (1, "What tails?")
        (progress,) = await store.progress(user_id)
        assert (progress.mastery, progress.attempts) == (1.0, 1)

    taught(server, story)


def test_verdicts_are_those_that_the_model_recorded_or_marked(server: ToolsServer) -> None:
    server.say(f"Stripes.{QUESTION}", f"No. [SAME_CHUNK] Look.{QUESTION}")
    server.call(("record_exercise_result", RECORD[1] | {"is_correct": False, "score": 0.25}))
    server.say(f"We come back to it. [ADVANCE_CHUNK] Tails.{QUESTION}", f"Hm, say more.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        for content in ("", "[ANSWER] red ones", "[ANSWER] green ones", "[ANSWER] well"):
            turn = await tutor.answer(user_id, session_id, student_turn(content))
        assert (turn.state.chunk, turn.state.wrong, turn.state.unmastered) == (1, 0, ("1",))
        assert "Not mastered so far: 1." in server.bodies[-1]["messages"][0]["content"]
        judged = [item.data for item in await store.external_messages(session_id) if item.kind == "evaluation"]
        assert [item.get("wasSuccessful") for item in judged] == [False, False, None]
        assert json.loads(judged[1]["successSignal"]) == {"score": 0.25, "chunk": "1", "attempt": 2}
        (progress,) = await store.progress(user_id)
        assert (progress.mastery, progress.attempts) == (0.125, 2)

    taught(server, story)


def test_a_lesson_has_at_least_four_chunks_and_at_most_ten(server: ToolsServer) -> None:
    server.say(f"Stripes.{QUESTION}", "Done. [COMPLETE]", f"Yes. [ADVANCE_CHUNK]{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        early = await tutor.answer(user_id, session_id, student_turn("[ANSWER] x"))
        assert not early.complete
        assert "Question:" in early.message, "the question that is open stands in for the one the model left out"
        for _ in range(8):
            assert not (await tutor.answer(user_id, session_id, student_turn("[ANSWER] x"))).complete
        last = await tutor.answer(user_id, session_id, student_turn("[ANSWER] x"))
        assert last.complete
        assert "Question" not in last.message
        assert (await store.external_chat(user_id, session_id)).ended_at is not None

    taught(server, story)


def test_a_clarification_cannot_end_the_lesson(server: ToolsServer) -> None:
    server.say(f"Stripes.{QUESTION}", f"They hide it. [COMPLETE]{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        turn = await tutor.answer(user_id, session_id, student_turn("[CLARIFICATION] why?"))
        assert (turn.message, turn.complete, turn.kind) == ("They hide it.", False, "hint_response")

    taught(server, story)


def test_a_drawing_reaches_a_model_that_sees(server: ToolsServer) -> None:
    server.say(f"Stripes.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn("[ANSWER]\nMode: draw\nsee", PNG))
        sent = server.bodies[-1]["messages"][-1]["content"]
        assert sent[1] == {"type": "image_url", "image_url": {"url": PNG}}
        assert "see" in sent[0]["text"]

    taught(server, story)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_model_that_does_not_see_is_told_that_there_is_a_drawing(server: ToolsServer, status: int) -> None:
    server.refuse(status)
    server.say(f"Tell me in words.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        turn = await tutor.answer(user_id, session_id, student_turn("[ANSWER] see", PNG))
        assert "you cannot see" in server.bodies[-1]["messages"][-1]["content"]
        assert turn.reasoning[0].startswith("The model does not take pictures")

    taught(server, story)


def test_a_drawing_that_cannot_be_used_is_said_to_be_missing(server: ToolsServer) -> None:
    server.say(f"Please draw it again.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        turn = await tutor.answer(user_id, session_id, student_turn("[ANSWER]", PNG.replace("png", "gif")))
        (reason,) = turn.reasoning
        assert reason.startswith("A drawing came and is left out: it must be a PNG or JPEG")
        assert reason in server.bodies[-1]["messages"][-1]["content"]

    taught(server, story)


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_refusal_keeps_nothing_and_tells_no_key(server: ToolsServer, status: int) -> None:
    server.refuse(status)

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        with pytest.raises(ResponderFailed, match=f"HTTP {status}") as refused:
            await tutor.answer(user_id, session_id, student_turn("[ANSWER] x"))
        assert "key" not in str(refused.value).replace("check the key", "")
        assert await store.external_messages(session_id) == ()

    taught(server, story)


def test_a_lesson_of_a_pack_is_taught_by_the_model_in_its_order(server: ToolsServer) -> None:
    server.say(f"Sorted lists.{QUESTION}")

    async def story(store: Store, tutor: Tutor, user_id: str, session_id: str) -> None:
        await tutor.answer(user_id, session_id, student_turn(""))
        system = server.bodies[0]["messages"][0]["content"]
        assert "1. What the list must be like." in system
        assert "5. Count the looks." in system

    taught(server, story, node_id="abc123")
