"""The Realtime dialect over WebRTC: its messages are the events of the data channel as text, and audio as bytes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from api.doors.line import Formats, Gaps, Heard, Message, Opening, Pace, Packet, Stop, Wire
from api.doors.openai.realtime.dialect import RealtimeDialect
from api.doors.openai.realtime.errors import RealtimeError
from api.doors.openai.webrtc.sound_buffer import SoundBuffer
from voice.audio.formats import AudioFormat

MICROPHONE = AudioFormat("pcm16", 48_000, 2)
"""What aiortc decodes all Opus to."""

LOUDSPEAKER = AudioFormat("opus", 48_000, 1)

CATCH_UP_MS = 200
"""What a browser's jitter buffer takes at once after a stall."""

LATE_MS = 100


class MediaDialect(RealtimeDialect):
    """The dialect of one call over WebRTC. The formats of its session are echoed, and mean nothing."""

    def __init__(self, *of: Any, **session: Any) -> None:
        self._sound = SoundBuffer()
        super().__init__(*of, **session)

    async def opening(self, wire: Wire) -> Opening:
        """Open with the formats of the tracks, and a packet every 20 ms."""
        opening = await super().opening(wire)
        pace = Pace(continuous=True, catch_up_ms=CATCH_UP_MS)
        return replace(opening, input=MICROPHONE, output=LOUDSPEAKER, pace=pace, gaps=Gaps(late_ms=LATE_MS))

    @property
    def formats(self) -> Formats:
        """The formats of the tracks, which stay."""
        return Formats(MICROPHONE, LOUDSPEAKER)

    def created(self) -> Sequence[Message]:
        """Return what somebody who joins the call gets first."""
        return self.messages([{"type": "session.created", "session": self.session.echo()}])

    def heard(self, message: Message) -> Heard | Sequence[Heard] | None:
        """Read a client event, or audio of the microphone."""
        return self.hear(message, MICROPHONE) if isinstance(message, bytes) else super().heard(message)

    def carry_out(self, read: dict[str, Any]) -> Heard | Sequence[Heard] | None:
        """Carry out a client event; those of the output buffer are of this transport alone."""
        match read.get("type"):
            case "output_audio_buffer.clear":
                return self.cut_off() if self._sound.sounding else None
            case "input_audio_buffer.append":
                sentence = "Over WebRTC audio comes on the track of the microphone, and not in events."
                raise RealtimeError("invalid_event", sentence, "type")
            case _:
                return super().carry_out(read)

    def audio(self, packet: Packet) -> Iterable[Message]:
        """Render a packet for the track, after the events that it begins; one of silence has none."""
        if packet.turn is None:
            return [packet.data]
        told = list(super().audio(packet))
        self._sound.sent(packet.duration_ms)
        return [*told, packet.data]

    def messages(self, events: Iterable[dict[str, Any]]) -> tuple[Message, ...]:
        """Encode server events, as they are over WebRTC."""
        return super().messages(self._sound.follow(events))

    def cut_off(self) -> Heard:
        """Stop what is being said, at the client's wish."""
        self._answers.stopping()
        return Stop()
