"""The session of the Realtime interface: updates, transcription, the beta dialect, and its end."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.doors.openai.client import RealtimeClient, realtime
from tests.api.doors.openai.stories import (
    TEXT,
    TOOL,
    TURN,
    begun,
    session,
    updated,
)
from tests.service import RunningService, running

if TYPE_CHECKING:
    pass


def test_an_update_changes_what_it_holds_and_the_whole_is_told(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        before = client.events[0]["session"]
        assert before["audio"]["input"]["turn_detection"] == {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        }
        assert await updated(client, type="realtime", instructions="Be kind.") == {**before, "instructions": "Be kind."}
        turns = {"type": "semantic_vad", "eagerness": "low"}
        whole = await updated(client, type="realtime", audio={"input": {"turn_detection": turns}}, tools=[TOOL])
        assert whole["instructions"] == "Be kind."
        assert whole["tools"] == [TOOL]
        told = whole["audio"]["input"]["turn_detection"]
        assert told == {**turns, "create_response": True, "interrupt_response": True}
        changed = {"input": {"turn_detection": {"type": "semantic_vad", "create_response": False}}}
        whole = await updated(client, type="realtime", audio=changed, instructions="", tools=[])
        assert whole["audio"]["input"]["turn_detection"] == {**told, "create_response": False}
        assert (whole["instructions"], whole["tools"], whole["tool_choice"]) == ("", [], "auto")

    session(service, story)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "magic"}, "invalid_value", "session.type"),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/mp3"}}}},
            "invalid_value",
            "session.audio.output.format",
        ),
        ({"type": "realtime", "output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", None),
        ({"type": "realtime", "tools": [TOOL, TOOL]}, "invalid_value", "session.tools[1].name"),
        ({"type": "realtime", "audio": {"output": {"voice": "nobody"}}}, "invalid_value", "session.audio.output.voice"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 7}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
    ],
)
def test_a_wrong_update_changes_nothing_and_is_named(
    service: RunningService, fields: dict[str, Any], code: str, param: str | None
) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.send("session.update", session={**fields, "instructions": "Never."}, event_id="u1")
        error = await client.refused(code)
        assert error["event_id"] == "u1"
        assert param in (None, error["param"])
        assert (await updated(client, type="realtime"))["instructions"] == ""

    session(service, story)


def test_the_voice_stays_once_it_was_heard(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        whole = await updated(client, type="realtime", audio={"output": {"voice": "marin", "speed": 1.25}})
        assert (whole["audio"]["output"]["voice"], whole["audio"]["output"]["speed"]) == ("marin", 1.25)
        await begun(client)
        await client.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": "ash"}}})
        await client.refused("cannot_update_voice")

    session(service, story)


@pytest.mark.slow
def test_a_transcription_session_writes_down_and_never_answers(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        told = client.events[0]["session"]
        assert (told["type"], told["object"]) == ("transcription", "realtime.transcription_session")
        whole = await updated(client, type="transcription", audio={"input": {"transcription": {"model": "whisper-1"}}})
        assert whole["audio"]["input"]["transcription"] == {"model": "whisper-1"}
        await client.say(TURN)
        heard = await client.until("conversation.item.input_audio_transcription.completed")
        assert "repeat that" in heard["transcript"]
        deltas = client.of("conversation.item.input_audio_transcription.delta")
        assert "".join(event["delta"] for event in deltas).strip() == heard["transcript"]
        await client.send("response.create")
        await client.refused("invalid_event")
        await client.say(TURN)
        await client.until("conversation.item.input_audio_transcription.completed")
        assert not client.of("response.created")

    session(service, story, intent="transcription")


def test_the_beta_dialect_has_other_names_and_a_flat_session(service: RunningService) -> None:
    async def story() -> None:
        async with realtime(service, headers={"OpenAI-Beta": "realtime=v1"}) as client:
            told = (await client.until("session.created"))["session"]
            assert told["modalities"] == ["audio", "text"]
            assert told["input_audio_format"] == "pcm16"
            await client.until("conversation.created")
            flat = {"modalities": ["text"], "turn_detection": None, "input_audio_format": "g711_ulaw"}
            await client.send("session.update", session=flat)
            told = (await client.until("session.updated"))["session"]
            assert {name: told[name] for name in flat} == flat
            await client.type("Hello.")
            await client.until("conversation.item.created")
            await client.send("response.create")
            done = (await client.until("response.done"))["response"]
            assert done["output"][0]["content"][0]["type"] == "text"
            assert client.of("response.text.delta")
            await client.send("session.update", session={"input_audio_format": "mp3"})
            await client.refused("invalid_value")

    asyncio.run(story())


@pytest.mark.slow
def test_a_session_ends_with_an_error_when_its_time_is_up(tmp_path: Path) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT)
        await client.refused("session_expired")
        assert await client.until_closed() == 1000

    chosen: dict[str, Any] = {"stt": "fixed:0", "tts": "fixed:0"}
    with running(tmp_path, longest_call_s=2, call_warning_s=0, **chosen) as service:
        session(service, story)
