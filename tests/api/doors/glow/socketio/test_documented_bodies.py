"""The 23 requests of the Socket V5 page, each with every field that the page names, on one service in one session."""

import time
from typing import Any

import pytest

from api.doors.glow.socketio.table import Events
from api.doors.glow.table import OPERATIONS
from tests.service import WAIT_S, RunningService

pytestmark = pytest.mark.slow

GENERATE: dict[str, Any] = {
    "artifact_types": [{"name": "chat", "operation": "draft"}],
    "artifact_id": None,
    "draft_id": None,
    "resource_types": [{"name": "names", "operation": "get"}],
    "entry_types": None,
    "user_instructions": ["A worried parent asks for the grades of a son."],
    "save": False,
    "run_id": None,
    "group_id": None,
    "modality": "call",
    "extra_messages": None,
    "metadata": None,
}


def test_every_request_of_the_page(service: RunningService) -> None:
    asked: set[str] = set()

    def ask(path: str, **body: Any) -> dict[str, Any]:
        answer = service.post(f"/socket/v5/client/{path}", body)
        assert answer.status_code == 200, (path, answer.text)
        told: dict[str, Any] = answer.json()
        assert told["success"] is True, (path, told)
        asked.add(path.replace("/", "_"))
        return told

    ask("connect")
    assert ask("generate", **GENERATE)["group_id"]
    practice = service.practice("All three desks")
    begun = ask("attempt/start", home_id=None, practice_id=practice, infinite_mode=False)
    attempt, chat = begun["attempt_id"], begun["chat_id"]
    ask("attempt/join", chat_id=chat)
    line = "Hello, this is the records office. How can I help you?"
    assert ask("attempt/message", attempt_id=attempt, chat_id=chat, message=line, parent_message_id=None)["run_id"]
    ask("attempt/stop", chat_id=chat)
    graded = ask("attempt/grade", attempt_id=attempt, chat_id=chat, resource_types=None, user_instructions=None)
    assert graded["score"] > 0
    shown = service.post("/attempt/chat_get", {"chat_entry_id": chat}).json()
    question, option = shown["questions"][0]["question_id"], shown["options"][0]["option_id"]
    assert ask("attempt/response_submit", chat_id=chat, question_id=question, option_ids=[option])["response_id"]
    assert ask("attempt/audio_start", chat_id=chat)["conversation_id"]
    assert ask("attempt/audio_stop", chat_id=chat)["stopped"] is True
    ended = ask("attempt/end", attempt_id=attempt, chat_id=chat, grade=True)
    assert (ended["is_attempt_finished"], ended["score"]) == (False, graded["score"] + 5), (
        "the answered question counts"
    )
    assert ask("attempt/next", attempt_id=attempt, draft_id=None)["chat_id"] != chat
    again = ask("attempt/start", practice_id=practice)
    ask("attempt/use_previous", attempt_id=again["attempt_id"], previous_chat_map={again["chat_id"]: chat})
    assert ask("attempt/end_all", attempt_id=attempt)["attempt_id"] == attempt
    ask("attempt/leave", chat_id=chat)

    benchmark = service.post("/benchmark/search", {}).json()["benchmarks"][0]["benchmark_id"]
    test = ask("test/start", benchmark_id=benchmark, infinite_mode=False)["test_id"]
    first = ask("test/next", test_id=test)
    invocation, run = first["invocation_id"], first["run_id"]
    ask("test/join", invocation_id=invocation)
    replayed = ask("test/run", test_id=test, test_invocation_id=invocation, run_id=run)["chat_id"]
    deadline = time.monotonic() + WAIT_S
    while len(service.history(replayed)) < 4:
        assert time.monotonic() < deadline
    ask("test/stop", invocation_id=invocation)
    told = ask("test/end", test_id=test, test_invocation_id=invocation, run_id=run, grade=True)
    assert told["feedback"]
    ask("test/leave", invocation_id=invocation)
    ask("disconnect")
    assert asked == set(Events(OPERATIONS).v5)
