"""What a socket must not be able to do: hang, lose, disturb or see what is somebody else's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from api.doors.glow.socketio import connections, server
from pipeline.chats.hub import chat_channel
from tests.service import TOKENS, WAIT_S, RunningService, http, quiet
from tests.socket_client import socket_of
from tests.voice.sound import recording

QUESTION = "Hello, this is the records office. How can I help you?"
LINE = "rms/turns/07"


# ----------------------------------------------------------------- nonsense


@pytest.mark.parametrize("name", ["no.such", "", "connect", "disconnect", "connect_error", "message", "*", "x" * 500])
def test_an_event_that_nobody_knows_is_answered(service: RunningService, name: str) -> None:
    async def story() -> None:
        async with socket_of(service) as socket:
            answer = await socket.ask(name, {"chat_id": "any"})
            assert answer["success"] is False
            assert answer["error"].startswith("There is no event")
            assert (await socket.ask("attempt.chat_drafts"))["entries"] is not None, "and the socket goes on"

    asyncio.run(story())


@pytest.mark.parametrize("payload", [[1, 2], "text", 5, True, b"\x00\x01", [], ""])
def test_a_payload_that_is_no_object_is_answered(service: RunningService, payload: Any) -> None:
    async def story() -> None:
        async with socket_of(service) as socket:
            answer = await socket.ask("attempt_message", payload)
            assert answer["success"] is False
            assert "object" in answer["error"]
            assert (await socket.until("attempt_error"))["type"] == "send"
            await socket.send("attempt_message", payload)
            assert (await socket.until("attempt_error"))["message"] == answer["error"]

    asyncio.run(story())


@pytest.mark.parametrize("payload", [{}, {"chat_id": 5}, {"chat_id": None}, {"chat_id": ""}, {"chat_id": "x" * 999}])
def test_a_field_that_is_wrong_is_named(service: RunningService, payload: dict[str, Any]) -> None:
    async def story() -> None:
        async with socket_of(service) as socket:
            assert "chat_id" in (await socket.ask("attempt_join", payload))["error"]

    asyncio.run(story())


@pytest.mark.parametrize(
    "frame",
    [
        None,
        [],
        "text",
        {},
        {"audio": b"ab"},
        {"audio": "not base64!"},
        {"audio": 5},
        {"audio": ""},
        {"audio": b"a" * 1001},
    ],
)
def test_frames_that_nobody_hears_are_dropped_without_a_word(service: RunningService, frame: Any) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.send("attempt_audio_frame", frame)
            if isinstance(frame, dict):
                await socket.send("attempt_audio_frame", frame | {"chat_id": chat})
                await socket.send("attempt.chat_speak", frame | {"conversation_id": "nothing"})
            assert await socket.ask("attempt_audio_frame", frame) == {"accepted": False}
            assert await socket.ask("attempt_audio_mute", chat_id=chat, muted=True) == {"accepted": False}
            assert socket.names() == ["connection_confirmed"]

    asyncio.run(story())


def test_frames_of_odd_length_are_one_stream(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            for _ in range(100):
                await socket.send("attempt_audio_frame", chat_id=chat, audio=b"abc")
            assert (await socket.ask("attempt_audio_stop", chat_id=chat))["stopped"]
            assert not socket.of("attempt_error")

    asyncio.run(story())


# ------------------------------------------------------- somebody else's things


@pytest.mark.parametrize(
    "event",
    "attempt_join attempt_message attempt_stop attempt_audio_start attempt_response_submit attempt.chat_get"
    " attempt.chat_message attempt.chat_grade attempt.chat_voice attempt.chat_export".split(),
)
def test_another_users_chat_is_not_found(service: RunningService, event: str) -> None:
    async def story() -> None:
        chat = service.chat("bob")
        body = {"message": "hi", "text": "hi", "question_id": "q", "option_ids": ["o"]}
        async with socket_of(service) as socket:
            refused = await socket.ask(event, {"chat_id": chat, "chat_entry_id": chat, **body})
            unknown = await socket.ask(event, {"chat_id": "nowhere", "chat_entry_id": "nowhere", **body})
            assert refused["success"] is False
            assert refused == unknown, "and whether it exists is not told"
        assert service.history(chat, "bob") == []

    asyncio.run(story())


def test_another_users_room_and_session_are_closed(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat("bob")
        async with socket_of(service, "bob") as owner, socket_of(service, "eve") as stranger:
            await owner.ask("attempt_audio_start", chat_id=chat)
            await stranger.ask("attempt_join", chat_id=chat)
            await stranger.ask("attempt_audio_stop", chat_id=chat)
            assert await stranger.ask("attempt_audio_frame", chat_id=chat, audio=b"ab") == {"accepted": False}
            await owner.ask("attempt_message", chat_id=chat, message=QUESTION)
            await owner.until("attempt_assistant_start")
            told = {name for name in stranger.names() if name not in ("connection_confirmed", "attempt_error")}
            assert told <= {"attempt_audio_ended"}, "only that it was refused"
            assert (await owner.ask("attempt_audio_stop", chat_id=chat))["stopped"], "the session is still the owner's"

    asyncio.run(story())


# --------------------------------------------------------- not now, not so many


def test_a_chat_that_has_ended_takes_nothing_more(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        service.post("/attempt/chat_complete", {"chat_id": chat})
        async with socket_of(service) as socket:
            sent = await socket.ask("attempt_message", chat_id=chat, message="hello")
            assert sent["error"].startswith("This chat has ended")
            assert (await socket.until("attempt_error"))["type"] == "send"
            started = await socket.ask("attempt_audio_start", chat_id=chat)
            ready = await socket.until("attempt_audio_ready")
            assert (ready["chat_id"], ready["success"], ready["message"]) == (chat, False, started["error"])
            assert (await socket.until("attempt_error"))["type"] == "audio"
        assert service.history(chat) == []

    asyncio.run(story())


def test_audio_starts_on_a_draft_of_its_own_chat_only(service: RunningService) -> None:
    async def story() -> None:
        chat, other = service.chat(), service.chat()
        saved = service.post("/attempt/chat_draft", {"chat_id": other, "name": "Only here"}).json()["draft_id"]
        general = service.post("/attempt/chat_draft", {"name": "For everybody"}).json()["draft_id"]
        async with socket_of(service) as socket:
            refused = await socket.ask("attempt_audio_start", chat_id=chat, draft_id=saved)
            assert other in refused["error"]
            assert (await socket.until("attempt_audio_ready"))["success"] is False
            assert (await socket.ask("attempt_audio_start", chat_id=chat, draft_id=general))["conversation_id"]
            assert (await socket.ask("attempt.chat_get", chat_entry_id=chat))["names"][0]["name"] == "For everybody"

    asyncio.run(story())


def test_samples_that_are_not_what_they_claim_to_be_are_named(service: RunningService) -> None:
    async def story(audio: bytes, says: str) -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            await socket.until("attempt_audio_ready")
            for start in range(0, len(audio), 16_000):
                await socket.send("attempt_audio_frame", chat_id=chat, audio=audio[start : start + 16_000])
            told = await socket.until("attempt_error")
            assert told["type"] == "audio"
            assert says in told["message"]

    line = recording("rms/turns/07")
    asyncio.run(story((line / 32768).astype("<f4").tobytes() * 2, "look like 32-bit float samples"))
    asyncio.run(story(bytes(2 * 24_000 * 11), "has been digital silence for 10 seconds"))


def test_a_chat_has_one_voice_session(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as first, socket_of(service) as second:
            opened = await first.ask("attempt_audio_start", chat_id=chat)
            again = await first.ask("attempt_audio_start", chat_id=chat)
            assert again["conversation_id"] == opened["conversation_id"]
            refused = await second.ask("attempt_audio_start", chat_id=chat)
            assert refused["error"].startswith("Another connection speaks in this chat")
            assert (await second.until("attempt_audio_ready", success=False))["message"] == refused["error"]
            assert await second.ask("attempt_audio_frame", chat_id=chat, audio=b"ab") == {"accepted": False}
            await first.say(chat, LINE)
            await first.until("attempt_user_complete")
            assert (await first.ask("attempt_audio_stop", chat_id=chat))["stopped"]
            assert (await second.ask("attempt_audio_start", chat_id=chat))["conversation_id"], "free again"

    asyncio.run(story())


def test_starting_twice_at_once_opens_one(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            opened = await asyncio.gather(*(socket.ask("attempt_audio_start", chat_id=chat) for _ in range(5)))
            assert len({answer["conversation_id"] for answer in opened}) == 1

    asyncio.run(story())


def test_stopping_what_was_not_started_says_so(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            answer = await socket.ask("attempt_audio_stop", chat_id=chat)
            assert (answer["chat_id"], answer["stopped"], answer["transcript"]) == (chat, False, None)
            ended = await socket.until("attempt_audio_ended")
            assert (ended["success"], ended["message"]) == (False, "No active audio session")

    asyncio.run(story())


def test_a_thousand_joins_are_one(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            for _ in range(1000):
                await socket.send("attempt_join", chat_id=chat)
            await socket.ask("attempt_join", chat_id=chat)
            await socket.ask("attempt_message", chat_id=chat, message=QUESTION)
            await socket.until("attempt_complete")
            assert len(socket.of("attempt_user_complete")) == 1

    asyncio.run(story())


def test_more_at_once_than_one_socket_may_have_waits_its_turn(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            asked = [socket.ask("attempt_join", chat_id=chat) for _ in range(connections.AT_ONCE_LIMIT * 4)]
            assert all(answer["success"] for answer in await asyncio.gather(*asked))

    asyncio.run(story())


def test_who_asks_for_more_than_ever_ends_is_refused(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "AT_ONCE_LIMIT", 0)
    monkeypatch.setattr(connections, "ADMIT_S", 0.01)

    async def story() -> None:
        async with socket_of(service) as socket:
            answer = await socket.ask("attempt_join", chat_id="any")
            assert answer["error"].startswith("Too many operations at once")

    asyncio.run(story())


def test_messages_are_stored_in_the_order_they_were_sent(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            for number in range(20):
                await socket.send("attempt.chat_message", chat_id=chat, text=f"line {number}", generate=False)
            await socket.ask("attempt.chat_message", chat_id=chat, text="last", generate=False)
        assert [text for _, text in service.lines(chat)] == [*(f"line {number}" for number in range(20)), "last"]

    asyncio.run(story())


# ---------------------------------------------------------------- going away


def test_a_socket_that_goes_while_the_persona_writes_loses_nothing(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket, socket_of(service) as other:
            await other.ask("attempt_join", chat_id=chat)
            await socket.ask("attempt_message", chat_id=chat, message=QUESTION)
            await socket.drop()
            reply = (await other.until("attempt_assistant_complete"))["content"]
        assert service.lines(chat) == [("query", QUESTION), ("response", reply)]

    asyncio.run(story())


@pytest.mark.parametrize("rudely", [False, True], ids=["politely", "without a word"])
def test_a_socket_that_goes_ends_its_call_and_leaves_its_rooms(service: RunningService, rudely: bool) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            ada = (await socket.until("connection_confirmed"))["profile_id"]
            await socket.say(chat, LINE)
            await socket.until("attempt_assistant_audio")
            assert service.ask(lambda inside: chat_channel(chat) in inside.hub)
            if rudely:
                await socket.drop()
        await service.until(lambda inside: inside.calls.find(ada, chat_id=chat) is None)
        await service.until(lambda inside: chat_channel(chat) not in inside.hub)
        query, reply = service.history(chat)
        assert query["contents"][0]["content"]
        assert reply["interrupted"], "the persona's words are kept as far as they were heard"

    asyncio.run(story())


def test_what_was_being_said_when_the_socket_went_is_heard(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            ada = (await socket.until("connection_confirmed"))["profile_id"]
            await socket.hear(chat, np.concatenate([quiet(200), recording(LINE)]))
            await socket.until("attempt_user_start")
        await service.until(lambda inside: inside.calls.find(ada, chat_id=chat) is None)
        assert [kind for kind, _ in service.lines(chat)][:1] == ["query"]

    asyncio.run(story())


# ------------------------------------------------------------ below the events


async def is_closed(raw: ClientConnection) -> None:
    """Read until the websocket is closed in order."""
    async with asyncio.timeout(WAIT_S):
        async for _ in raw:
            pass


def test_who_does_not_say_who_they_are_is_closed(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "NAMELESS_S", 0.1)

    async def story() -> None:
        address = service.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with connect(address, proxy=None, open_timeout=WAIT_S) as raw:
            assert str(await raw.recv()).startswith("0{")
            assert await raw.recv() == "1", "the packet that closes"
            await is_closed(raw)

    asyncio.run(story())


@pytest.mark.parametrize(
    "message", ["", "9", "4", "4x", "42", "42{}", "42[]", "42[5]", '42["a"', "45", "451-", "\x00", "4" * 99]
)
def test_what_is_no_packet_harms_nobody(service: RunningService, message: str) -> None:
    async def story() -> None:
        address = service.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with connect(address, proxy=None, open_timeout=WAIT_S) as raw:
            await raw.recv()
            await raw.send(message)
        async with socket_of(service) as socket:
            assert (await socket.until("connection_confirmed"))["sid"]

    asyncio.run(story())


DEEP = "[" * 5_000
NO_PACKETS = {
    "no type": "4abc",
    "cut": '42["',
    "no list": "42{}",
    "no name": "42[]",
    "a number for a name": "42[1]",
    "no such type": "4999",
    "text for bytes": '451-["x",{"_placeholder":true,"num":5}]x',
    "nothing": "4",
    "not even of the transport": "x",
    "empty": "",
    "no base64": "b!",
    "deep": f'42["x",{DEEP}',
    "deep and whole": f'42["x",{DEEP}{"]" * 5_000}]',
    "deep in the transport": f"4{DEEP}",
    "a hundred thousand values": f"42{['x', *[0] * 100_001]}".replace("'", '"'),
    "many attachments": '4599-["x",{"_placeholder":true,"num":0}]',
}


@asynccontextmanager
async def raw_socket(service: RunningService) -> AsyncIterator[ClientConnection]:
    """A websocket that speaks the protocol itself, after its `connection_confirmed`."""
    address = service.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    async with connect(address, proxy=None, open_timeout=WAIT_S) as raw:
        await raw.recv()
        await raw.send("40" + json.dumps({"token": TOKENS["ada"]}))
        assert str(await raw.recv()).startswith("40{")
        assert str(await raw.recv()).startswith('42["connection_confirmed"')
        yield raw


@pytest.mark.parametrize("message", NO_PACKETS.values(), ids=NO_PACKETS)
def test_who_sends_what_is_no_packet_is_closed(
    service: RunningService, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with raw_socket(service) as raw:
            await raw.send(message)
            await is_closed(raw)

    asyncio.run(story())
    assert [record for record in caplog.records if record.exc_info] == []


def test_who_said_goodbye_is_not_listened_to(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with raw_socket(service) as raw:
            await raw.send("1")
            await raw.send("42" + json.dumps(["attempt_message", {"chat_id": chat, "message": "too late"}]))
            await is_closed(raw)
        assert service.history(chat) == []

    asyncio.run(story())


@pytest.mark.parametrize("name", ["deep", "not even of the transport", "deep in the transport", "no base64", "cut"])
def test_who_polls_and_sends_what_is_no_packet_is_closed(
    service: RunningService, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    polling = service.url + "/socket.io/?EIO=4&transport=polling"
    session = polling + "&sid=" + json.loads(http.get(polling).text[1:])["sid"]
    assert http.post(session, content="40" + json.dumps({"token": TOKENS["ada"]})).status_code == 200
    read = ""
    while "connection_confirmed" not in read:
        read += http.get(session).text
    http.post(session, content=NO_PACKETS[name])
    refused = http.get(session)
    assert (refused.status_code, "Session is disconnected" in refused.text) == (400, True)
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_message_that_is_too_large_ends_its_connection_only(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as large, socket_of(service) as other:
            await large.send("attempt_message", chat_id=chat, message="x" * 200_000)
            await large.client.wait()
            assert (await other.ask("attempt_join", chat_id=chat))["success"]
        assert service.history(chat) == []

    asyncio.run(story())


def test_a_client_that_does_not_read_is_let_go(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_LIMIT", 10)
    service.narrow()

    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as reading:
            await reading.ask("attempt_join", chat_id=chat)
            address = service.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
            async with connect(address, proxy=None, open_timeout=WAIT_S, max_queue=1, close_timeout=0.5) as raw:
                token = service.headers()["Authorization"]
                await raw.recv()
                await raw.send(f'40{{"token": "{token}"}}')
                while not str(await raw.recv()).startswith('42["connection_confirmed"'):
                    pass
                await raw.send(f'42["attempt_join", {{"chat_id": "{chat}"}}]')
                await service.until(lambda _: len(service.app.state.sockets) == 2)
                for number in range(30):
                    text = f"{number} " + "word " * 3000
                    await reading.ask("attempt.chat_message", chat_id=chat, text=text, generate=False)
                    heard = await reading.until("attempt_user_complete")
                    assert heard["content"].startswith(f"{number} "), "the others hear everything"
                await service.until(lambda _: len(service.app.state.sockets) == 1)

    asyncio.run(story())


def test_browsers_of_any_origin_may_ask(service: RunningService) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    polled = http.get(f"{service.url}/socket.io/?EIO=4&transport=polling", headers=origin)
    assert polled.headers.get_list("access-control-allow-origin") == ["https://elsewhere.example"]
    preflight = http.options(
        f"{service.url}/attempt/start",
        headers=origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"},
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
