"""Twilio's Media Streams: JSON messages with base64 audio, marks, and keys."""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable
from typing import Any

from api.doors.line import (
    Close,
    Digit,
    HangUp,
    Hear,
    Heard,
    LineRefused,
    Message,
    ProtocolError,
    Wire,
)
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.media_texts import event_in, number_in, text_of
from api.doors.telephone.sentences import RecordedSentence
from api.doors.telephone.twilio import twiml
from api.doors.telephone.twilio.rest import TwilioRest
from api.doors.telephone.twilio.urls import Urls
from api.doors.telephone.webhooks import CarrierUnreachable, inner
from voice.audio.formats import AudioFormat

log = logging.getLogger(__name__)

LINE = "twilio"

FORMATS = {"audio/x-mulaw": "mulaw", "audio/x-alaw": "alaw", "audio/x-l16": "pcm16", "audio/l16": "pcm16"}

RESTART_S = 8
"""How long a call waits at the carrier while the service restarts."""

BY_TWILIO = "recorded_by_twilio"
"""Detail of a call that Twilio records."""

ONE_MOMENT = "One moment, please."

_WITHOUT_MEANING = frozenset({"connected", "start"})


class TwilioDialect(PhoneDialect):
    """One stream.

    Args:
        desk: receives the call.
        urls: our own, as the carrier knows them.
        rest: the carrier's REST interface; None if there is none.
        opened: notified when the call is open.
    """

    line = LINE
    opens_with = "connected and start, with the ticket of the webhook's answer,"
    resumes = True

    def __init__(
        self, desk: Desk, urls: Urls, rest: TwilioRest | None, opened: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(desk, opened)
        self._urls = urls
        self._rest = rest
        self._stream_sid = self._call_sid = ""
        self._chunk = 0
        self._stopped = False
        self._leaves = False

    async def start(self, wire: Wire) -> Incoming:
        """Read `start`, whose ticket joins it to its webhook."""
        while (received := await wire.receive()) is not None:
            message = _event_of(received)
            match message.get("event"):
                case "start":
                    return await self._started(message)
                case "media":
                    if (heard := self._audio(message)) is not None:
                        self.keep_early(heard)
                case "stop":
                    break
                case _:
                    pass
        raise ConnectionError("The stream ended before it began.")

    async def _started(self, message: dict[str, Any]) -> Incoming:
        start = inner(message, "start")
        self._stream_sid = str(message.get("streamSid") or start.get("streamSid") or "")
        self._call_sid = str(start.get("callSid") or "")
        parameters = inner(start, "customParameters")
        incoming = await self.desk.announced_by(str(parameters.get("ticket") or ""))
        if incoming is None or incoming.call_id != self._call_sid:
            raise LineRefused("refused", "This stream has no ticket of a webhook of this call; each is good once.")
        media = inner(start, "mediaFormat")
        encoding = FORMATS.get(str(media.get("encoding") or "audio/x-mulaw").lower())
        rate_hz = media.get("sampleRate") or 8_000
        if encoding is None or not str(rate_hz).isdigit():
            raise LineRefused("refused", "Send mu-law, A-law or L16: this format is none of them.")
        self.input = self.output = AudioFormat(encoding, int(rate_hz))  # type: ignore[arg-type]  # checked by the line
        return incoming

    def read(self, message: Message) -> Heard | None:
        """Read media, a mark, a key, or the end."""
        parsed = _event_of(message)
        if self._leaves:
            raise ConnectionError("The call is transferred.")
        match parsed.get("event"):
            case "media":
                return self._audio(parsed)
            case "mark":
                return self.marked(str(inner(parsed, "mark").get("name")))
            case "dtmf":
                digit = str(inner(parsed, "dtmf").get("digit"))
                if digit not in tuple("0123456789*#ABCD"):
                    raise ProtocolError("bad_digit", "A key is one of 0 to 9, *, # and A to D.")
                return Digit(digit)
            case "stop":
                self._stopped = True
                if self.away:
                    raise ConnectionError("The call is transferred.")
                return HangUp()
            case event if event in _WITHOUT_MEANING:
                return None
            case _:
                raise ProtocolError("bad_event", "This is no event of a media stream.")

    def _audio(self, message: dict[str, Any]) -> Hear | None:
        media, stream = inner(message, "media"), message.get("streamSid")
        if media.get("track", "inbound") != "inbound" or (self._stream_sid and stream not in (None, self._stream_sid)):
            return None
        chunk = number_in(media, "chunk")
        if chunk is not None:
            if chunk <= self._chunk:
                return None  # twice, or too late
            self._chunk = chunk
        try:
            data = base64.b64decode(str(media.get("payload") or ""), validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("bad_audio", "The payload of media is base64.") from None
        return Hear(data, number_in(media, "timestamp")) if data else None

    # ------------------------------------------------------------------ out

    def media(self, data: bytes) -> Iterable[Message]:
        """Render audio."""
        yield self._json("media", media={"payload": base64.b64encode(data).decode()})

    def flush(self) -> Iterable[Message]:
        """Render `clear`."""
        yield self._json("clear")

    def mark(self, name: str) -> Iterable[Message]:
        """Render a mark."""
        yield self._json("mark", mark={"name": name})

    def _json(self, event: str, **fields: Any) -> str:
        return text_of({"event": event, "streamSid": self._stream_sid, **fields})

    # ------------------------------------------------------------- the call

    async def transfer(self, target: str) -> bool | None:
        """Ring the target; how that ends, webhooks tell. Without REST, our close has Twilio ask what comes next."""
        if self._rest is None:
            self._leaves = True
            return None
        await self._rest.update(self._call_sid, self._urls.dial(target))
        return None

    async def record(self) -> None:
        """Have Twilio record the call, once: it goes on over a second stream."""
        if self._rest is None or not self.desk.service.settings.twilio_recording:
            return
        record = self._reception.record
        if BY_TWILIO in record.details:
            return
        try:
            await self._rest.record(self._call_sid, self._urls.recording)
        except CarrierUnreachable as error:
            log.warning("Call %s is not recorded by Twilio: %s", self._call_sid, error)
        else:
            await self.desk.service.store.detail_phone_call(record.id, {BY_TWILIO: True})

    async def stop_recording(self) -> None:
        """Have Twilio record no more."""
        if self._rest is None or not self.desk.service.settings.twilio_recording:
            return
        try:
            await self._rest.stop_recording(self._call_sid)
        except CarrierUnreachable as error:
            log.error("Twilio may still record call %s, against the caller's wish: %s", self._call_sid, error)

    async def hang_up(self) -> None:
        """End the call by REST; our close ends it as well, as soon as Twilio has asked what comes next."""
        if self._rest is None or self._stopped or not self._call_sid:
            return
        try:
            await self._rest.hang_up(self._call_sid)
        except CarrierUnreachable as error:
            log.warning("Call %s is hung up by closing its stream: %s", self._call_sid, error)

    async def come_back(self) -> None:
        """Have Twilio hold the call and ask again, while the service restarts."""
        if self._rest is not None and not self._stopped:
            try:
                await self._rest.update(self._call_sid, twiml.come_back(ONE_MOMENT, self._urls.after, RESTART_S))
            except CarrierUnreachable as error:
                log.warning("Call %s may be lost by the restart: %s", self._call_sid, error)

    def parting(self, reason: Close) -> RecordedSentence | None:
        """Return what is said before the end; nothing if the carrier comes back."""
        return None if reason is Close.RESTARTING else super().parting(reason)


def _event_of(message: Message) -> dict[str, Any]:
    if isinstance(message, bytes):
        raise ProtocolError("binary", "A media stream has JSON messages only.")
    return event_in(message)
