"""Telnyx's media stream: JSON texts over a websocket, with media, mark, clear and dtmf.

The two directions have codecs of their own: up comes what the caller's carrier agreed on, down goes what we ask for.
L16 is big-endian here.

Source: https://developers.telnyx.com, "Media streaming over websockets".
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from api.doors.line import HangUp, Hear, Heard, LineRefused, Message, ProtocolError, Wire
from api.doors.telephone.calling import CallRefused, Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.keys import key_of
from api.doors.telephone.media_texts import event_in, number_in, text_of
from api.doors.telephone.webhooks import CarrierRest, inner
from voice.audio.formats import AudioFormat, Encoding

RINGS_S = 30
"""How long whoever is called for a transfer may take to answer."""

REORDER = 3
"""Packets that wait for an earlier one, 60 ms; then it is lost."""

_ENCODINGS: dict[str, Encoding] = {"PCMU": "mulaw", "PCMA": "alaw", "L16": "pcm16"}


def format_of(encoding: str, rate_hz: int) -> AudioFormat:
    """Return the format of a codec.

    Raises:
        LineRefused: it is another than PCMU, PCMA and L16.
    """
    name = _ENCODINGS.get(encoding.upper())
    if name is None:
        raise LineRefused("unsupported_format", f"Use PCMU, PCMA or L16, not {encoding[:20]}.")
    return AudioFormat(name, rate_hz if name == "pcm16" else 8_000)


def swapped(data: bytes) -> bytes:
    """Turn PCM16 from one byte order to the other."""
    samples = bytearray(data[: len(data) // 2 * 2])
    samples[::2], samples[1::2] = samples[1::2], samples[::2]
    return bytes(samples)


class TelnyxDialect(PhoneDialect):
    """The dialect of one stream.

    Args:
        announced: the call whose ticket the handshake had.
        spoken: what we send.
        rest: hangs up and transfers.
        opened: notified when the call is open.
    """

    line = "telnyx"
    opens_with = "start"

    def __init__(
        self,
        desk: Desk,
        announced: Incoming,
        spoken: AudioFormat,
        rest: CarrierRest,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(desk, opened)
        self._announced = announced
        self._rest = rest
        self.output = spoken
        self._order = ChunkOrder()

    async def start(self, wire: Wire) -> Incoming:
        """Wait for start, which names the codec of what comes."""
        while True:
            message = await wire.receive()
            if message is None:
                raise ConnectionError("Telnyx has gone.")
            fields = event_in(message)
            if fields["event"] == "start":
                break
        start = inner(fields, "start")
        media = inner(start, "media_format")
        if start.get("call_control_id") != self._announced.call_id:
            raise CallRefused("refused", "The stream is of another call than its ticket.")
        self.input = format_of(str(media.get("encoding", "PCMU")), number_in(media, "sample_rate") or 8_000)
        self.input.check()
        return self._announced

    def read(self, message: Message) -> Heard | None:
        """Read a message."""
        fields = event_in(message)
        match fields["event"]:
            case "media":
                return self._media(inner(fields, "media"))
            case "dtmf":
                return key_of(str(inner(fields, "dtmf").get("digit", "")))
            case "mark":
                return self.marked(str(inner(fields, "mark").get("name", "")))
            case "stop":
                return HangUp()
            case "error":
                problem = str(inner(fields, "payload").get("title", ""))[:200]
                raise ProtocolError("telnyx_error", f"Telnyx reports: {problem}")
            case _:
                return None

    def media(self, data: bytes) -> list[Message]:
        """Render audio."""
        sent = swapped(data) if self.output.encoding == "pcm16" else data
        return [text_of({"event": "media", "media": {"payload": base64.b64encode(sent).decode()}})]

    def flush(self) -> list[Message]:
        """Render clear."""
        return [text_of({"event": "clear"})]

    def mark(self, name: str) -> list[Message]:
        """Render a mark."""
        return [text_of({"event": "mark", "mark": {"name": name}})]

    async def hang_up(self) -> None:
        """Hang the call up: closing the stream does not."""
        await self._rest.send("POST", f"/v2/calls/{self._announced.call_id}/actions/hangup", {})

    async def transfer(self, target: str) -> None:
        """Have Telnyx call somebody; a webhook says how that ended."""
        call_id = self._announced.call_id
        state = base64.b64encode(call_id.encode()).decode()
        body = {"to": target, "target_leg_client_state": state, "timeout_secs": RINGS_S}
        await self._rest.send("POST", f"/v2/calls/{call_id}/actions/transfer", body)

    def _media(self, media: dict[str, Any]) -> Hear | None:
        if media.get("track", "inbound") not in ("inbound", "inbound_track"):
            return None
        try:
            data = base64.b64decode(str(media.get("payload", "")), validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("invalid_base64", "The payload is not base64.") from None
        chunk = number_in(media, "chunk")
        heard = Hear(swapped(data) if self.input.encoding == "pcm16" else data, number_in(media, "timestamp"))
        if chunk is None:
            return heard
        due = self._order.add(chunk, heard)
        return Hear(b"".join(one.data for one in due), due[0].at_ms) if due else None


class ChunkOrder:
    """Brings messages into the order of their numbers; those that come too late are dropped."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, Hear] = {}

    def add(self, chunk: int, heard: Hear) -> list[Hear]:
        """Take a message; return those whose turn it is."""
        if self._next is None:
            self._next = chunk
        if chunk < self._next:
            return []
        self._waiting[chunk] = heard
        due = self._due()
        if not due and len(self._waiting) >= REORDER:
            self._next = min(self._waiting)
            due = self._due()
        return due

    def _due(self) -> list[Hear]:
        due = []
        while self._next in self._waiting:
            due.append(self._waiting.pop(self._next))
            self._next += 1
        return due
