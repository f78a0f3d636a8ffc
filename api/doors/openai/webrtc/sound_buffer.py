"""What clients over WebRTC get to know of the persona's audio, which comes on a track and not in events."""

from collections.abc import Iterable, Iterator
from typing import Any

ServerEvents = Iterator[dict[str, Any]]


class SoundBuffer:
    """Follows the server events of one session: leaves the audio out, and tells when it begins and ends.

    Attributes:
        sounding: the id of the response that is being heard; empty for none.
    """

    def __init__(self) -> None:
        self.sounding = ""
        self._aside: set[str] = set()
        self._item_id = ""
        self._sent_ms = 0

    def sent(self, milliseconds: int) -> None:
        """Count audio of the response that is being heard."""
        self._sent_ms += milliseconds

    def follow(self, events: Iterable[dict[str, Any]]) -> ServerEvents:
        """Return the events as clients over WebRTC get them."""
        for event in events:
            match event:
                case {"type": "response.created", "response": {"id": str(name), "conversation_id": None}}:
                    self._aside.add(name)
                    yield event
                case {"type": "response.output_audio.delta", "response_id": str(name), "item_id": str(item_id)}:
                    yield from self._begun(name, item_id)
                case {"type": "response.done", "response": {"id": str(name), "status": str(status)}}:
                    self._aside.discard(name)
                    yield event
                    yield from self._over(name, status)
                case _:
                    yield event

    def _begun(self, name: str, item_id: str) -> ServerEvents:
        if name in self._aside or name == self.sounding:
            return
        self.sounding, self._item_id, self._sent_ms = name, item_id, 0
        yield {"type": "output_audio_buffer.started", "response_id": name}

    def _over(self, name: str, status: str) -> ServerEvents:
        if name != self.sounding:
            return
        self.sounding = ""
        if status != "cancelled":
            yield {"type": "output_audio_buffer.stopped", "response_id": name}
            return
        yield {"type": "output_audio_buffer.cleared", "response_id": name}
        heard = {"item_id": self._item_id, "content_index": 0, "audio_end_ms": self._sent_ms}
        yield {"type": "conversation.item.truncated", **heard}
