"""What v5 clients are told while the persona answers, and who is told that it cannot.

Source: docs/socketio.md, "What the service sends".
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.llm import LlmServer
from tests.service import RunningService, unhearing
from tests.socket_client import socket_of

QUESTION = "Hello, this is the records office. How can I help you?"


@pytest.fixture
def refused(llm_server: LlmServer, tmp_path: Path) -> Iterator[RunningService]:
    """A service whose language model refuses everything."""
    model = {"openai_base_url": llm_server.url, "openai_api_key": "sk-test", "llm_model": "refuse-500"}
    with unhearing(tmp_path, llm="openai", **model) as started:
        yield started


def test_progress_carries_the_reply_piece_by_piece(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_message", chat_id=chat, message=QUESTION)
            said = (await socket.until("attempt_assistant_complete"))["content"]
            told = socket.of("attempt_assistant_progress")
            assert {(piece["chat_id"], piece["content_type"]) for piece in told} == {(chat, "delta")}
            assert "".join(piece["content"] for piece in told) == said

    asyncio.run(story())


@pytest.mark.slow
def test_progress_of_a_call_carries_its_audio_too(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            await socket.ask("attempt_message", chat_id=chat, message="What is your name?")
            said = (await socket.until("attempt_assistant_complete"))["content"]
            told = socket.of("attempt_assistant_progress")
            assert "".join(piece["content"] for piece in told if piece["content_type"] == "delta") == said
            sound = [piece["audio"] for piece in told if piece["content_type"] == "audio"]
            assert sound == [block["audio"] for block in socket.of("attempt_assistant_audio")] != []

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/attempt/message", "/socket/v5/client/attempt/message"])
def test_hints_follow_the_answer_to_a_message_of_any_door(service: RunningService, path: str) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_join", chat_id=chat)
            answer = await asyncio.to_thread(service.post, path, {"chat_id": chat, "message": QUESTION})
            assert answer.json()["hints"] is None, "the reply does not wait for them"
            answered = await socket.until("attempt_assistant_complete")
            await socket.until("attempt_complete")
            told = await socket.until("attempt_hint_progress")
            assert (told["message_id"], told["type"]) == (answered["message_id"], "complete")
            assert len(told["hints"]) == told["hints_count"] >= 1
            assert len(socket.of("attempt_hint_progress")) == 1

    asyncio.run(story())


@pytest.mark.slow
def test_hints_follow_the_answer_that_is_spoken(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            await socket.ask("attempt_message", chat_id=chat, message=QUESTION)
            await socket.until("attempt_assistant_audio")
            await socket.ask("attempt_message", chat_id=chat, message="What is your name?")
            told = await socket.until("attempt_hint_progress")
            last = [item for item in service.history(chat) if item["type"] == "response"][-1]
            assert told["message_id"] == last["id"], "what was interrupted has none"

    asyncio.run(story())


def test_hints_that_the_client_brings_are_told(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            said = {"chat_id": chat, "message": "Hello.", "assistant_content": "Hello!", "hints": ["Breathe."]}
            reply = await socket.ask("attempt_message", said)
            told = await socket.until("attempt_hint_progress")
            assert [hint["hint"] for hint in told["hints"]] == ["Breathe."]
            assert (told["message_id"], told["hints"]) == (reply["assistant_message_id"], reply["hints"])

    asyncio.run(story())


def test_a_message_that_asks_for_no_answer_has_no_hints(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_message", chat_id=chat, message="Hello.", generate=False)
            await socket.ask("attempt_message", chat_id=chat, message=QUESTION)
            await socket.until("attempt_hint_progress")
            assert len(socket.of("attempt_hint_progress")) == 1

    asyncio.run(story())


@pytest.mark.parametrize("event", ["attempt_message", "attempt.chat_message", "attempt.chat.send", "attempt.generate"])
def test_a_failure_is_told_to_the_socket_that_asked_and_to_no_other(refused: RunningService, event: str) -> None:
    async def story() -> None:
        chat = refused.chat()
        said = {"chat_id": chat, "message": QUESTION, "text": QUESTION}
        body = {"config": {"params": {"chat_id": chat}}} if event == "attempt.generate" else said
        async with socket_of(refused) as asking, socket_of(refused) as other:
            for socket in (asking, other):
                await socket.ask("attempt_join", chat_id=chat)
            if event == "attempt.generate":
                await other.ask("attempt.chat_message", chat_id=chat, text=QUESTION, generate=False)
            await asking.ask(event, body)
            told = await asking.until("attempt_error")
            assert (told["chat_id"], told["type"]) == (chat, "send")
            assert "HTTP 500" in told["message"]
            over = await other.until("attempt_complete")
            assert (over["success"], over["message"]) == (False, told["message"]), (
                "the room hears that the turn is over"
            )
            await other.ask("attempt_join", chat_id=chat)
            assert not other.of("attempt_error")

    asyncio.run(story())


def test_a_failure_of_what_was_asked_by_request_is_nobodys_error(refused: RunningService) -> None:
    async def story() -> None:
        chat = refused.chat()
        async with socket_of(refused) as socket:
            await socket.ask("attempt_join", chat_id=chat)
            await asyncio.to_thread(refused.post, "/attempt/chat_message", {"chat_id": chat, "text": QUESTION})
            assert (await socket.until("attempt_complete"))["success"] is False
            assert not socket.of("attempt_error")
            path = "/socket/v5/client/attempt/message"
            await asyncio.to_thread(refused.post, path, {"chat_id": chat, "message": QUESTION})
            assert (await socket.until("attempt_error"))["type"] == "send", "this door stands for the user's sockets"

    asyncio.run(story())


@pytest.mark.slow
def test_a_problem_in_a_call_is_told_to_the_socket_that_speaks(refused: RunningService) -> None:
    async def story() -> None:
        chat = refused.chat()
        async with socket_of(refused) as speaking, socket_of(refused) as other:
            await other.ask("attempt_join", chat_id=chat)
            await speaking.ask("attempt_audio_start", chat_id=chat)
            await other.ask("attempt.chat_message", chat_id=chat, text=QUESTION)
            told = await speaking.until("attempt_error")
            assert (told["chat_id"], told["type"]) == (chat, "audio")
            await other.until("attempt_complete")
            await other.ask("attempt_join", chat_id=chat)
            assert not other.of("attempt_error")
            assert len(speaking.of("attempt_error")) == 1

    asyncio.run(story())


def test_a_problem_in_a_call_that_no_connection_attends_is_told_to_its_owner(refused: RunningService) -> None:
    async def story() -> None:
        chat = refused.chat()
        async with socket_of(refused) as owner, socket_of(refused, "bob") as stranger:
            await asyncio.to_thread(refused.post, "/attempt/chat_voice", {"chat_id": chat})
            await asyncio.to_thread(refused.post, "/attempt/chat_message", {"chat_id": chat, "text": QUESTION})
            assert (await owner.until("attempt_error"))["type"] == "audio"
            await stranger.ask("attempt.chat_drafts")
            assert not stranger.of("attempt_error")

    asyncio.run(story())
