"""Spoken turns of the Realtime interface, as clients see them: by the voice, by hand, unanswered."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.doors.openai.client import RealtimeClient
from tests.api.doors.openai.stories import (
    ENDED,
    MANUAL,
    SPOKEN_TURN,
    TURN,
    session,
    updated,
    words,
)
from tests.servers.stt import transcription_server
from tests.service import RunningService, quiet, running
from tests.voice.sound import recording

if TYPE_CHECKING:
    pass


@pytest.mark.slow
def test_a_spoken_turn_is_told_in_the_order_that_clients_take(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.say(TURN)
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "completed"
        kinds = [kind for kind in client.kinds() if not kind.endswith("transcript.delta")]
        assert [kind for kind in kinds if not kind.endswith("audio.delta")] == [*SPOKEN_TURN, *ENDED]
        begun, committed = client.of("input_audio_buffer.speech_started"), client.of("input_audio_buffer.committed")
        assert begun[0]["item_id"] == committed[0]["item_id"]
        assert 100 <= begun[0]["audio_start_ms"] <= 900
        (heard,) = client.of("conversation.item.input_audio_transcription.completed")
        assert "repeat that" in heard["transcript"]
        assert heard["usage"]["seconds"] > 0.5
        transcript = "".join(event["delta"] for event in client.of("response.output_audio_transcript.delta"))
        assert transcript == words(done)
        assert len(client.sound(done["id"])) > 24_000 * 2
        assert len({event["event_id"] for event in client.events}) == len(client.events)

    session(service, story)


def test_g711_is_heard_and_spoken(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        ulaw = {"format": {"type": "audio/pcmu"}}
        whole = await updated(client, type="realtime", audio={"input": ulaw, "output": ulaw})
        assert whole["audio"]["output"]["format"] == {"type": "audio/pcmu"}
        await client.type("Hello.")
        await client.send("response.create")
        created = await client.until("response.created")
        await client.until("response.output_audio.delta")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.until("response.done")
        (item,) = client.of("conversation.item.added")[-1:]
        await client.send("conversation.item.truncate", item_id=item["item"]["id"], content_index=0, audio_end_ms=10**7)
        most = (await client.until("conversation.item.truncated"))["audio_end_ms"]
        assert len(client.sound(created["response"]["id"])) == pytest.approx(most * 8, abs=1_700)

    session(service, story)


def test_manual_turns_end_with_the_commit_and_are_answered_when_that_is_asked_for(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        assert (await updated(client, **MANUAL))["audio"]["input"]["turn_detection"] is None
        await client.hear(recording(TURN))
        await client.send("input_audio_buffer.commit")
        committed = await client.until("input_audio_buffer.committed")
        heard = await client.until("conversation.item.input_audio_transcription.completed")
        assert heard["item_id"] == committed["item_id"]
        assert "repeat that" in heard["transcript"]
        await client.send("response.create")
        assert words((await client.until("response.done"))["response"])
        assert not client.of("input_audio_buffer.speech_started")

    session(service, story)


def test_a_commit_without_words_has_an_empty_transcript_and_an_empty_one_is_refused(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **MANUAL)
        await client.hear(quiet(900))
        await client.send("input_audio_buffer.commit")
        heard = await client.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == ""
        await client.send("input_audio_buffer.commit", event_id="mine")
        assert (await client.refused("input_audio_buffer_commit_empty"))["event_id"] == "mine"

    session(service, story)


def test_what_was_cleared_is_no_turn(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **MANUAL)
        await client.hear(recording(TURN))
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        await client.send("input_audio_buffer.commit")
        await client.refused("input_audio_buffer_commit_empty")

    session(service, story)


@pytest.mark.slow
def test_turns_that_are_not_to_be_answered_are_written_down(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        turns = {"type": "server_vad", "create_response": False}
        await updated(client, type="realtime", output_modalities=["text"], audio={"input": {"turn_detection": turns}})
        await client.say(TURN)
        await client.until("conversation.item.input_audio_transcription.completed")
        await client.send("response.create", response={"metadata": {"client_event_id": "e1"}})
        created = await client.until("response.created")
        assert created["response"]["metadata"] == {"client_event_id": "e1"}
        done = await client.until("response.done")
        assert done["response"]["metadata"] == {"client_event_id": "e1"}
        assert len(client.of("response.created")) == 1

    session(service, story)


@pytest.mark.slow
def test_the_recogniser_gets_the_words_that_a_client_expects(tmp_path: Path) -> None:
    async def story(client: RealtimeClient) -> None:
        hints = {"model": "whisper-1", "prompt": "Names: Zanzibar.", "keywords": ["Quillon"], "language": "en"}
        whole = await updated(client, type="realtime", audio={"input": {"transcription": hints}})
        assert whole["audio"]["input"]["transcription"] == hints
        await client.say(TURN)
        await client.until("conversation.item.input_audio_transcription.completed")

    with transcription_server() as server:
        chosen: dict[str, Any] = {"stt": "openai", "stt_base_url": server.url, "openai_api_key": "x", "tts": "fixed:0"}
        with running(tmp_path, **chosen) as service:
            session(service, story)
        assert any("Zanzibar. Quillon" in request["prompt"] for request in server.requests)
