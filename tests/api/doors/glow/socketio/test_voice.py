"""Voice over socket.io: 256 bytes at a time, and from any other door into the same call."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from tests.service import RunningService, quiet
from tests.socket_client import POLLING_FIRST, Socket, socket_of
from tests.voice.sound import recording
from voice.audio.resample import resample

pytestmark = pytest.mark.slow

LINE = "rms/turns/07"


def words(payload: dict[str, Any]) -> str:
    return str(payload["content"])


def audio_of(socket: Socket, name: str = "attempt_assistant_audio") -> list[Any]:
    return [payload["audio"] for payload in socket.of(name)]


@pytest.mark.parametrize("transports", [["websocket"], POLLING_FIRST], ids=["websocket", "polling first"])
def test_a_spoken_turn_in_frames_of_128_samples(service: RunningService, transports: list[str]) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service, transports=transports) as socket:
            started = await socket.ask("attempt_audio_start", chat_id=chat)
            assert {"chat_id", "attempt_id", "group_id", "run_id"} <= started.keys()
            assert (await socket.until("attempt_audio_ready"))["success"] is True
            await socket.say(chat, LINE)
            began = await socket.until("attempt_user_start")
            said = await socket.until("attempt_user_complete", item_id=began["item_id"])
            partials = [payload["transcript"] for payload in socket.of("attempt_user_delta")]
            assert partials == sorted(partials, key=len), "the transcript is accumulated"
            await socket.until("attempt_assistant_start")
            reply = await socket.until("attempt_assistant_complete")
            assert (await socket.until("attempt_complete"))["final_content"] == reply["content"]
            answer = await socket.ask("attempt_audio_stop", chat_id=chat)
            assert (answer["chat_id"], answer["stopped"]) == (chat, True)
            assert (await socket.until("attempt_audio_ended"))["success"] is True
            blocks = audio_of(socket)
            assert all(isinstance(block, bytes) and len(block) % 2 == 0 for block in blocks)
            assert sum(map(len, blocks)) > 24_000 * 2, "more than a second of PCM16 at 24 kHz"
            assert service.lines(chat) == [("query", words(said)), ("response", words(reply))]

    asyncio.run(story())


def test_the_canonical_dialect_speaks_too(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            opened = await socket.ask("attempt.chat_voice", chat_id=chat)
            ready = await socket.until("attempt.chat.voice_ready", chat_id=chat)
            assert ready["conversation_id"] == opened["conversation_id"]
            await socket.say(chat, LINE, "attempt.chat_speak")
            await socket.until("attempt.chat.user_start")
            sounded = await socket.until("attempt.chat.assistant_audio.complete")
            assert (await socket.until("attempt.chat_message.completed", role="assistant"))["text"]
            assert audio_of(socket, "attempt.chat.assistant_audio") == audio_of(socket)
            assert sounded["duration_ms"] == len(b"".join(audio_of(socket))) // 48
            assert (await socket.ask("attempt.chat_silence", chat_id=chat))["stopped"] is True
            await socket.until("attempt.chat.voice_ended")

    asyncio.run(story())


def test_audio_as_base64_both_ways(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat, encoding="base64")
            wire = resample(np.concatenate([recording(LINE), quiet(1500)]), 16_000, 24_000).astype("<i2").tobytes()
            for start in range(0, len(wire), 9_600):
                audio = base64.b64encode(wire[start : start + 9_600]).decode()
                taken = await socket.ask("attempt_audio_frame", chat_id=chat, audio=audio)
                assert taken == {"accepted": True}
            block = (await socket.until("attempt_assistant_audio"))["audio"]
            assert isinstance(block, str)
            assert len(base64.b64decode(block, validate=True)) % 2 == 0

    asyncio.run(story())


def test_who_speaks_while_the_persona_does_interrupts_it(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            await socket.say(chat, LINE)
            await socket.until("attempt_assistant_audio")
            await socket.hear(chat, np.concatenate([recording("slt/records-office/03"), quiet(1500)]))
            stopped = await socket.until("attempt_stopped")
            assert (stopped["chat_id"], stopped["success"]) == (chat, True)
            await socket.until("attempt.generate.audio.response_cancelled")
            await socket.until("attempt_user_complete")
            await socket.until("attempt_assistant_start")

    asyncio.run(story())


def test_stop_ends_the_answer_and_keeps_the_session(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            await socket.say(chat, LINE)
            await socket.until("attempt_assistant_audio")
            await socket.ask("attempt_stop", chat_id=chat)
            await socket.until("attempt_stopped")
            await socket.say(chat, "slt/turns/01")
            await socket.until("attempt_user_complete")

    asyncio.run(story())


def test_being_muted_ends_what_is_being_said(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            await socket.hear(chat, recording(LINE))
            await socket.until("attempt_user_start")
            assert await socket.ask("attempt_audio_mute", chat_id=chat, muted=True) == {"accepted": True}
            assert words(await socket.until("attempt_user_complete"))
            await socket.until("attempt_complete")

    asyncio.run(story())


# ---------------------------------------------------------- voice on any of it


def test_a_call_on_the_websocket_is_heard_in_the_room(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as listener, service.call(chat) as client:
            await listener.ask("attempt_join", chat_id=chat)
            await client.say(LINE)
            said = await client.until("user.message")
            ended = await client.until("reply.ended")
            assert words(await listener.until("attempt_user_complete")) == said["text"]
            assert words(await listener.until("attempt_assistant_complete")) == ended["text"]
            assert sum(map(len, audio_of(listener))) > 24_000
            await client.hang_up()
            await listener.until("attempt_audio_ended")

    asyncio.run(story())


def test_a_session_opened_and_fed_over_http_is_heard_in_the_room(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        wire = resample(np.concatenate([recording(LINE), quiet(1500)]), 16_000, 24_000).astype("<i2").tobytes()
        async with socket_of(service) as listener:
            await listener.ask("attempt_join", chat_id=chat)
            await asyncio.to_thread(service.post, "/attempt/chat_voice", {"chat_id": chat})
            await listener.until("attempt_audio_ready")
            body = {"chat_id": chat, "audio": base64.b64encode(wire).decode()}
            answer = await asyncio.to_thread(service.post, "/attempt/chat_speak", body)
            assert answer.json() == {"accepted": True}
            assert words(await listener.until("attempt_user_complete"))
            await listener.until("attempt_assistant_audio")
            await asyncio.to_thread(service.post, "/attempt/chat_silence", {"chat_id": chat})
            await listener.until("attempt_audio_ended")

    asyncio.run(story())


def test_a_session_opened_over_http_is_spoken_to_by_socket(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        opened = service.post("/attempt/chat_voice", {"chat_id": chat}).json()
        async with socket_of(service) as socket:
            await socket.say(chat, LINE)
            await socket.until("attempt_user_complete")
            again = await socket.ask("attempt_audio_start", chat_id=chat)
            assert again["conversation_id"] == opened["conversation_id"], "the one session of the chat"

    asyncio.run(story())


def test_a_message_by_http_is_answered_aloud_in_a_socket_call(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            body = {"chat_id": chat, "text": "Hello, this is the records office. How can I help you?"}
            await asyncio.to_thread(service.post, "/attempt/chat_message", body)
            said = await socket.until("attempt_user_complete")
            assert said["content"] == body["text"]
            await socket.until("attempt_assistant_audio")

    asyncio.run(story())
