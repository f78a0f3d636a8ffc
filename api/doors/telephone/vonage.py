"""Vonage's websocket: PCM16, little-endian, in binary messages of exactly 20 ms, and JSON texts beside them.

Source: https://developer.vonage.com, "WebSockets in the Vonage Voice API".
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from api.doors.line import Digit, Hear, Heard, LineRefused, Message, Pace, Wire
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.keys import key_of
from api.doors.telephone.media_texts import event_in, text_of
from voice.audio.formats import AudioFormat

_RATE = re.compile(r"audio/l16\s*;\s*rate=(8000|16000|24000)")


class VonageDialect(PhoneDialect):
    """The dialect of one websocket.

    Args:
        announced: the call whose ticket the handshake had.
        end: hangs a call up by its id.
        carry: has a call transferred to a number.
        opened: notified when the call is open.
    """

    line = "vonage"
    opens_with = "websocket:connected"
    pace = Pace(lead_ms=300, packet_ms=20)

    def __init__(
        self,
        desk: Desk,
        announced: Incoming,
        end: Callable[[str], Awaitable[None]],
        carry: Callable[[Incoming, str], Awaitable[None]],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(desk, opened)
        self._announced = announced
        self._end = end
        self._carry = carry

    async def start(self, wire: Wire) -> Incoming:
        """Wait for the first text, which names the rate of both directions."""
        while True:
            message = await wire.receive()
            if message is None:
                raise ConnectionError("Vonage has gone.")
            if isinstance(message, bytes):
                self.keep_early(Hear(message))
                continue
            fields = event_in(message)
            if fields["event"] == "websocket:connected":
                break
        found = _RATE.fullmatch(str(fields.get("content-type", "")).strip().lower())
        if found is None:
            raise LineRefused("unsupported_format", "Use the content-type audio/l16;rate=8000, 16000 or 24000.")
        self.input = self.output = AudioFormat("pcm16", int(found[1]))
        return self._announced

    def read(self, message: Message) -> Heard | None:
        """Read audio, a key, or a notification, which is a mark."""
        if isinstance(message, bytes):
            return Hear(message)
        fields = event_in(message)
        match fields["event"]:
            case "websocket:dtmf":
                return _digit(fields)
            case "websocket:notify":
                payload = fields.get("payload")
                return self.marked(str(payload.get("mark", ""))) if isinstance(payload, dict) else None
            case _:
                return None

    def media(self, data: bytes) -> list[Message]:
        """Render 20 ms of audio."""
        return [data]

    def flush(self) -> list[Message]:
        """Empty Vonage's buffer."""
        return [text_of({"action": "clear"})]

    def mark(self, name: str) -> list[Message]:
        """Ask for a notification when everything before was played."""
        return [text_of({"action": "notify", "payload": {"mark": name}})]

    async def hang_up(self) -> None:
        """Hang the call up: closing the websocket lets it go on."""
        await self._end(self._announced.call_id)

    async def transfer(self, target: str) -> None:
        """Have Vonage call somebody; the call leaves the websocket, and comes back if nobody answers."""
        await self._carry(self._announced, target)


def _digit(fields: dict[str, Any]) -> Digit | None:
    """Read a key: of older versions from within `dtmf`."""
    inner = fields.get("dtmf")
    digit = str(inner.get("digit", "") if isinstance(inner, dict) else fields.get("digit", ""))
    return key_of(digit)
