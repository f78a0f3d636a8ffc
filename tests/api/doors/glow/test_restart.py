"""Calls with audio by request, and of sockets, after the service was stopped and started again: the same calls."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from models.records.core import Scope
from pipeline.chats.call_events import RESTARTS
from tests.service import WAIT_S, RunningService, http, unhearing
from tests.socket_client import socket_of

pytestmark = pytest.mark.slow

AUDIO = base64.b64encode(bytes(960)).decode()


def carried(service: RunningService) -> list[tuple[str, str, int]]:
    """The open calls: chat, conversation, latest turn."""

    def look(inside: Any) -> list[tuple[str, str, int]]:
        sessions = [call.session for call in inside.calls.open_calls()]
        return sorted((one.conversation.chat_id, one.conversation_id, one.state.number) for one in sessions)

    found: list[tuple[str, str, int]] = service.ask(look)
    return found


def test_calls_by_request_and_of_sockets_go_on_after_a_restart(tmp_path: Path) -> None:
    async def before(service: RunningService, asked: str, attended: str) -> list[tuple[str, str, int]]:
        await asyncio.to_thread(service.post, "/attempt/chat_voice", {"chat_id": asked})
        await asyncio.to_thread(service.post, "/attempt/message", {"chat_id": asked, "message": "code word one"})
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=attended)
            await socket.ask("attempt_message", chat_id=attended, message="code word two")
            known = carried(service)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(service.inside.calls.drain(100.0), service.loop))
            ended = await socket.until("attempt_audio_ended", chat_id=attended)
            assert ended["message"] == RESTARTS
        return known

    async def after(service: RunningService, known: list[tuple[str, str, int]], asked: str, attended: str) -> None:
        names = {chat: conversation for chat, conversation, _ in known}
        spoken = {"conversation_id": names[asked], "audio": AUDIO}
        heard = await asyncio.to_thread(service.post, "/attempt/chat_speak", spoken)
        assert heard.json() == {"accepted": True}, heard.text
        opened = await asyncio.to_thread(service.post, "/attempt/chat_voice", {"chat_id": asked})
        assert opened.json()["conversation_id"] == names[asked]
        async with socket_of(service) as socket:
            started = await socket.ask("attempt_audio_start", chat_id=attended)
            assert started["conversation_id"] == names[attended]
            assert carried(service) == known
            said = await socket.ask("attempt_message", chat_id=attended, message="code word three")
            assert "error" not in said
        assert [turn for chat, _, turn in carried(service) if chat == attended] in ([2], [])
        words = [text for kind, text in service.lines(attended) if kind == "query"]
        assert words == ["code word two", "code word three"]
        foreign = await asyncio.to_thread(service.post, "/attempt/chat_speak", spoken, "bob")
        assert foreign.status_code == 403

    with unhearing(tmp_path) as service:
        chats = service.chat(), service.chat()
        known = asyncio.run(before(service, *chats))
        assert [turn for _, _, turn in known] == [1, 1]
    with unhearing(tmp_path) as service:
        asyncio.run(after(service, known, *chats))


def call_token(service: RunningService, scope: Scope) -> str:
    """A fresh token of ada's for calls only."""

    async def created() -> str:
        store = service.inside.store
        persona_id = (await store.find_personas("", "Dana"))[0].id if scope == "invite" else None
        return (await store.create_token("ada", scope=scope, persona_id=persona_id))[0]

    return asyncio.run_coroutine_threadsafe(created(), service.loop).result(WAIT_S)


def test_a_kiosk_a_phone_and_an_invite_go_on_by_their_conversation_alone(tmp_path: Path) -> None:
    scopes: tuple[Scope, ...] = ("kiosk", "phone", "invite")

    def ask(service: RunningService, token: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = http.post(
            f"{service.url}/attempt/{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S
        )
        return answer.status_code, answer.json()

    calls: dict[str, tuple[str, str]] = {}
    with unhearing(tmp_path) as service:
        tokens = [call_token(service, scope) for scope in scopes]
        stranger = call_token(service, "kiosk")
        for token in tokens:
            _, started = ask(service, token, "start", practice_id=service.practice())
            _, opened = ask(service, token, "chat_voice", chat_id=started["chat_id"])
            calls[token] = started["chat_id"], opened["conversation_id"]
        others = service.chat()
        others_call = service.post("/attempt/chat_voice", {"chat_id": others}).json()["conversation_id"]
        known = carried(service)
        assert len(known) == 4
    with unhearing(tmp_path) as service:
        assert carried(service) == []
        for token, (chat, conversation) in calls.items():
            status, refused = ask(service, stranger, "chat_speak", conversation_id=conversation, audio=AUDIO)
            assert (status, "started with it only" in refused["detail"]) == (403, True)
            assert chat not in [one for one, _, _ in carried(service)], "a refused request carries nothing on"
            assert ask(service, token, "chat_speak", conversation_id=conversation, audio=AUDIO) == (
                200,
                {"accepted": True},
            )
            assert ask(service, token, "chat_mute", chat_id=chat, muted=True)[0] == 200
            assert ask(service, token, "chat_voice", chat_id=chat)[1]["conversation_id"] == conversation
            assert ask(service, token, "chat_speak", conversation_id=others_call, audio=AUDIO)[0] == 403
        assert carried(service) == [call for call in known if call[0] != others]
        for token, (chat, _) in calls.items():
            assert ask(service, token, "chat_silence", chat_id=chat)[1]["stopped"]
