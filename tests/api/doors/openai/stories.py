"""What the stories of the Realtime interface have in common: recordings, sessions, and their first steps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.api.doors.openai.client import RealtimeClient, realtime
from tests.service import RunningService

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


async def begun(client: RealtimeClient) -> str:
    """Have the persona speak; return the id of its item."""
    await client.type("Tell me about your son.")
    await client.send("response.create")
    item = (await client.until("response.output_item.added"))["item"]
    await client.until("response.output_audio.delta")
    return str(item["id"])
