"""Opening a call: who is let in, and what everybody else is told before the door closes."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.doors.line import Patience
from tests.service import TOKENS, WAIT_S, Client, Closed, RunningService, unhearing

NOT_ALLOWED, BUSY = 1008, 1013


async def refusal(client: Client, first: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """What the service answers to a first message that it does not accept."""
    await client.raw(json.dumps(first) if isinstance(first, dict) else first)
    error = await client.receive()
    assert error["type"] == "error"
    assert error["fatal"]
    assert error["message"].endswith((".", "header", "`."))
    with pytest.raises(Closed) as closed:
        await client.receive()
    return {**error, "close": closed.value.code}


def test_three_ways_to_bring_the_token(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.connection("ada") as client:
            assert (await client.open(chat))["chat_id"] == chat
            await client.hang_up()
        async with service.connection(None, ("glow.voice", f"bearer.{TOKENS['ada']}")) as client:
            assert client.socket.subprotocol == "glow.voice", "the token is never sent back"
            assert (await client.open(chat))["chat_id"] == chat
            await client.hang_up()
        async with service.connection(None) as client:
            assert (await client.open(chat, token=TOKENS["ada"]))["chat_id"] == chat
            await client.hang_up()

    asyncio.run(story())


def test_a_page_of_any_origin_needs_a_token_as_everybody_does(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.connection(None, origin="https://elsewhere.example") as client:
            assert (await client.open(chat, token=TOKENS["ada"]))["chat_id"] == chat
            await client.hang_up()
        async with service.connection(None, origin="https://elsewhere.example") as client:
            assert (await refusal(client, {"type": "chat_voice", "chat_id": chat}))["code"] == "unauthorized"

    asyncio.run(story())


def test_a_short_lived_token_opens_a_call_until_its_time_is_over(service: RunningService) -> None:
    chat = service.chat()

    async def issued(lifetime: timedelta) -> str:
        return (await service.inside.store.create_token("ada", lifetime=lifetime))[0]

    def token(lifetime: timedelta) -> str:
        return asyncio.run_coroutine_threadsafe(issued(lifetime), service.loop).result(WAIT_S)

    good, expired = token(timedelta(minutes=10)), token(timedelta(0))

    async def story() -> None:
        async with service.connection(None, ("glow.voice", f"bearer.{good}")) as client:
            await client.open(chat)
            await client.hang_up()
        async with service.connection(None) as client:
            error = await refusal(client, {"type": "chat_voice", "chat_id": chat, "token": expired})
            assert (error["code"], error["close"]) == ("unauthorized", NOT_ALLOWED)

    asyncio.run(story())


def test_the_answer_names_the_call_its_formats_and_its_engines(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            ready = client.ready
            assert set(ready) == {
                *(
                    "type",
                    "chat_id",
                    "attempt_id",
                    "conversation_id",
                    "group_id",
                    "resume",
                    "input",
                    "output",
                    "engines",
                )
            }
            assert ready["input"] == {"encoding": "pcm16", "rate": 16_000, "channels": 1}
            assert ready["output"] == {"encoding": "pcm16", "rate": 24_000}
            assert ready["engines"] == {"stt": "pocketsphinx", "llm": "scripted", "tts": "espeak"}
            assert all(ready[name] for name in ("attempt_id", "conversation_id", "group_id", "resume"))
            await client.hang_up()

    asyncio.run(story())


def test_a_call_takes_on_a_draft(service: RunningService) -> None:
    chat, other = service.chat(), service.chat()

    def draft(**body: Any) -> str:
        return str(service.post("/attempt/chat_draft", body).json()["draft_id"])

    patient = service.post("/persona/search", {"search": "nervous patient"}).json()["personas"][0]["persona_id"]
    general, of_other = draft(persona_ids=[patient]), draft(chat_id=other, name="Only here")

    async def story() -> None:
        first = {"type": "chat_voice", "chat_id": chat}
        for draft_id, code in ((of_other, "invalid"), ("nowhere", "not_found")):
            async with service.connection("ada") as client:
                assert (await refusal(client, {**first, "draft_id": draft_id}))["code"] == code
        async with service.connection("ada") as client:
            await client.open(chat, draft_id=general, greet=True)
            assert (await client.until("reply.started"))["persona_id"] == patient
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("first", "code", "says"),
    [
        ({"type": "chat_voice", "chat_id": "{chat}", "token": "wrong"}, "unauthorized", "glow token create"),
        ({"type": "chat_voice", "chat_id": "{chat}"}, "unauthorized", "Authorization: Bearer"),
    ],
)
def test_nobody_comes_in_without_a_token(service: RunningService, first: dict[str, Any], code: str, says: str) -> None:
    async def story() -> None:
        async with service.connection(None) as client:
            error = await refusal(client, {**first, "chat_id": service.chat()})
            assert (error["code"], error["close"]) == (code, NOT_ALLOWED)
            assert says in error["message"]
            assert "wrong" not in error["message"]

    asyncio.run(story())


def test_a_wrong_header_is_not_mended_by_a_right_first_message(service: RunningService) -> None:
    async def story() -> None:
        async with service.connection(None, ("glow.voice", "bearer.wrong")) as client:
            error = await refusal(client, {"type": "chat_voice", "chat_id": service.chat(), "token": TOKENS["ada"]})
            assert (error["code"], error["close"]) == ("unauthorized", NOT_ALLOWED)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("first", "code", "says"),
    [
        (b"\x00\x01" * 160, "not_open", "Send chat_voice before any audio"),
        ({"type": "ping"}, "not_open", "Send chat_voice before ping"),
        ({"type": "chat_speak", "audio": "AAAA"}, "not_open", "Send chat_voice before chat_speak"),
        ("hello", "invalid_json", "not JSON"),
        ("[1, 2]", "invalid_message", "not a JSON object"),
        ('"text"', "invalid_message", "not a JSON object"),
        ({"type": "open"}, "unknown_type", "use one of chat_voice, chat_speak"),
        ({"chat_id": "x"}, "unknown_type", "use one of chat_voice, chat_speak"),
        ({"type": "chat_voice"}, "invalid_message", "`chat_id` is missing"),
        ({"type": "chat_voice", "chat_id": ""}, "invalid_message", "`chat_id`"),
        ({"type": "chat_voice", "chat_id": 5}, "invalid_message", "`chat_id`"),
        ({"type": "chat_voice", "chat_id": "nowhere"}, "not_found", "Chat not found"),
        ({"input": {"encoding": "mp3"}}, "unsupported_format", "'pcm16', 'mulaw', 'alaw', 'opus' or 'container'"),
        ({"input": {"rate": 0}}, "unsupported_format", "a rate from 8000 to 48000 Hz"),
        ({"input": {"rate": "16000"}}, "unsupported_format", "`input.rate`"),
        ({"input": {"rate": -8000}}, "unsupported_format", "a rate from 8000 to 48000 Hz"),
        ({"input": {"channels": 6}}, "unsupported_format", "1 or 2 channels"),
        ({"input": {"encoding": "opus", "rate": 44_100}}, "unsupported_format", "one of the Opus rates"),
        ({"output": {"encoding": "flac"}}, "unsupported_format", "ask for pcm16, mulaw, alaw or opus."),
        ({"output": {"encoding": "container"}}, "unsupported_format", "A container only goes in"),
        ({"output": {"rate": 96_000}}, "unsupported_format", "a rate from 8000 to 48000 Hz"),
        ({"turns": "sometimes"}, "invalid_message", "'auto' or 'manual'"),
        ({"greet": "yes"}, "invalid_message", "`greet`"),
        ({"resume": "not-a-token"}, "not_found", "open a new one without `resume`"),
    ],
)
def test_a_first_message_that_opens_nothing(
    service: RunningService, first: str | bytes | dict[str, Any], code: str, says: str
) -> None:
    chat = service.chat()
    if isinstance(first, dict) and "type" not in first and "chat_id" not in first:
        first = {"type": "chat_voice", "chat_id": chat, **first}

    async def story() -> None:
        async with service.connection() as client:
            error = await refusal(client, first)
            assert (error["code"], error["close"]) == (code, NOT_ALLOWED)
            assert says in error["message"]
        async with service.call(chat) as client:  # and nothing is left of it
            await client.hang_up()

    asyncio.run(story())


def test_a_field_that_is_null_is_a_field_that_is_left_out(service: RunningService) -> None:
    absent = dict.fromkeys(("token", "input", "turns", "greet", "resume"))

    async def story() -> None:
        async with service.call(service.chat(), **absent, output={"encoding": "mulaw", "rate": None}) as client:
            assert client.ready["input"] == {"encoding": "pcm16", "rate": 16_000, "channels": 1}
            assert client.ready["output"] == {"encoding": "mulaw", "rate": 24_000}
            await client.send("mute", muted=None)
            assert "`muted` is missing" in (await client.until("error"))["message"]
            await client.hang_up()

    asyncio.run(story())


def test_somebody_elses_chat_is_as_unknown_as_none(service: RunningService) -> None:
    chat = service.chat("bob")

    async def story() -> None:
        opening = {"type": "chat_voice", "chat_id": chat}
        async with service.connection("ada") as client:
            unopened = await refusal(client, opening)
        async with service.call(chat, "bob") as bob:
            async with service.connection("ada") as client:
                opened = await refusal(client, opening)
            async with service.connection("ada") as client:
                stolen = await refusal(client, {**opening, "resume": bob.ready["resume"]})
            await bob.hang_up()
        assert unopened == opened
        assert (opened["code"], opened["close"], stolen["code"]) == ("not_found", NOT_ALLOWED, "not_found")

    asyncio.run(story())


def test_a_chat_has_one_call_at_a_time(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat) as first:
            async with service.connection() as second:
                error = await refusal(second, {"type": "chat_voice", "chat_id": chat})
                assert (error["code"], error["close"]) == ("session_conflict", NOT_ALLOWED)
                assert "chat_silence" in error["message"]
            await first.send("ping")
            await first.until("pong")
            await first.hang_up()

    asyncio.run(story())


def test_a_second_opening_on_the_same_connection_changes_nothing(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat()) as client:
            await client.send("chat_voice", chat_id=client.ready["chat_id"])
            error = await client.until("error")
            assert (error["code"], error["fatal"]) == ("already_open", False)
            await client.hang_up()

    asyncio.run(story())


def test_a_tight_service(tmp_path: Path) -> None:
    """A caller too many is told to come back, and one who says nothing is not waited for."""
    with unhearing(tmp_path, max_calls=1) as tight:
        one, two = tight.chat(), tight.chat()
        tight.app.state.patience = Patience(first_message_s=0.1)

        async def story() -> None:
            async with tight.connection() as silent:
                error = await silent.receive()
                assert (error["code"], error["fatal"]) == ("too_late", True)
                assert "within 0.1 s" in error["message"]
                assert await silent.until_closed() == NOT_ALLOWED
            tight.app.state.patience = Patience()  # whoever comes next may take their time
            async with tight.call(one) as client:
                async with tight.connection() as other:
                    error = await refusal(other, {"type": "chat_voice", "chat_id": two})
                    assert (error["code"], error["close"]) == ("busy", BUSY)
                assert tight.post("/attempt/chat_voice", {"chat_id": two}).status_code == 429
                await client.hang_up()
            async with tight.call(two) as client:
                await client.hang_up()

        asyncio.run(story())
