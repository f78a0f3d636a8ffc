"""One response of a Realtime session: the events that tell of it, from `response.created` to `response.done`."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from api.doors.line import Packet
from api.doors.openai.realtime.items import ConversationItem, Items, new_name
from pipeline.conversation.tools import FunctionCall

CHARACTERS_A_TOKEN = 4

Told = Iterator[dict[str, Any]]
"""Server events, without their ids."""


@dataclass
class RealtimeResponse:
    """A response, and what was sent of it.

    Attributes:
        in_writing: it comes as text alone.
        message_id: the call's message that it says; empty before it begins.
        item: the message, once it has begun.
        said: its text so far: what was sent of it.
        called: it has called tools.
        output: its items, as they are shown in the end.
        conversation_id: None for an answer beside the conversation.
    """

    items: Items
    in_writing: bool
    audio: dict[str, Any]
    max_tokens: int | str
    metadata: dict[str, str] | None = None
    conversation_id: str | None = None
    id: str = field(default_factory=lambda: new_name("resp"))
    message_id: str = ""
    item: ConversationItem | None = None
    said: str = ""
    called: bool = False
    output: list[dict[str, Any]] = field(default_factory=list)

    def created(self) -> Told:
        """Tell that it is on its way."""
        yield {"type": "response.created", "response": self._shown("in_progress")}

    def begin(self, message_id: str, from_ms: int = 0) -> Told:
        """Begin its message."""
        self.message_id = message_id
        shown = {
            "id": new_name("item"),
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        self.item = ConversationItem(shown, message_id, from_ms=from_ms)
        previous = self.items.add(self.item) if self.conversation_id else None
        self.output.append(shown)
        yield {"type": "response.output_item.added", **self._place, "item": dict(shown)}
        if self.conversation_id:
            yield {"type": "conversation.item.added", "previous_item_id": previous, "item": dict(shown)}
        part = {"type": "text", "text": ""} if self.in_writing else {"type": "audio", "transcript": ""}
        yield {"type": "response.content_part.added", **self._content, "part": part}

    def write(self, delta: str) -> Told:
        """Tell more of its text: the answer itself, or the words of its audio."""
        self.said += delta
        kind = "response.output_text" if self.in_writing else "response.output_audio_transcript"
        yield {"type": f"{kind}.delta", **self._content, "delta": delta}

    def sound(self, packet: Packet) -> Told:
        """Tell more of its audio, and the words that begin in it."""
        assert self.item is not None
        self.item.audio_ms = packet.at_ms + packet.duration_ms - self.item.from_ms
        if packet.text:
            yield from self.write(packet.text)
        encoded = base64.b64encode(packet.data).decode()
        yield {"type": "response.output_audio.delta", **self._content, "delta": encoded}

    def call_tools(self, calls: tuple[FunctionCall, ...]) -> Told:
        """Tell of calls of the client's tools."""
        self.called = True
        for call in calls:
            shown = {
                "id": new_name("item"),
                "object": "realtime.item",
                "type": "function_call",
                "status": "in_progress",
                "call_id": call.id,
                "name": call.name,
                "arguments": "",
            }
            item = ConversationItem(shown, call.id)
            previous = self.items.add(item) if self.conversation_id else None
            self.output.append(shown)
            index = len(self.output) - 1
            place = {"response_id": self.id, "output_index": index}
            yield {"type": "response.output_item.added", **place, "item": dict(shown)}
            if self.conversation_id:
                yield {"type": "conversation.item.added", "previous_item_id": previous, "item": dict(shown)}
            about = {**place, "item_id": item.id, "call_id": call.id}
            yield {"type": "response.function_call_arguments.delta", **about, "delta": call.arguments}
            done = {"name": call.name, "arguments": call.arguments}
            yield {"type": "response.function_call_arguments.done", **about, **done}
            shown.update(status="completed", arguments=call.arguments)
            yield {"type": "response.output_item.done", **place, "item": dict(shown)}
            if self.conversation_id:
                yield {"type": "conversation.item.done", "previous_item_id": previous, "item": dict(shown)}

    def finish(self, status: str, reason: str | None = None, text: str | None = None) -> Told:
        """End it.

        Args:
            status: "completed", "cancelled", "incomplete" or "failed".
            reason: of any but the first.
            text: all of it, or what was heard of it; None for what was sent.
        """
        if self.item is not None:
            yield from self._finish_message("completed" if status == "completed" else "incomplete", text)
        details = None if status == "completed" else {"type": status, "reason": reason}
        yield {"type": "response.done", "response": self._shown(status, details)}

    def _finish_message(self, status: str, text: str | None) -> Told:
        assert self.item is not None
        words = self.said if text is None else text
        if self.in_writing:
            yield {"type": "response.output_text.done", **self._content, "text": words}
            part, content = {"type": "text", "text": words}, {"type": "output_text", "text": words}
        else:
            yield {"type": "response.output_audio.done", **self._content}
            yield {"type": "response.output_audio_transcript.done", **self._content, "transcript": words}
            part, content = {"type": "audio", "transcript": words}, {"type": "output_audio", "transcript": words}
        yield {"type": "response.content_part.done", **self._content, "part": part}
        self.item.shown.update(status=status, content=[content])
        yield {"type": "response.output_item.done", **self._place, "item": dict(self.item.shown)}
        if self.conversation_id:
            yield {"type": "conversation.item.done", "item": dict(self.item.shown)}

    @property
    def _place(self) -> dict[str, Any]:
        assert self.item is not None
        return {"response_id": self.id, "output_index": self.output.index(self.item.shown)}

    @property
    def _content(self) -> dict[str, Any]:
        assert self.item is not None
        return {**self._place, "item_id": self.item.id, "content_index": 0}

    def _shown(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        tokens = len(self.said) // CHARACTERS_A_TOKEN
        words = sum(len(item.get("arguments", "")) for item in self.output) // CHARACTERS_A_TOKEN + tokens
        usage = {"total_tokens": words, "input_tokens": 0, "output_tokens": words}
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [dict(item) for item in self.output] if status != "in_progress" else [],
            "conversation_id": self.conversation_id,
            "output_modalities": ["text"] if self.in_writing else ["audio"],
            "max_output_tokens": self.max_tokens,
            "audio": {"output": self.audio},
            "usage": None if status == "in_progress" else usage,
            "metadata": self.metadata,
        }
