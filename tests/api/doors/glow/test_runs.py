"""Replies by a language model over real HTTP: stopped, asked for twice, failed, graded."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.chats.hub import chat_channel
from tests.api.doors.glow.test_chats import ok, start
from tests.servers.llm import LlmServer
from tests.service import WAIT_S, RunningService, unhearing


@pytest.fixture
def asked(llm_server: LlmServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunningService]:
    """A service whose personas and coach are the model that the test names."""
    model = {"openai_base_url": llm_server.url, "openai_api_key": "sk-test", "llm_model": request.param}
    with unhearing(tmp_path, llm="openai", **model) as started:
        yield started


@pytest.mark.parametrize("asked", ["slow"], indirect=True)
def test_a_reply_is_stopped_and_what_was_written_is_kept(asked: RunningService, llm_server: LlmServer) -> None:
    chat = start(asked)["chat_id"]
    sent = ok(asked.post("/attempt/chat_message", {"chat_id": chat, "text": "Hello."}))
    llm_server.wait_for_request()
    again = ok(asked.post("/attempt/generate", {"config": {"params": {"chat_id": chat}}}))
    assert (again["run_id"], again["group_id"]) == (sent["run_id"], sent["group_id"]), "it is being answered already"
    llm_server.release(3)
    while not asked.ask(lambda inside: inside.chats.runs_of(chat)[0].text.split()[2:]):
        pass
    attempt = ok(asked.post("/attempt/chat_get", {"chat_entry_id": chat}))["attempt_id"]
    runs = ok(asked.post("/attempt/get", {"attempt_id": attempt}))["entries"]["runs"]
    assert [run["run_id"] for run in runs] == [sent["run_id"]]
    stopped = ok(asked.post("/attempt/stop", {"group_id": sent["group_id"]}))
    assert (stopped["success"], stopped["message"]) == (True, None)
    assert asked.lines(chat) == [("query", "Hello."), ("response", "This is a")]
    assert asked.history(chat)[1]["interrupted"]
    assert llm_server.last.disconnected.wait(100)


@pytest.mark.parametrize("asked", ["refuse-500"], indirect=True)
def test_a_reply_that_fails_is_said_and_the_message_stays(asked: RunningService) -> None:
    chat = start(asked)["chat_id"]
    body = {"chat_id": chat, "text": "Hello.", "wait_for_complete": True}
    answer = asked.post("/attempt/chat_message", body)
    assert answer.status_code == 502
    assert "HTTP 500" in answer.json()["detail"]
    assert asked.lines(chat) == [("query", "Hello.")]
    graded = ok(asked.post("/attempt/chat_grade", {"chat_id": chat}))
    assert "Graded offline" in graded["description"]


@pytest.mark.parametrize("asked", ["script"], indirect=True)
def test_the_model_grades_by_the_packs_rubric(asked: RunningService, llm_server: LlmServer) -> None:
    judged = {
        "standards": [{"standard": n, "points": 5, "reason": f"Reason {n}."} for n in range(1, 7)],
        "summary": "Short and kind.",
        "strengths": [{"name": "Kind", "description": "x", "line": 1, "sections": ["good MORNING"]}],
        "improvements": [],
        "analyses": ["One exchange."],
    }
    llm_server.replies["script"] = ["Good morning to you.", json.dumps(judged)]
    chat = start(asked)["chat_id"]
    ok(asked.post("/attempt/chat_message", {"chat_id": chat, "text": "Good morning!", "wait_for_complete": True}))
    graded = ok(asked.post("/attempt/chat_grade", {"chat_id": chat, "user_instructions": "Look at the greeting."}))
    assert (graded["score"], graded["passed"]) == (30, False)
    assert graded["description"].endswith("Short and kind.")
    assert "Look at the greeting." in llm_server.last.messages[1]["content"]
    strengths = ok(asked.post("/attempt/chat_strengths", {"chat_id": chat}))["strengths"]
    assert strengths[0]["highlights"] == [{"section": "Good morning", "idx": 0}]
    assert len(llm_server.requests) == 2, "what was graded is read, not generated again"


def test_a_reply_that_is_stopped_at_any_moment_tells_its_end_once(service: RunningService) -> None:
    async def stopped_after(turns: int, chat: str) -> tuple[bool, list[str]]:
        """Stop a reply when the loop has gone round so often; return whether it was, and which ends were told."""
        chats, store = service.inside.chats, service.inside.store
        user = (await store.user_named("ada")).id
        with service.inside.hub.subscribe([chat_channel(chat)]) as told:
            sent = await chats.message(user, chat, "Good morning.")
            for _ in range(turns):
                await asyncio.sleep(0)
            was_stopped = await chats.stop(user, chat_id=chat)
            await chats.stop(user, chat_id=chat)
            assert not chats.runs_of(chat)
            assert not await store.jobs("reply", user, chat_ids=[chat])
            told.close()
            ends = {"attempt_stopped", "attempt_complete"}
            named = [event async for event in told if event.name in ends and event.run_id == sent.run_id]
        return was_stopped, [event.name for event in named]

    seen = set()
    for turns in range(0, 90, 3):
        done = asyncio.run_coroutine_threadsafe(stopped_after(turns, service.chat()), service.loop)
        told = done.result(WAIT_S)
        assert told in ((True, ["attempt_stopped"]), (False, ["attempt_complete"])), turns
        seen.add(told[0])
    assert True in seen
