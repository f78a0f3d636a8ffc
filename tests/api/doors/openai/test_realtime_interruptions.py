"""Interruptions of the Realtime interface: by the client, by its speech, and by its silence."""

from typing import TYPE_CHECKING

import pytest

from tests.api.doors.openai.client import RealtimeClient
from tests.api.doors.openai.stories import (
    OVER_IT,
    begun,
    session,
    updated,
    words,
)
from tests.service import RunningService, quiet

if TYPE_CHECKING:
    pass


def test_a_client_stops_a_response_and_says_what_was_heard(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        item_id = await begun(client)
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert (done["status"], done["status_details"]) == (
            "cancelled",
            {"type": "cancelled", "reason": "client_cancelled"},
        )
        assert done["output"][0]["status"] == "incomplete"
        await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
        await client.until("conversation.item.truncated", item_id=item_id, audio_end_ms=0)
        await client.send("response.create")
        await client.until("response.output_audio.delta")

    session(service, story)


@pytest.mark.slow
def test_speech_over_a_response_breaks_it_off_and_the_history_holds_what_was_heard(service: RunningService) -> None:
    chat = service.chat()

    async def story(client: RealtimeClient) -> None:
        item_id = await begun(client)
        await client.say_in_real_time(OVER_IT)
        await client.until("input_audio_buffer.speech_started")
        done = (await client.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        heard = words(done)
        await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10**6)
        truncated = await client.until("conversation.item.truncated")
        assert truncated["audio_end_ms"] < 60_000
        while len(client.of("response.created")) < 2:
            await client.receive()
        stored = next(line for line in service.history(chat) if line["type"] == "response")
        text = stored["contents"][0]["content"]
        assert text == heard
        assert stored["full_text"].startswith(text)
        assert len(stored["full_text"]) > len(text)

    session(service, story, model=f"chat:{chat}")


def test_an_idle_client_is_spoken_to(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        turns = {"type": "server_vad", "idle_timeout_ms": 1_000}
        await updated(client, type="realtime", output_modalities=["text"], audio={"input": {"turn_detection": turns}})
        await client.hear(quiet(200))
        idle = await client.until("input_audio_buffer.timeout_triggered")
        assert idle["audio_end_ms"] >= idle["audio_start_ms"]
        await client.until("response.done")

    session(service, story)


@pytest.mark.slow
def test_a_client_may_forbid_that_its_speech_breaks_in(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        turns = {"type": "server_vad", "interrupt_response": False}
        await updated(client, type="realtime", audio={"input": {"turn_detection": turns}})
        await begun(client)
        await client.say_in_real_time(OVER_IT)
        await client.until("input_audio_buffer.speech_started")
        first = (await client.until("response.done"))["response"]
        assert first["status"] == "completed"
        await client.until("response.created")

    session(service, story)
