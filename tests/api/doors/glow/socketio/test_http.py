"""`POST /socket/v5/client/...`: the 23 events as requests, and the rooms that hear of them."""

import asyncio

import pytest

from api.doors.glow.socketio.table import Events
from api.doors.glow.table import OPERATIONS
from tests.service import RunningService, http
from tests.socket_client import socket_of

V5 = Events(OPERATIONS).v5
QUESTION = "Hello, this is the records office. How can I help you?"


def path_of(event: str) -> str:
    return "/socket/v5/client/" + event.replace("_", "/", 1)


def test_all_23_are_in_the_openapi_document(service: RunningService) -> None:
    paths = service.app.openapi()["paths"]
    found = {path for path in paths if path.startswith("/socket/v5/client/")}
    assert found == {path_of(event) for event in V5}
    body = paths[path_of("attempt_message")]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].endswith("AttemptMessageBody")


@pytest.mark.parametrize("event", V5)
def test_a_bad_body_and_a_missing_token_are_refused(service: RunningService, event: str) -> None:
    if event not in ("connect", "disconnect", "attempt_start"):
        assert service.post(path_of(event), [1]).status_code == 422
    answer = service.post(path_of(event), {}, "ada")
    assert answer.status_code in (200, 400, 422)
    assert http.post(service.url + path_of(event), json={}, headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_session_by_request_is_told_in_the_rooms(service: RunningService) -> None:
    def post(event: str, **body: object) -> dict[str, object]:
        answer = service.post(path_of(event), body)
        assert answer.status_code == 200, answer.text
        told: dict[str, object] = answer.json()
        assert told["success"] is True
        return told

    async def story() -> None:
        async with socket_of(service) as socket:

            async def ask(event: str, **body: object) -> dict[str, object]:
                return await asyncio.to_thread(lambda: post(event, **body))

            assert (await ask("connect"))["profile_id"]
            started = await ask("attempt_start", practice_id=service.practice())
            chat, attempt = started["chat_id"], started["attempt_id"]
            assert (await socket.until("attempt_started"))["attempt_id"] == attempt
            await ask("attempt_join", chat_id=chat)
            assert (await socket.until("attempt_joined"))["chat_id"] == chat
            await socket.ask("attempt_join", chat_id=chat)
            await ask("attempt_message", attempt_id=attempt, chat_id=chat, message=QUESTION)
            await socket.until("attempt_complete")
            assert (await socket.until("attempt_hint_progress"))["chat_id"] == chat
            opened = await ask("attempt_audio_start", chat_id=chat)
            assert opened["conversation_id"]
            await socket.until("attempt_audio_ready")
            assert (await ask("attempt_audio_stop", chat_id=chat))["stopped"] is True
            await socket.until("attempt_audio_ended")
            assert (await ask("attempt_grade", attempt_id=attempt, chat_id=chat))["grade_id"]
            await socket.until("attempt_graded")
            await ask("attempt_stop", chat_id=chat)
            assert (await ask("attempt_end", attempt_id=attempt, chat_id=chat, grade=False))["is_attempt_finished"]
            await socket.until("attempt_chat_ended")
            await socket.until("attempt_ended")
            await ask("attempt_end_all", attempt_id=attempt)
            await ask("attempt_leave", chat_id=chat)
            await ask("disconnect")

    asyncio.run(story())


def test_another_users_chat_is_404(service: RunningService) -> None:
    chat = service.chat("bob")
    for event in ("attempt_join", "attempt_stop", "attempt_audio_start"):
        answer = service.post(path_of(event), {"chat_id": chat})
        assert answer.status_code == 404, answer.text
        assert answer.json()["detail"].startswith("Chat not found")


def test_a_draft_is_generated_by_request(service: RunningService) -> None:
    body = {
        "artifact_types": [{"name": "chat"}],
        "resource_types": ["names"],
        "user_instructions": ["A worried parent wants the grades of their son."],
    }

    async def story() -> None:
        async with socket_of(service) as socket:
            answer = await asyncio.to_thread(service.post, path_of("generate"), body)
            assert answer.json()["group_id"]
            assert (await socket.until("chat_generation_complete"))["resources"]["name_id"]
            refused = await asyncio.to_thread(
                service.post, path_of("generate"), body | {"artifact_types": [{"name": "x"}]}
            )
            assert refused.status_code == 400

    asyncio.run(story())
