"""Idempotency keys, staged calls, and the typed answers that the API document promises."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.doors.glow.test_chats import detail, ok, start
from tests.service import RunningService, http

REUSED = "Idempotency key reused with a different request payload."


def test_a_key_makes_a_call_happen_once(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    body = {"chat_id": chat, "text": "Once.", "generate": False, "idempotency_key": "key-once"}
    first = ok(service.post("/attempt/chat_message", body))
    assert first["idempotency_key"] == "key-once"
    assert ok(service.post("/attempt/chat_message", body)) == first
    assert service.lines(chat) == [("query", "Once.")]
    assert detail(service.post("/attempt/chat_message", body | {"text": "Twice."})) == (409, REUSED)
    assert detail(service.post("/attempt/chat_complete", {"chat_id": chat, "idempotency_key": "key-once"})) == (
        409,
        REUSED,
    )


def test_keys_are_each_users_own(service: RunningService) -> None:
    for user in ("ada", "bob"):
        chat = start(service, user=user)["chat_id"]
        body = {"chat_id": chat, "text": user, "generate": False, "idempotency_key": "key-shared"}
        ok(service.post("/attempt/chat_message", body, user))
        assert service.history(chat, user)[0]["contents"][0]["content"] == user


def test_a_call_that_failed_leaves_its_key_free(service: RunningService) -> None:
    body: dict[str, Any] = {"attempt_id": "nowhere", "idempotency_key": "key-failed"}
    assert service.post("/attempt/end_all", body).status_code == 404
    body["attempt_id"] = start(service)["attempt_id"]
    assert ok(service.post("/attempt/end_all", body))["idempotency_key"] == "key-failed"


def test_of_many_with_one_key_at_once_one_is_carried_out(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    body = {"chat_id": chat, "text": "At once.", "idempotency_key": "key-at-once", "wait_for_complete": True}

    async def story() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=service.url, headers=service.headers(), timeout=100) as client:
            return list(await asyncio.gather(*(client.post("/attempt/chat_message", json=body) for _ in range(10))))

    answers = asyncio.run(story())
    refusals = {answer.json()["detail"] for answer in answers if answer.status_code == 409}
    assert refusals <= {"An operation with this idempotency key is already in progress."}
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["message_id"] for answer in answers if answer.status_code == 200}) == 1
    assert [kind for kind, _ in service.lines(chat)] == ["query", "response"]


def test_a_staged_call_waits_until_it_is_accepted(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    body = {"chat_id": chat, "text": "Later.", "generate": False}
    staged = ok(service.post("/attempt/chat_message", body | {"soft": True}))
    assert (staged["pending"], staged["operation"]) == (True, "chat_message")
    assert service.history(chat) == []
    accepted = ok(service.post("/attempt/chat_message", {"chat_id": chat, "accept": True}))
    assert accepted["message_id"]
    assert service.lines(chat) == [("query", "Later.")]
    again = service.post("/attempt/chat_message", {"chat_id": chat, "accept": True})
    assert detail(again) == (404, "No pending chat_message")


def test_a_staged_call_can_be_dropped(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    ok(service.post("/attempt/chat_complete", {"chat_id": chat, "soft": True}))
    dropped = ok(service.post("/attempt/chat_complete", {"chat_id": chat, "accept": False}))
    assert dropped["pending"] is False
    assert detail(service.post("/attempt/chat_complete", {"chat_id": chat, "accept": False})) == (
        404,
        "No pending chat_complete",
    )
    assert ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))["can_edit"]
    theirs = start(service, user="bob")["chat_id"]
    assert service.post("/attempt/chat_complete", {"chat_id": theirs, "soft": True}).status_code == 404


def test_a_call_about_an_attempt_can_be_staged(service: RunningService) -> None:
    attempt = start(service)["attempt_id"]
    assert ok(service.post("/attempt/end_all", {"attempt_id": attempt, "soft": True}))["pending"] is True
    assert ok(service.post("/attempt/get", {"attempt_id": attempt}))["attempt"]["completed"] is False
    assert ok(service.post("/attempt/end_all", {"attempt_id": attempt, "accept": True}))["attempt_id"] == attempt
    assert ok(service.post("/attempt/get", {"attempt_id": attempt}))["attempt"]["completed"] is True
    assert service.post("/attempt/end_all", {"attempt_id": attempt, "soft": True}, "bob").status_code == 404


def test_the_reply_under_a_key_is_the_first_one_with_all_its_fields(service: RunningService) -> None:
    body = {"name": "town", "values": ["Leeds", "York"], "idempotency_key": "key-of-a-parameter"}
    first = ok(service.post("/parameter/create", body))
    assert [field["name"] for field in first["fields"]] == ["Leeds", "York"]
    assert ok(service.post("/parameter/create", body)) == first


def test_what_is_staged_for_one_thing_is_not_accepted_for_another(service: RunningService) -> None:
    ok(service.post("/cohort/create", {"name": "Staged", "soft": True}))
    other = {"name": "x", "simulation_id": "x", "scenario_id": "x", "accept": True}
    assert detail(service.post("/benchmark/create", other)) == (404, "No pending create")
    assert ok(service.post("/cohort/create", {"name": "ignored", "accept": True}))["name"] == "Staged"


@pytest.mark.parametrize("name", ["chat_get", "chat_grade", "chat_draft", "chat_export", "start", "watch"])
def test_the_api_document_tells_every_operation(service: RunningService, name: str) -> None:
    document = http.get(f"{service.url}/openapi.json").json()
    operations = document["paths"][f"/attempt/{name}"]
    operation = operations["get" if name == "watch" else "post"]
    assert {"200", "401", "404", "409", "422"} <= set(operation["responses"])
    if name != "watch":
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        (reference,) = [one["$ref"].rpartition("/")[2] for one in schema.get("anyOf", [schema]) if "$ref" in one]
        assert document["components"]["schemas"][reference].get("examples")
