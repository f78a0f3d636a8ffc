"""Attempts and voice over HTTP, as the Glow page tells them: bodies, replies, statuses, and the sessions they share."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from tests.service import SILENCE_MS, RunningService, base64_of, http, quiet
from tests.voice.sound import recording

QUESTION = "Hello, this is the records office. How can I help you?"
LINE = np.concatenate([quiet(100), recording("rms/turns/07")])


def detail(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


# ------------------------------------------------------------------ attempts


def test_start_gives_one_chat_for_each_scenario(service: RunningService) -> None:
    started = service.post("/attempt/start", {"practice_id": service.practice("All three desks")}).json()
    assert started["chat_id"] == started["chat_entry_id"] == started["attempt_chat_id"] == started["chat_ids"][0]
    assert len(set(started["chat_ids"])) == 3
    again = service.post("/attempt/start", {"practice_id": service.practice(), "idempotency_key": "k1"}).json()
    assert again["attempt_id"] != started["attempt_id"]
    assert again["idempotency_key"] == "k1"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, (400, "Either home_id or practice_id is required.")),
        ({"home_id": "a", "practice_id": "b"}, (400, "Only one of home_id and practice_id may be given.")),
        ({"practice_id": "nowhere"}, (404, "Practice entry not found.")),
        ({"home_id": "nowhere"}, (404, "Home entry not found.")),
    ],
)
def test_what_starts_nothing(service: RunningService, body: dict[str, Any], answer: tuple[int, str]) -> None:
    assert detail(service.post("/attempt/start", body)) == answer


def test_a_practice_is_no_home(service: RunningService) -> None:
    assert detail(service.post("/attempt/start", {"home_id": service.practice()})) == (404, "Home entry not found.")


@pytest.mark.parametrize("path", ["start", "chat_get", "chat_message", "chat_voice", "chat_speak", "chat_silence"])
def test_nothing_is_told_without_a_token(service: RunningService, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}):
        answer = http.post(f"{service.url}/attempt/{path}", json={}, headers=headers)
        assert detail(answer) == (401, "Missing Authorization: Bearer <token> header")
    answer = http.post(f"{service.url}/attempt/{path}", json={}, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert "wrong" not in answer.text


@pytest.mark.parametrize("body", ["", "[]", "no json", '{"chat_id": 5}', '{"chat_id": null}'])
def test_a_body_that_is_none(service: RunningService, body: str) -> None:
    answer = http.post(f"{service.url}/attempt/chat_silence", content=body, headers=service.headers())
    assert answer.status_code == 422
    assert all({"loc", "msg", "type"} <= set(problem) for problem in answer.json()["detail"])


@pytest.mark.parametrize("name", ["id", "chat_entry_id", "chat_id"])
def test_chat_get_by_any_name(service: RunningService, name: str) -> None:
    chat = service.chat()
    got = service.post("/attempt/chat_get", {name: chat}).json()
    assert got["chat_entry_id"] == chat
    assert (got["actor_name"], got["chat_exists"], got["profile_has_access"]) == ("ada", True, True)
    assert got["personas"][0]["name"] == "Dana Whitfield"
    assert got["messages"] == []


def test_chat_get_of_what_is_not_there(service: RunningService) -> None:
    assert detail(service.post("/attempt/chat_get", {})) == (400, "chat_entry_id is required")
    theirs = service.chat("bob")
    unknown, other = (detail(service.post("/attempt/chat_get", {"id": chat})) for chat in ("nowhere", theirs))
    assert unknown == other
    assert unknown[0] == 404


# ------------------------------------------------------------------ messages


def test_a_message_is_stored_and_answered(service: RunningService) -> None:
    chat = service.chat()
    body = {"chat_id": chat, "text": QUESTION, "wait_for_complete": True, "idempotency_key": "m1"}
    sent = service.post("/attempt/chat_message", body).json()
    assert sent["success"]
    assert sent["content_ids"]
    assert sent["run_id"]
    assert sent["group_id"]
    assert sent["assistant_content"].startswith("Finally, a human being.")
    question, answer = service.history(chat)
    assert (question["id"], question["origin"]) == (sent["message_id"], "typed")
    assert (answer["id"], answer["parent_message_id"]) == (sent["assistant_message_id"], question["id"])
    assert answer["contents"][0]["content"] == sent["assistant_content"]


def test_a_message_that_wants_no_answer(service: RunningService) -> None:
    chat = service.chat()
    sent = service.post("/attempt/chat_message", {"chat_id": chat, "text": QUESTION, "generate": False}).json()
    assert (sent["run_id"], sent["assistant_message_id"]) == (None, None)
    assert service.lines(chat) == [("query", QUESTION)]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"text": "hello"}, (400, "chat_id is required")),
        ({"chat_id": "{chat}"}, (400, "text or contents is required")),
        ({"chat_id": "{chat}", "text": "  "}, (400, "text or contents is required")),
        ({"chat_id": "nowhere", "text": "hello"}, (404, "Chat not found: use a chat of one of your own attempts.")),
        ({"chat_id": "{theirs}", "text": "hello"}, (404, "Chat not found: use a chat of one of your own attempts.")),
    ],
)
def test_what_is_no_message(service: RunningService, body: dict[str, Any], answer: tuple[int, str]) -> None:
    chats = {"{chat}": service.chat(), "{theirs}": service.chat("bob")}
    body = {name: chats.get(value, value) for name, value in body.items()}
    assert detail(service.post("/attempt/chat_message", body)) == answer


def test_a_message_to_an_open_call_is_answered_aloud(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat) as client:
            quiet_one = {"chat_id": chat, "text": "The law protects every student", "generate": False}
            assert service.post("/attempt/chat_message", quiet_one).json()["run_id"] is None
            sent = service.post("/attempt/chat_message", {"chat_id": chat, "text": QUESTION}).json()
            told = await client.until("user.message", text=QUESTION)
            assert sent["message_id"] == told["message_id"]
            assert sent["group_id"] == client.ready["group_id"]
            await client.until("reply.audio")
            await client.hang_up()
            (reply,) = client.of("reply.ended")
            assert reply["text"].startswith("Finally, a human being.")
        assert [text for _, text in service.lines(chat)][:2] == ["The law protects every student", QUESTION]

    asyncio.run(story())


# --------------------------------------------------------------------- voice


def spoken(service: RunningService, audio: np.ndarray, **named: str) -> httpx.Response:
    data = audio.astype("<i2").tobytes()
    return service.post("/attempt/chat_speak", {**named, "audio": base64_of(data)})


def test_a_whole_call_over_http(service: RunningService) -> None:
    chat = service.chat()
    body = {"chat_id": chat, "input": {"encoding": "pcm16", "rate": 16_000}}
    opened = service.post("/attempt/chat_voice", body).json()
    assert set(opened) >= {"chat_id", "attempt_id", "conversation_id", "group_id"}
    assert opened["chat_id"] == chat
    assert service.post("/attempt/chat_voice", {"chat_id": chat}).json() == opened, "asked again, it is the same one"
    assert spoken(service, LINE, chat_id=chat).json() == {"accepted": True}
    assert spoken(service, quiet(20), conversation_id=opened["conversation_id"]).json() == {"accepted": True}
    ended = service.post("/attempt/chat_silence", {"chat_id": chat}).json()
    assert (ended["chat_id"], ended["stopped"], ended["transcript"]) == (chat, True, "wait a minute")
    assert service.lines(chat) == [("query", "wait a minute")], "what was being said is stored"
    assert service.post("/attempt/chat_silence", {"chat_id": chat}).json()["stopped"] is False


def test_the_glow_clients_capture_at_24_khz(service: RunningService) -> None:
    chat = service.chat()
    service.post("/attempt/chat_voice", {"chat_id": chat})
    positions = np.arange(len(LINE) * 3 // 2) * 2 / 3
    spoken(service, np.interp(positions, np.arange(len(LINE)), LINE), chat_id=chat)
    service.post("/attempt/chat_silence", {"chat_id": chat})
    assert service.lines(chat) == [("query", "wait a minute")]


def test_a_call_opened_over_http_is_joined_by_websocket(service: RunningService) -> None:
    chat = service.chat()
    opened = service.post("/attempt/chat_voice", {"chat_id": chat}).json()
    service.post("/attempt/chat_message", {"chat_id": chat, "text": QUESTION})

    async def story() -> None:
        async with service.call(chat) as client:
            assert client.ready["conversation_id"] == opened["conversation_id"]
            assert client.ready["input"]["rate"] == 16_000, "what the websocket sends unless it says otherwise"
            assert (await client.until("user.message"))["text"] == QUESTION, "what it missed"
            await client.until("reply.started")
            await client.send("stop")
            await client.hear(np.concatenate([LINE, quiet(SILENCE_MS)]))
            assert (await client.until("user.message"))["text"] == "wait a minute"
            await client.hang_up()

    asyncio.run(story())


def test_a_call_opened_by_websocket_is_fed_and_ended_over_http(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat) as client:
            assert spoken(service, LINE, chat_id=chat).status_code == 200
            await client.until("user.started")
            ended = await asyncio.to_thread(service.post, "/attempt/chat_silence", {"chat_id": chat})
            assert ended.json()["stopped"] is True
            assert (await client.until("user.message"))["text"] == "wait a minute"
            await client.until("chat_silence")
            assert await client.until_closed() == 1000

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, (400, "audio is required")),
        ({"audio": ""}, (400, "audio is required")),
        ({"audio": "no base64!"}, (400, "Invalid base64 audio data")),
        ({"audio": "AAAA"}, (404, "No active audio session")),
        ({"audio": "AAAA", "chat_id": "nowhere"}, (404, "No active audio session")),
        ({"audio": "AAAA", "conversation_id": "nowhere"}, (404, "No active audio session")),
        ({"audio": base64_of(bytes(1_000_002))}, (413, "Send at most 1000000 bytes of audio in one request.")),
    ],
)
def test_what_cannot_be_spoken(service: RunningService, body: dict[str, Any], answer: tuple[int, str]) -> None:
    assert detail(service.post("/attempt/chat_speak", body)) == answer


def test_the_largest_frame_is_taken(service: RunningService) -> None:
    chat = service.chat()
    service.post("/attempt/chat_voice", {"chat_id": chat, "input": {"rate": 48_000, "channels": 2}})
    answer = service.post("/attempt/chat_speak", {"chat_id": chat, "audio": base64_of(bytes(1_000_000))})
    assert answer.json() == {"accepted": True}
    service.post("/attempt/chat_silence", {"chat_id": chat})


def test_a_session_is_its_owners_alone(service: RunningService) -> None:
    chat = service.chat("bob")
    opened = service.post("/attempt/chat_voice", {"chat_id": chat}, "bob").json()
    named = {"conversation_id": opened["conversation_id"]}
    mine = (403, "Not the owner of this session.")
    assert detail(service.post("/attempt/chat_speak", {"chat_id": chat, "audio": "AAAA"})) == mine
    assert detail(service.post("/attempt/chat_speak", {**named, "audio": "AAAA"})) == mine
    assert detail(service.post("/attempt/chat_silence", {"chat_id": chat})) == mine
    unknown = (400, f"Attempt chat {chat} not found")
    assert detail(service.post("/attempt/chat_voice", {"chat_id": chat})) == unknown
    assert service.post("/attempt/chat_silence", {"chat_id": chat}, "bob").json()["stopped"]
    assert detail(service.post("/attempt/chat_voice", {"chat_id": chat})) == unknown
    assert detail(service.post("/attempt/chat_voice", {"chat_id": "nowhere"}))[0] == 400


@pytest.mark.parametrize(
    "wire", [{"encoding": "mp3"}, {"rate": 0}, {"channels": 3}, {"encoding": "opus", "rate": 44_100}]
)
def test_a_format_that_nobody_speaks(service: RunningService, wire: dict[str, Any]) -> None:
    chat = service.chat()
    answer = service.post("/attempt/chat_voice", {"chat_id": chat, "input": wire})
    assert answer.status_code in (400, 422)
    assert "Traceback" not in answer.text
    assert not service.post("/attempt/chat_silence", {"chat_id": chat}).json()["stopped"], "nothing was opened"


def test_what_is_no_container_over_http(service: RunningService) -> None:
    chat = service.chat()
    service.post("/attempt/chat_voice", {"chat_id": chat, "input": {"encoding": "container"}})
    status, said = detail(service.post("/attempt/chat_speak", {"chat_id": chat, "audio": base64_of(b"x" * 100)}))
    assert (status, "begin with the header of Ogg, WebM or WAV" in said) == (400, True)
    assert service.post("/attempt/chat_silence", {"chat_id": chat}).json()["stopped"]
