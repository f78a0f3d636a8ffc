"""Asterisk's chan_websocket: audio in binary messages, control in texts, as words or as JSON.

    Dial(WebSocket/glow/c(ulaw)f(json)v(uuid=..,from=..,to=..))

Asterisk plays what is queued, keeps it in silence from PAUSE_MEDIA to CONTINUE_MEDIA, and empties its queue on
FLUSH_MEDIA. So a caller's sound over a reply pauses it; if that was an interruption, the queue is emptied. A text of
more than 128 bytes is ignored, and a ping ends the call in some versions, so this path has none.

Source: chan_websocket.c of Asterisk 22.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from api.doors.line import HangUp, Hear, Heard, LineEvent, LineRefused, Message, Packet, ProtocolError, Wire
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.keys import key_of
from api.doors.telephone.media_texts import event_in, text_of
from pipeline.conversation.events import ReplyCleared, ReplyEnded
from voice.audio.formats import AudioFormat

LONGEST_TEXT = 128

FRAME_MS = 20

FORMATS = {
    "ulaw": AudioFormat("mulaw", 8_000),
    "alaw": AudioFormat("alaw", 8_000),
    "slin": AudioFormat("pcm16", 8_000),
    "slin12": AudioFormat("pcm16", 12_000),
    "slin16": AudioFormat("pcm16", 16_000),
    "slin24": AudioFormat("pcm16", 24_000),
    "slin32": AudioFormat("pcm16", 32_000),
    "slin44": AudioFormat("pcm16", 44_100),
    "slin48": AudioFormat("pcm16", 48_000),
}
"""By their names in Asterisk."""


class AsteriskDialect(PhoneDialect):
    """The dialect of one websocket.

    Args:
        query: the parameters of the handshake: those of `v(..)`.
        opened: notified when the call is open.
    """

    line = "asterisk"
    opens_with = "MEDIA_START"

    def __init__(self, desk: Desk, query: Mapping[str, str], opened: Callable[[], None] = lambda: None) -> None:
        super().__init__(desk, opened)
        self._query = query
        self._json = False
        self._paused = False
        self._queued: tuple[int, int] | None = None
        """The turn whose audio was queued last, and up to where in it, in milliseconds."""

    async def start(self, wire: Wire) -> Incoming:
        """Wait for MEDIA_START, which names the format; its notation is that of all our commands."""
        while True:
            message = await wire.receive()
            if message is None:
                raise ConnectionError("Asterisk has gone.")
            if isinstance(message, bytes):
                self.keep_early(Hear(message))
                continue
            event, fields = parse_control(message)
            if event == "MEDIA_START":
                break
        self._json = message.lstrip().startswith("{")
        name = str(fields.get("format", ""))
        if name not in FORMATS:
            raise LineRefused("unsupported_format", f"Use one of the formats {', '.join(FORMATS)}, as in c(ulaw).")
        self.input = self.output = FORMATS[name]
        variables = fields.get("channel_variables")
        known = variables if isinstance(variables, dict) else {}
        caller = self._query.get("from") or str(known.get("CALLERID(num)", ""))
        called = self._query.get("to") or str(known.get("EXTEN", ""))
        call_id = self._query.get("uuid") or str(fields.get("connection_id", ""))
        return Incoming(self.line, call_id, caller, called)

    def read(self, message: Message) -> Heard | None:
        """Read audio, a key, or a mark; other events need nothing."""
        if isinstance(message, bytes):
            return Hear(message)
        event, fields = parse_control(message)
        match event:
            case "DTMF_END":
                return key_of(str(fields.get("digit", "")))
            case "MEDIA_MARK_PROCESSED":
                return self.marked(str(fields.get("correlation_id", "")))
            case "HANGUP":
                return HangUp()
            case "ERROR":
                raise ProtocolError("asterisk_error", f"Asterisk reports: {str(fields.get('error_text', ''))[:200]}")
            case _:
                return None

    def render(self, event: LineEvent) -> Iterable[Message]:
        """Pause instead of emptying the queue, until it is known whether the reply goes on."""
        messages = super().render(event)
        if isinstance(event, ReplyCleared):
            already, self._paused = self._paused, True
            return [] if already else [self._command("PAUSE_MEDIA")]
        if isinstance(event, ReplyEnded) and self._paused:
            return [*messages, *self._emptied()]
        return messages

    def audio(self, packet: Packet) -> Iterable[Message]:
        """Render a packet; one that is in the queue still, as its reply was paused and goes on, needs nothing."""
        if packet.turn is not None:
            end_ms = packet.at_ms + packet.duration_ms
            turn, queued_ms = self._queued or (None, 0)
            if self._paused and packet.turn == turn and packet.at_ms < queued_ms:
                self._paused = False
                yield self._command("CONTINUE_MEDIA")
            elif self._paused:
                yield from self._emptied()
            known_ms = queued_ms - packet.at_ms if (packet.turn, queued_ms) == self._queued else 0
            if end_ms <= packet.at_ms + known_ms:
                return
            self._queued = packet.turn, end_ms
            packet = self._without(packet, max(0, known_ms) // FRAME_MS * FRAME_MS)
        yield from super().audio(packet)

    def _without(self, packet: Packet, milliseconds: int) -> Packet:
        """Return a packet without its beginning, which is in the queue: whole frames, so up to 19 ms come twice."""
        sample_bytes = 2 if self.output.encoding == "pcm16" else 1
        cut = self.output.rate_hz * milliseconds // 1000 * sample_bytes
        return replace(
            packet,
            data=packet.data[cut:],
            at_ms=packet.at_ms + milliseconds,
            duration_ms=packet.duration_ms - milliseconds,
        )

    def _emptied(self) -> list[Message]:
        self._paused, self._queued = False, None
        return [*self.flush(), self._command("CONTINUE_MEDIA")]

    def media(self, data: bytes) -> list[Message]:
        """Render audio: whole frames of 20 ms, as the outlet makes them."""
        return [data]

    def flush(self) -> list[Message]:
        """Empty the queue."""
        return [self._command("FLUSH_MEDIA")]

    def mark(self, name: str) -> list[Message]:
        """Ask for MEDIA_MARK_PROCESSED."""
        return [self._command("MARK_MEDIA", name)]

    def _command(self, command: str, correlation_id: str = "") -> str:
        if self._json:
            named = {"correlation_id": correlation_id} if correlation_id else {}
            return text_of({"command": command, **named})
        return f"{command} {correlation_id}".rstrip()


def parse_control(text: str) -> tuple[str, dict[str, Any]]:
    """Read an event in either notation: its name, and its fields.

    Raises:
        ProtocolError: it is JSON without an event.
    """
    if text.lstrip().startswith("{"):
        fields = event_in(text)
        return fields["event"], fields
    name, *words = text.split()[:100] or [""]
    pairs = (word.partition(":") for word in words)
    return name, {key: value for key, _, value in pairs}
