"""Attempts from start to end: the way through the scenarios, infinite mode, stopping, taking over, watching."""

import asyncio
import itertools
import json
from typing import Any

import httpx
import pytest

from tests.api.doors.glow.test_chats import detail, ok, start
from tests.service import RunningService


def say(service: RunningService, chat: str, text: str = "Good morning, how can I help you?") -> dict[str, Any]:
    return ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": text, "wait_for_complete": True}))


def test_through_all_scenarios(service: RunningService) -> None:
    started = start(service, "All three desks")
    attempt, chats = started["attempt_id"], started["chat_ids"]
    for number, chat in enumerate(chats):
        say(service, chat)
        ended = ok(service.post("/attempt/end", {"attempt_id": attempt, "chat_id": chat}))
        assert ended["is_attempt_finished"] is (number == 2)
        assert isinstance(ended["score"], int)
        after = ok(service.post("/attempt/next", {"attempt_id": attempt}))
        assert after["chat_id"] == (chats[number + 1] if number < 2 else None)
    assert after["all_scenarios_complete"]
    whole = ok(service.post("/attempt/get", {"attempt_id": attempt}))
    assert whole["attempt"]["completed"]
    assert (whole["current_chat_id"], whole["resources"]) == (None, None)
    assert [chat["grade"]["score"] >= 0 for chat in whole["entries"]["attempt_chat"]] == [True] * 3
    assert len(whole["entries"]["attempt_message"]) == 6


def test_infinite_mode_goes_round_and_has_no_time_limit(service: RunningService) -> None:
    started = start(service, infinite_mode=True)
    attempt, seen = started["attempt_id"], [started["chat_id"]]
    for _ in range(3):
        ended = ok(service.post("/attempt/end", {"attempt_id": attempt, "chat_id": seen[-1], "grade": False}))
        assert (ended["is_attempt_finished"], ended["grade_id"]) == (False, None)
        seen.append(ok(service.post("/attempt/next", {"attempt_id": attempt}))["chat_id"])
    assert len(set(seen)) == 4
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": seen[-1]}))
    assert (got["names"][0]["name"], got["timer"]["time_limit_seconds"]) == ("The records office", None)
    assert ok(service.post("/attempt/end_all", {"attempt_id": attempt}))["success"]
    assert ok(service.post("/attempt/next", {"attempt_id": attempt}))["chat_id"] is None


def test_end_by_hand_with_everything(service: RunningService) -> None:
    started = start(service)
    chat = started["chat_id"]
    say(service, chat)
    message = service.history(chat)[0]["id"]
    body = {
        "attempt_id": started["attempt_id"],
        "chat_id": chat,
        "score": 10,
        "passed": True,
        "time_taken": 42,
        "feedbacks": [{"feedback": "Fine.", "total": 10}],
        "strengths": [{"name": "Warm", "description": "x", "message_id": message}],
        "analyses": [{"content": "Short."}],
    }
    ended = ok(service.post("/attempt/end", body))
    assert (ended["score"], ended["passed"], ended["is_attempt_finished"]) == (10, True, True)
    entries = ok(service.post("/attempt/get", {"attempt_id": started["attempt_id"]}))["entries"]
    assert entries["attempt_grade"][0]["time_taken"] == 42
    assert [item["feedback"] for item in entries["attempt_feedback"]] == ["Fine."]
    assert [item["content"] for item in entries["attempt_analysis"]] == ["Short."]


def test_end_all_grades_what_was_spoken_in(service: RunningService) -> None:
    started = start(service, "All three desks")
    say(service, started["chat_ids"][0])
    ended = ok(service.post("/attempt/end_all", {"attempt_id": started["attempt_id"]}))
    assert (ended["success"], ended["all_scenarios_complete"]) == (True, False)
    chats = ok(service.post("/attempt/get", {"attempt_id": started["attempt_id"]}))["entries"]["attempt_chat"]
    assert [chat["grade"] is not None for chat in chats] == [True, False, False]
    assert all(chat["completed"] for chat in chats)


def test_complete_an_attempt(service: RunningService) -> None:
    started = start(service, "All three desks")
    done = ok(service.post("/attempt/complete", {"attempt_id": started["attempt_id"], "message": "That is all."}))
    assert done["completed_chat_ids"] == started["chat_ids"]
    whole = ok(service.post("/attempt/get", {"attempt_id": started["attempt_id"]}))
    assert (whole["attempt"]["completed"], whole["attempt"]["message"]) == (True, "That is all.")


def test_what_was_done_before_can_be_taken_over(service: RunningService) -> None:
    before = start(service)
    say(service, before["chat_id"])
    graded = ok(service.post("/attempt/end", {"attempt_id": before["attempt_id"], "chat_id": before["chat_id"]}))
    now = start(service, "All three desks")
    body = {"attempt_id": now["attempt_id"], "previous_chat_map": {now["chat_ids"][0]: before["chat_id"]}}
    assert ok(service.post("/attempt/use_previous", body))["chat_ids"] == [now["chat_ids"][0]]
    assert service.lines(now["chat_ids"][0]) == service.lines(before["chat_id"])
    chat = ok(service.post("/attempt/get", {"attempt_id": now["attempt_id"]}))["entries"]["attempt_chat"][0]
    assert (chat["grade"]["score"], chat["previous_attempt_chat_id"]) == (graded["score"], before["chat_id"])
    assert service.post("/attempt/use_previous", body).status_code == 409
    wrong = {"attempt_id": now["attempt_id"], "previous_chat_map": {now["chat_ids"][1]: before["chat_id"]}}
    assert service.post("/attempt/use_previous", wrong).status_code == 409
    theirs = start(service, user="bob")["chat_id"]
    stolen = {"attempt_id": now["attempt_id"], "previous_chat_map": {now["chat_ids"][1]: theirs}}
    assert service.post("/attempt/use_previous", stolen).status_code == 404


def test_a_message_of_the_older_dialect_answers_by_itself(service: RunningService) -> None:
    started = start(service)
    body = {"attempt_id": started["attempt_id"], "chat_id": started["chat_id"], "message": "Hello."}
    reply = ok(service.post("/attempt/message", body | {"wait_for_complete": True}))
    assert [reply["user_message_id"], reply["assistant_message_id"]] == [
        item["id"] for item in service.history(started["chat_id"])
    ]
    assert reply["hints"]
    own = ok(service.post("/attempt/message", body | {"assistant_content": "I say this.", "hints": ["Breathe."]}))
    assert own["assistant_content"] == "I say this."
    assert [hint["hint"] for hint in own["hints"]] == ["Breathe."]
    assert service.lines(started["chat_id"])[2:] == [("query", "Hello."), ("response", "I say this.")]


def test_generate_answers_what_was_only_stored(service: RunningService) -> None:
    started = start(service)
    chat = started["chat_id"]
    ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": "Hello.", "generate": False}))
    config = {"operations": ["chat_message", "get"], "params": {"chat_id": chat}, "group_id": "g-1"}
    reply = ok(service.post("/attempt/generate", {"config": config, "wait_for_complete": True}))
    assert (reply["group_id"], bool(reply["run_id"])) == ("g-1", True)
    assert service.lines(chat)[1] == ("response", reply["produced_media"][0]["text"])
    by_attempt = {"config": {"operations": ["hints"], "params": {"attempt_id": started["attempt_id"]}}}
    assert ok(service.post("/attempt/generate", by_attempt))["produced_media"][0]["type"] == "hint"
    assert detail(service.post("/attempt/generate", {})) == (400, "chat_id is required")


def test_nothing_to_stop(service: RunningService) -> None:
    started = start(service)
    stopped = ok(service.post("/attempt/stop", {"chat_id": started["chat_id"]}))
    assert (stopped["success"], stopped["message"]) == (True, "Nothing was being generated.")
    assert ok(service.post("/attempt/stop", {"group_id": "nobody's"}))["success"]
    assert service.post("/attempt/stop", {}).status_code == 400


@pytest.mark.parametrize("path", ["get", "next", "end_all", "complete", "grade"])
def test_another_users_attempt_is_not_there(service: RunningService, path: str) -> None:
    theirs = start(service, user="bob")["attempt_id"]
    answers = [detail(service.post(f"/attempt/{path}", {"attempt_id": ident})) for ident in (theirs, "nowhere")]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_watching_a_chat_from_beginning_to_end(service: RunningService) -> None:
    started = start(service, user="eve")
    chat = started["chat_id"]
    elsewhere = start(service, user="bob")["chat_id"]

    async def story() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        async with (
            httpx.AsyncClient(base_url=service.url, headers=service.headers("eve"), timeout=100) as client,
            client.stream("GET", "/attempt/watch") as stream,
        ):
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith(":")
            bob = service.headers("bob")
            await client.post("/attempt/chat_message", json={"chat_id": elsewhere, "text": "Secret."}, headers=bob)
            await client.post("/attempt/chat_message", json={"chat_id": chat, "text": "Hello."})
            async for line in lines:
                if line.startswith("data: "):
                    told.append(json.loads(line.removeprefix("data: ")))
                    if told[-1]["event_type"] == "attempt.generate.completed":
                        return told
        return told

    told = asyncio.run(story())
    keys = {"id", "event_type", "artifact", "operation", "created_at", "group_id", "run_id", "entity_id", "payload"}
    assert all(keys <= set(event) for event in told)
    assert {event["entity_id"] for event in told} == {chat}
    names = list(dict.fromkeys(event["event_type"] for event in told))
    in_order = [
        "attempt.chat_message.started",
        "attempt_user_complete",
        "attempt_assistant_start",
        "attempt_assistant_delta",
        "attempt_assistant_complete",
        "attempt_complete",
        "attempt.generate.completed",
    ]
    assert [name for name in names if name in in_order] == in_order
    texts = [event["payload"]["content"] for event in told if event["event_type"] == "attempt_assistant_delta"]
    assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
    said = [event["payload"].get("text") for event in told if event["event_type"] == "attempt.chat_message.completed"]
    assert texts[-1] in said
