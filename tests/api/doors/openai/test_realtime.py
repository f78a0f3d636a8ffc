"""A session of the Realtime interface: turns, typed messages, interruptions, truncation, tools, as clients see them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI

from tests.api.doors.openai.client import RealtimeClient, realtime
from tests.service import TOKENS, RunningService, quiet, running
from tests.voice.sound import recording

if TYPE_CHECKING:
    from tests.servers.llm import LlmServer

TURN = "rms/turns/13"
OVER_IT = "slt/records-office/07"
TEXT = {"type": "realtime", "output_modalities": ["text"]}
MANUAL = {"type": "realtime", "output_modalities": ["text"], "audio": {"input": {"turn_detection": None}}}
TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Looks a thing up.",
    "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
}
SPOKEN_TURN = """
session.created input_audio_buffer.speech_started input_audio_buffer.speech_stopped input_audio_buffer.committed
conversation.item.added conversation.item.done conversation.item.input_audio_transcription.delta
conversation.item.input_audio_transcription.completed response.created response.output_item.added
conversation.item.added response.content_part.added
""".split()
ENDED = """
response.output_audio.done response.output_audio_transcript.done response.content_part.done response.output_item.done
conversation.item.done response.done
""".split()


def session(service: RunningService, story: Callable[[RealtimeClient], Awaitable[None]], **query: str) -> None:
    """Play a story with a fresh connection."""

    async def played() -> None:
        async with realtime(service, **query) as client:
            await client.until("session.created")
            await story(client)

    asyncio.run(played())


async def updated(client: RealtimeClient, **fields: Any) -> dict[str, Any]:
    """Send a `session.update`; return the whole session."""
    await client.send("session.update", session=fields)
    whole: dict[str, Any] = (await client.until("session.updated"))["session"]
    return whole


async def answered(client: RealtimeClient, text: str, **response: Any) -> dict[str, Any]:
    """Type a message and ask for an answer; return it."""
    await client.type(text)
    await client.send("response.create", response=response)
    done: dict[str, Any] = (await client.until("response.done"))["response"]
    return done


def words(response: dict[str, Any]) -> str:
    """What a response says."""
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return "".join(part.get("text") or part.get("transcript") or "" for part in parts)


# ------------------------------------------------------------------ a turn


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


# ------------------------------------------------------------- the messages


def test_typed_messages_wait_for_a_response_to_be_asked_for(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT)
        await client.type("Good morning.", id="first")
        added = await client.until("conversation.item.added")
        assert (added["item"]["id"], added["previous_item_id"]) == ("first", None)
        await client.until("conversation.item.done")
        await client.send("conversation.item.retrieve", item_id="first")
        shown = (await client.until("conversation.item.retrieved"))["item"]
        assert shown["content"] == [{"type": "input_text", "text": "Good morning."}]
        assert not client.of("response.created")
        await client.send("response.create")
        assert words((await client.until("response.done"))["response"])

    session(service, story)


def test_items_have_an_order_and_a_deleted_one_is_gone(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.type("One.", id="one")
        await client.type("Two.", id="two")
        await client.until("conversation.item.done")
        item = {"id": "zero", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Zero."}]}
        await client.send("conversation.item.create", item=item, previous_item_id="root")
        await client.until("conversation.item.added", previous_item_id=None)
        item = {**item, "id": "half"}
        await client.send("conversation.item.create", item=item, previous_item_id="one")
        await client.until("conversation.item.added", previous_item_id="one")
        await client.send("conversation.item.create", item=item)
        await client.refused("item_create_duplicate_item_id")
        await client.send("conversation.item.delete", item_id="two")
        await client.until("conversation.item.deleted", item_id="two")
        await client.send("conversation.item.retrieve", item_id="two")
        await client.refused("item_retrieve_invalid_item_id")

    session(service, story)


def test_pictures_are_refused_by_name(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
        item = {"type": "message", "role": "user", "content": [picture]}
        await client.send("conversation.item.create", item=item)
        assert (await client.refused("unsupported_content_type"))["param"] == "item.content[0].type"

    session(service, story)


# -------------------------------------------------------- interruptions


async def begun(client: RealtimeClient) -> str:
    """Have the persona speak; return the id of its item."""
    await client.type("Tell me about your son.")
    await client.send("response.create")
    item = (await client.until("response.output_item.added"))["item"]
    await client.until("response.output_audio.delta")
    return str(item["id"])


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


# ------------------------------------------------------ several responses


def test_a_cancel_may_come_before_anything_is_said(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.type("Hello.")
        await client.send("response.create")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert (done["status"], done["output"]) == ("cancelled", [])
        await client.send("response.create")
        await client.until("response.output_audio.delta")

    session(service, story)


def test_a_cancel_with_nothing_to_cancel_is_dropped_and_one_with_a_wrong_id_refused(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        for _ in range(30):
            await client.send("response.cancel")
        await client.send("response.cancel", response_id="resp_nobody", event_id="c1")
        error = await client.refused("response_cancel_not_active")
        assert error["message"].startswith("Cancellation failed")
        assert error["event_id"] == "c1"
        assert [event["type"] for event in client.events] == ["session.created", "error"]

    session(service, story)


def test_a_create_behind_a_waiting_one_is_queued_and_a_second_refused(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT)
        await client.type("Hello.")
        for name in ("a", "b", "c"):
            await client.send("response.create", response={"metadata": {"name": name}})
        await client.refused("conversation_already_has_active_response")
        names = [(await client.until("response.done"))["response"]["metadata"]["name"] for _ in range(2)]
        assert names == ["a", "b"]

    session(service, story)


def test_a_create_directly_behind_a_cancel_is_answered(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await begun(client)
        await client.send("response.cancel")
        await client.send("response.create", response={"metadata": {"name": "second"}})
        assert (await client.until("response.done"))["response"]["status"] == "cancelled"
        assert (await client.until("response.created"))["response"]["metadata"] == {"name": "second"}
        await client.until("response.output_audio.delta")

    session(service, story)


def test_an_answer_beside_the_conversation_is_kept_nowhere(service: RunningService) -> None:
    chat = service.chat()

    async def story(client: RealtimeClient) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who are you?"}]}
        await client.send(
            "response.create",
            response={
                "conversation": "none",
                "input": [item],
                "metadata": {"topic": "x"},
                "output_modalities": ["text"],
                "instructions": "Be brief.",
            },
        )
        done = (await client.until("response.done"))["response"]
        assert (done["status"], done["conversation_id"], done["metadata"]) == ("completed", None, {"topic": "x"})
        assert words(done)
        await client.send("response.create", response={"conversation": "none", "input": [item]})
        done = (await client.until("response.done"))["response"]
        assert client.sound(done["id"])
        assert words(done)
        assert not client.of("conversation.item.added")
        assert service.history(chat) == []

    session(service, story, model=f"chat:{chat}")


# --------------------------------------------------------------- the session


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


# ------------------------------------------------------------------ the beta


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


# ------------------------------------------------------------------- tools


@pytest.mark.slow
def test_a_clients_tool_is_called_and_another_response_follows_its_result(
    tmp_path: Path, llm_server: "LlmServer"
) -> None:
    from tests.servers.llm import Round

    llm_server.rounds = [Round("", (("look_up", '{"what": "a cat"}'),)), Round("A cat is an animal.")]

    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT, tools=[TOOL], tool_choice="required", instructions="Look things up.")
        await client.type("What is a cat?")
        await client.send("response.create")
        added = (await client.until("response.output_item.added"))["item"]
        assert (added["type"], added["name"], added["arguments"]) == ("function_call", "look_up", "")
        done = await client.until("response.function_call_arguments.done")
        assert json.loads(done["arguments"]) == {"what": "a cat"}
        finished = (await client.until("response.done"))["response"]
        assert (finished["status"], finished["output"][0]["type"]) == ("completed", "function_call")
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": '{"is": "an animal"}'}
        await client.send("conversation.item.create", item=output)
        await client.until("conversation.item.done")
        await client.send("response.create")
        assert words((await client.until("response.done"))["response"]) == "A cat is an animal."
        first, second = (request.body for request in llm_server.requests)
        assert "look_up" in [tool["function"]["name"] for tool in first["tools"]]
        assert first["tool_choice"] == "required"
        assert "Look things up." in first["messages"][0]["content"]
        assert second["messages"][-1]["content"] == '{"is": "an animal"}'
        await client.send("conversation.item.create", item={**output, "call_id": "call_nobody"})
        await client.refused("item_create_invalid_call_id")

    model: dict[str, Any] = {"llm": "openai", "llm_model": "tools", "openai_base_url": llm_server.url}
    with running(tmp_path, openai_api_key="x", stt="fixed:0", tts="fixed:0", **model) as service:
        session(service, story)


@pytest.mark.slow
def test_a_session_ends_with_an_error_when_its_time_is_up(tmp_path: Path) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT)
        await client.refused("session_expired")
        assert await client.until_closed() == 1000

    chosen: dict[str, Any] = {"stt": "fixed:0", "tts": "fixed:0"}
    with running(tmp_path, longest_call_s=2, call_warning_s=0, **chosen) as service:
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


# ------------------------------------------------------------ OpenAI's own


def test_openais_client_for_python_types_speaks_and_stops(service: RunningService) -> None:
    async def story() -> None:
        address = f"{service.url}/v1"
        client = AsyncOpenAI(api_key=TOKENS["ada"], base_url=address, websocket_base_url=address.replace("http", "ws"))
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(session={"type": "realtime", "instructions": "Be kind."})
            content: Any = [{"type": "input_text", "text": "Hello."}]
            await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            await connection.response.create()
            kinds: list[str] = []
            async for event in connection:
                kinds.append(event.type)
                if event.type == "response.output_audio.delta" and kinds.count(event.type) == 1:
                    await connection.response.cancel()
                if event.type == "response.done":
                    assert event.response.status == "cancelled"
                    break
                assert event.type != "error"
            assert kinds[:2] == ["session.created", "session.updated"]
        await client.close()

    asyncio.run(story())
