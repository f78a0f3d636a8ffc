"""Asterisk's side of a call in virtual time, on either of its lines: a loudspeaker, a line that delays, and a caller.

What the loudspeaker plays is known by the position in the reply that each frame was made from, not by marks.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

import numpy as np

from api.client.phone_speaker import PhoneSpeaker
from api.doors.line import Message, Packet
from api.doors.telephone.asterisk import AsteriskCalls
from api.doors.telephone.asterisk_ws import LONGEST_TEXT, AsteriskDialect
from api.doors.telephone.audiosocket import AUDIO, AudioSocketDialect
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine
from tests.api.doors.line.scene import MemoryWire
from tests.api.doors.telephone.scene import CALLER, NUMBER
from tests.api.doors.telephone.twilio.simulated import Delay
from voice.audio.g711 import mulaw_decode, mulaw_encode

AsteriskLine = Literal["audiosocket", "asterisk"]
FRAME = 160
SILENCE = b"\xff" * FRAME
AHEAD = 4
"""Frames on AudioSocket that may wait to be played: it keeps no more than a jitter buffer does."""

QUEUE = 900
"""Frames on chan_websocket before MEDIA_XOFF."""

COMMANDS = {"FLUSH_MEDIA", "PAUSE_MEDIA", "CONTINUE_MEDIA", "MARK_MEDIA", "HANGUP", "ANSWER"}


class _Traced:
    """Notes of which packet each frame is."""

    def __init__(self) -> None:
        self.made: deque[Packet | None] = deque()
        self._packet: Packet | None = None


class _TracedAudioSocket(AudioSocketDialect):
    trace: _Traced

    def audio(self, packet: Packet) -> Iterable[Message]:
        self.trace._packet = packet
        yield from super().audio(packet)

    def media(self, data: bytes) -> list[Message]:
        self.trace.made.append(self.trace._packet)
        self.trace._packet = None
        return super().media(data)


class _TracedWebSocket(AsteriskDialect):
    trace: _Traced

    def audio(self, packet: Packet) -> Iterable[Message]:
        self.trace._packet = packet
        yield from super().audio(packet)

    def _without(self, packet: Packet, milliseconds: int) -> Packet:
        self.trace._packet = super()._without(packet, milliseconds)
        return self.trace._packet

    def media(self, data: bytes) -> list[Message]:
        self.trace.made.append(self.trace._packet)
        self.trace._packet = None
        return super().media(data)


class SimulatedAsterisk:
    """A call over a line that delays what it carries, in order.

    Attributes:
        speaker: what was played; a frame of a reply ends at a mark of its own, for `compared`.
        paused, pauses: its queue is kept in silence; how often it was.
        faults: what Asterisk would have dropped the call for, or played as noise.
    """

    def __init__(self, desk: Desk, line: AsteriskLine, call_id: str, delay: Delay) -> None:
        self.speaker, self.wire, self.delay, self.call_id = PhoneSpeaker(), MemoryWire(), delay, call_id
        self.faults: list[str] = []
        self.speech: list[bytes] = []
        self.spoken_at = -1
        self.paused, self.pauses = False, 0
        self._line = line
        self._queue: deque[tuple[bytes, str] | str] = deque()
        self._trace = _Traced()
        dialect: _TracedAudioSocket | _TracedWebSocket
        if line == "audiosocket":
            calls = AsteriskCalls(desk, only_announced=False)
            calls.announce(call_id, CALLER, NUMBER)
            dialect = _TracedAudioSocket(desk, calls)
        else:
            dialect = _TracedWebSocket(desk, {"from": CALLER, "to": NUMBER, "uuid": call_id})
        dialect.trace = self._trace
        self._phone = PhoneLine(self.wire, dialect, desk)

    @property
    def is_playing(self) -> bool:
        """Whether a reply was heard lately."""
        return b"\x01" in self.speaker.voiced[-FRAME:]

    def say(self, audio: bytes) -> None:
        """Speak mu-law samples."""
        self.speech += [audio[start : start + FRAME].ljust(FRAME, b"\xff") for start in range(0, len(audio), FRAME)]

    async def run(self, story: Callable[["SimulatedAsterisk"], Awaitable[None]]) -> None:
        """Carry the call for the length of a story, then hang up."""
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._phone.serve())
            ticking = tasks.create_task(self._tick())
            await story(self)
            self._send(b"\x00" if self._line == "audiosocket" else None)
            await serving
            ticking.cancel()

    async def until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        """Look every 20 ms whether something is so."""
        for _ in range(round(within_s / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it has not come to that")

    async def _tick(self) -> None:
        if self._line == "audiosocket":
            self._send(b"\x01" + bytes.fromhex(self.call_id.replace("-", "")))
        else:
            self._send(f"MEDIA_START connection_id:{self.call_id} format:ulaw optimal_frame_size:160 ptime:20")
        taken, loop = 0, asyncio.get_running_loop()
        while True:
            while taken < len(self.wire.sent) and self.wire.sent[taken][0] + self.delay.down <= loop.time():
                self._take(self.wire.sent[taken][1])
                taken += 1
            self._play()
            if self.speech and self.spoken_at < 0:
                self.spoken_at = len(self.speaker.played)
            frame = self.speech.pop(0) if self.speech else SILENCE
            self._send(bytes((AUDIO,)) + mulaw_decode(frame).tobytes() if self._line == "audiosocket" else frame)
            await asyncio.sleep(0.02)

    def _take(self, message: Message) -> None:
        if isinstance(message, str):
            self._obey(message)
            return
        packet = self._trace.made.popleft()
        if self._line == "audiosocket":
            if message[0] != AUDIO or len(message) != 321:
                self.faults.append(f"a frame of type {message[0]} with {len(message)} bytes")
            message = mulaw_encode(np.frombuffer(message[1:], "<i2"))
        elif len(message) % FRAME:
            self.faults.append(f"{len(message)} bytes are no whole frames")
        for start in range(0, len(message), FRAME):
            is_reply = packet is not None and packet.turn is not None
            place = f"{packet.turn}:{packet.at_ms + start // 8 + 20}" if packet is not None and is_reply else ""
            self._queue.append((message[start : start + FRAME], place))
        if len(self._queue) > (AHEAD if self._line == "audiosocket" else QUEUE):
            self.faults.append(f"{len(self._queue)} frames wait")

    def _obey(self, text: str) -> None:
        command, _, name = text.partition(" ")
        if len(text) > LONGEST_TEXT or command not in COMMANDS or self._line == "audiosocket":
            self.faults.append(text)
        if command == "MARK_MEDIA":
            self._queue.append(name)
        elif command == "FLUSH_MEDIA":
            self._queue.clear()
        elif command in ("PAUSE_MEDIA", "CONTINUE_MEDIA"):
            self.paused = command == "PAUSE_MEDIA"
            self.pauses += self.paused

    def _play(self) -> None:
        frame, place = SILENCE, ""
        while self._queue and not self.paused:
            item = self._queue.popleft()
            if isinstance(item, str):
                self._send(f"MEDIA_MARK_PROCESSED correlation_id:{item}")
            else:
                frame, place = item
                break
        self.speaker.played += frame
        self.speaker.voiced += bytes((bool(place),)) * FRAME
        if place:
            self.speaker.marks.append((place, len(self.speaker.played)))

    def _send(self, message: Message | None) -> None:
        asyncio.get_running_loop().call_later(self.delay.up, self.wire.say, message)
