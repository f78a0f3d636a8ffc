"""One SIP call as a line: its signalling and its RTP are the wire.

The call is answered by its first packet of audio, so that what is refused is never picked up. Messages from the wire
are bytes, eight of the time in ms and then PCM16, or a text: `key 5`, `hold`, `resume`, `gone`.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable

from aiosipua import SipRequest

from api.doors.line import Close, Digit, Gaps, HangUp, Hear, Heard, Message, Mute, Pace, Wire
from api.doors.telephone.calling import CallRefused, Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.keys import key_of
from api.doors.telephone.sip_media import CODECS, RtpAudio

_KEYS = {"10": "*", "11": "#"}

WAITING_LIMIT = 250
"""Most messages that the line has not read yet, 5 s of audio; beyond it the oldest are lost."""

_AT = struct.Struct("!d")

STATUSES = {
    Close.ENDED: (486, "Busy Here"),
    Close.NOT_ALLOWED: (403, "Forbidden"),
    Close.BUSY: (503, "Service Unavailable"),
    Close.RESTARTING: (503, "Service Unavailable"),
    Close.BROKEN: (500, "Server Internal Error"),
}
"""What a call is refused with that was never answered, by why its wire is closed."""


REFUSALS = {"unknown-number": (404, "Not Found"), "blocked": (603, "Decline")}
"""What a call is refused with by the desk's reason."""


class SipWire:
    """A call's audio and what its signalling says.

    Attributes:
        refusal: why the desk does not take the call.

    Args:
        rtp: its audio.
        answer: picks the call up.
        hang_up: ends it; before it was answered with a status and its reason.
    """

    def __init__(self, rtp: RtpAudio, answer: Callable[[], None], hang_up: Callable[[int, str], None]) -> None:
        self._rtp = rtp
        self._answer = answer
        self._hang_up = hang_up
        self._answered = False
        self.refusal = ""
        self._coming: asyncio.Queue[Message] = asyncio.Queue(WAITING_LIMIT)
        rtp.heard = self._heard
        rtp.key = lambda digit: self.tell(f"key {digit}")

    def tell(self, message: Message) -> None:
        """Queue what the signalling says."""
        if self._coming.full():
            self._coming.get_nowait()
        self._coming.put_nowait(message)

    async def receive(self) -> Message | None:
        """Wait for what comes next; None once the caller has hung up."""
        message = await self._coming.get()
        return None if message == "gone" else message

    async def send(self, message: Message, /) -> None:
        """Send 20 ms of audio, in the codec's `spoken` format; the first picks the call up."""
        assert isinstance(message, bytes)
        if not self._answered:
            self._answered = True
            self._answer()
        self._rtp.send(message)

    async def close(self, reason: Close, /) -> None:
        """Hang up."""
        self._hang_up(*REFUSALS.get(self.refusal) or STATUSES.get(reason, STATUSES[Close.ENDED]))

    def _heard(self, pcm: bytes, at_ms: float) -> None:
        self.tell(_AT.pack(at_ms) + pcm)


class SipDialect(PhoneDialect):
    """The dialect of one SIP call.

    Args:
        wire: the call's.
        incoming: who calls whom.
        codec: a name of `CODECS`.
        refer: transfers the call to a number; returns whether somebody answered.
    """

    line = "sip"
    opens_with = "an INVITE"
    pace = Pace(continuous=True, catch_up_ms=200)
    gaps = Gaps(late_ms=100)

    def __init__(
        self, desk: Desk, wire: SipWire, incoming: Incoming, codec: str, refer: Callable[[str], Awaitable[bool]]
    ) -> None:
        super().__init__(desk)
        self._wire = wire
        self._incoming = incoming
        self._refer = refer
        self.input, self.output = CODECS[codec].heard, CODECS[codec].spoken

    async def start(self, _wire: Wire) -> Incoming:
        """Return what the INVITE said, if the number is served."""
        if self._incoming.outgoing:
            return self._incoming
        try:
            await self.desk.announced(self._incoming)
        except CallRefused as refusal:
            self._wire.refusal = refusal.reason
            raise
        return self._incoming

    def read(self, message: Message) -> Heard | None:
        """Read audio, a key, or hold: then nothing is heard, not the music either."""
        if isinstance(message, bytes):
            return Hear(message[_AT.size :], _AT.unpack_from(message)[0])
        match message.split():
            case ["key", digit]:
                return Digit(digit)
            case ["hold"]:
                return Mute(True)
            case ["resume"]:
                return Mute(False)
            case _:
                return HangUp()

    def media(self, data: bytes) -> list[Message]:
        """Render a packet."""
        return [data]

    async def transfer(self, target: str) -> bool:
        """Have the caller's phone call somebody else (RFC 3515)."""
        return await self._refer(target)


def key_of_info(request: SipRequest) -> str | None:
    """Read the key of an INFO, as application/dtmf-relay or application/dtmf."""
    kind, text = (request.content_type or "").partition(";")[0].strip().lower(), request.text
    if kind == "application/dtmf-relay":
        fields = (line.partition("=") for line in text.splitlines())
        text = next((value for name, _, value in fields if name.strip().lower() == "signal"), "")
    elif kind != "application/dtmf":
        return None
    key = text.strip()
    return found.digit if (found := key_of(_KEYS.get(key, key))) is not None else None
