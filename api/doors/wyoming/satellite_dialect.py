"""A call by a satellite: its audio is heard, and the call's events are what Home Assistant would send."""

from collections.abc import Iterable

from api.doors.line import (
    Chat,
    Close,
    Formats,
    Hear,
    Heard,
    Known,
    LineEvent,
    LineOpened,
    Message,
    Opening,
    Pace,
    Packet,
    Played,
    ProtocolError,
    Respond,
    Wire,
)
from api.doors.wyoming.follow_up import FollowUp
from api.doors.wyoming.frames import Frame, decoded, encoded, error_frame
from api.doors.wyoming.link import SatelliteEnd
from models.records.core import User
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    Restarting,
    UserEnded,
    UserMessage,
    UserStarted,
)
from voice.audio.formats import AudioFormat

OUTPUT_HZ = 22_050
"""Rate of what is played, if the satellite names none: most of them are set to it."""

LEAD_MS, PACKET_MS = 300, 40
"""No message empties a satellite's loudspeaker: it gets little ahead of time, so that a barge-in is heard."""


class SatelliteWire:
    """The link to a satellite, for the length of one call; the link outlasts it.

    Args:
        link: to the satellite.

    Attributes:
        closed: why the line ended; None before.
    """

    def __init__(self, link: SatelliteEnd) -> None:
        self._link = link
        self.closed: Close | None = None

    async def receive(self) -> Message | None:
        """Wait for the next frame; None once the satellite has gone."""
        frame = await self._link.receive()
        return None if frame is None else encoded(frame)

    async def send(self, message: Message) -> None:
        """Send an encoded frame."""
        await self._link.send(decoded(message if isinstance(message, bytes) else message.encode()))

    async def close(self, reason: Close) -> None:
        """Note why the line ended."""
        self.closed = reason


class SatelliteDialect:
    """The dialect of one call by a satellite.

    Args:
        user: whose chat it is.
        chat: the chat, or the practice of a new one.
        persona_id: who answers.
        voice: the persona's name.
        first: the audio that opened the call.
        output: the format of the satellite's loudspeaker.
        language: BCP 47 tag of what is spoken.
        woken: the satellite was woken, and stops streaming at a transcript.
        follow_up: has it go on listening.
        link: what the satellite can do.

    Attributes:
        opened: the open call; None before, and after its end.
    """

    opens_with = "audio"

    def __init__(
        self,
        *,
        user: User,
        chat: Chat,
        persona_id: str,
        voice: str,
        first: Frame,
        output: AudioFormat,
        language: str,
        woken: bool,
        follow_up: FollowUp,
        link: SatelliteEnd,
    ) -> None:
        self._user, self._chat, self._persona_id, self._voice = user, chat, persona_id, voice
        self._first, self._output, self._language = first, output, language
        self._woken, self._follow_up, self._link = woken, follow_up, link
        self._input = input_of(first)
        self._turn: int | None = None
        self._announced = False
        self._playing = False
        self._played_ms = 0
        self.opened: LineOpened | None = None

    async def opening(self, wire: Wire) -> Opening:
        """Open the call with the audio that came."""
        del wire
        return Opening(
            Known(self._user),
            self._chat,
            input=self._input,
            output=self._output,
            persona_id=self._persona_id,
            pace=Pace(lead_ms=LEAD_MS, packet_ms=PACKET_MS),
            before=(Hear(self._first.payload),),
        )

    def heard(self, message: Message) -> Heard | None:
        """Read a frame of the satellite."""
        frame = decoded(message if isinstance(message, bytes) else message.encode())
        match frame.type:
            case "audio-chunk" if (audio := input_of(frame)) != self._input:
                self._input = audio
                return Formats(input=audio)
            case "audio-chunk":
                return Hear(frame.payload)
            case "played" if self._turn is not None:
                self._follow_up.replied()
                return Played(self._turn, self._played_ms)
            case "run-pipeline":
                self._woken = is_woken(frame)
                if self._woken:
                    self._follow_up.listening()
                return Respond((encoded(self._transcribe()),))
            case _:
                return None

    def render(self, event: LineEvent) -> Iterable[Message]:
        """Render an event as the frames of a pipeline."""
        return [encoded(frame) for frame in self._frames(event)]

    def audio(self, packet: Packet) -> Iterable[Message]:
        """Render a packet of the persona's voice."""
        about = {"rate": self._output.rate_hz, "width": 2, "channels": 1, "timestamp": packet.at_ms}
        frames = [] if self._playing else [Frame("audio-start", about)]
        self._turn, self._playing = packet.turn, True
        self._played_ms = packet.at_ms + packet.duration_ms
        return [encoded(frame) for frame in (*frames, Frame("audio-chunk", about, packet.data))]

    def _frames(self, event: LineEvent) -> list[Frame]:
        match event:
            case LineOpened():
                self.opened = event
                if self._woken:
                    self._follow_up.listening()
                return [self._transcribe()]
            case UserStarted(at_ms=at_ms):
                self._follow_up.heard()
                return [Frame("voice-started", {"timestamp": at_ms})]
            case UserEnded(at_ms=at_ms):
                return [Frame("voice-stopped", {"timestamp": at_ms})]
            case UserMessage(text=text):
                return [Frame("transcript", {"text": text})]
            case ReplyBegan():
                self._announced = False
                self._follow_up.heard()
                return []
            case ReplyText(delta=delta) if not self._announced:
                self._announced = True
                return [Frame("synthesize", {"text": delta, "voice": {"name": self._voice}})]
            case ReplyCleared():
                return self._stopped()
            case ReplyEnded():
                if not self._link.plays:
                    self._follow_up.replied()
                return self._stopped()
            case Problem(code=code, message=message):
                return [error_frame(code, message)]
            case Restarting():
                return [Frame("pause-satellite")]
            case CallEnded():
                self.opened = None
                return self._stopped()
            case _:
                return []

    def _stopped(self) -> list[Frame]:
        playing, self._playing = self._playing, False
        return [Frame("audio-stop", {"timestamp": self._played_ms})] if playing else []

    def _transcribe(self) -> Frame:
        return Frame("transcribe", {"language": self._language} if self._language else {})


def is_woken(pipeline: Frame) -> bool:
    """Return whether a satellite streams because it was woken; others stream for ever."""
    return pipeline.data.get("start_stage") != "wake"


def input_of(chunk: Frame) -> AudioFormat:
    """Return the format of a chunk of audio.

    Raises:
        ProtocolError: it is none that can be heard.
    """
    if chunk.number("width", 2) != 2:
        raise ProtocolError("unsupported_format", "Set the satellite's microphone to samples of 2 bytes.")
    return AudioFormat("pcm16", chunk.number("rate", 16_000), chunk.number("channels", 1))
