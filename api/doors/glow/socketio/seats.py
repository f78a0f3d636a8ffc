"""A socket's line to a call: its microphone, and the call's end when the socket disconnects."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any

from api.doors.line import Close, HangUp, Hear, Heard, Known, Line, LineEvent, Message, OpenCall, Opening, Packet, Wire
from api.service import Service
from models.records.core import Grant
from pipeline.call.call import Call
from pipeline.conversation.events import Problem
from pipeline.practice.spoken import FRAME_LIMIT
from voice.audio.formats import AudioFormat

WIRE = AudioFormat("pcm16", 24_000, 1)
"""The format of a Glow client's microphone, which sends 128 samples at a time, 187 times a second."""

WAITING_LIMIT = 2_000_000
"""Most bytes that wait to be heard, 41 s of speech; what exceeds them is dropped, and reported."""

DROPPED = "Audio comes faster than it can be heard, and some was dropped; send it at the pace it is spoken."

_GONE = "gone"


def audio_of(payload: Any) -> bytes | None:
    """Decode the audio of a frame, bytes or base64; return None if there is no usable audio."""
    audio = payload.get("audio") if isinstance(payload, dict) else None
    if isinstance(audio, str):
        try:
            audio = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            return None
    return bytes(audio) if isinstance(audio, bytes | bytearray) and 0 < len(audio) <= FRAME_LIMIT else None


class Seat:
    """One socket's line to one call, whose audio it gets from the chat's hub. Its task is `sit`.

    Args:
        service: has the call.
        grant: what the socket may.
        call: an unattended one.
        complain: gets problems with the audio, or in the call.
    """

    def __init__(self, service: Service, grant: Grant, call: Call, complain: Callable[[str], None]) -> None:
        self.call = call
        self._microphone = _Microphone(complain)
        self._line = Line(self._microphone, _SeatDialect(grant, call), service)

    def hear(self, audio: bytes) -> None:
        """Take a frame; never waits."""
        self._microphone.take(audio)

    def hang_up(self) -> None:
        """Hear the audio received so far, then end the call."""
        self._microphone.hang_up()

    async def sit(self) -> None:
        """Hear frames until the call is over or another line takes it."""
        await self._line.serve()


class _Microphone:
    """The wire of a seat: a bounded buffer of audio in, problems out."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._waiting = bytearray()
        self._news = asyncio.Event()
        self._hanging_up = False
        self._complained = False

    def take(self, audio: bytes) -> None:
        if len(self._waiting) + len(audio) > WAITING_LIMIT:
            if not self._complained:
                self._complained = True
                self._complain(DROPPED)
            return
        self._waiting += audio
        self._news.set()

    def hang_up(self) -> None:
        self._hanging_up = True
        self._news.set()

    async def receive(self) -> Message:
        self._complained = False  # what waited has been heard
        while True:
            await self._news.wait()
            self._news.clear()
            if self._waiting:
                audio, self._waiting = bytes(self._waiting), bytearray()
                if self._hanging_up:
                    self._news.set()
                return audio
            if self._hanging_up:
                return _GONE

    async def send(self, message: Message) -> None:
        self._complain(str(message))

    async def close(self, _: Close) -> None:
        pass  # the socket stays open for everything else


class _SeatDialect:
    opens_with = "audio"

    def __init__(self, grant: Grant, call: Call) -> None:
        self._grant = grant
        self._call = call

    async def opening(self, _: Wire) -> Opening:
        return Opening(Known(self._grant.user, self._grant), OpenCall(self._call), input=WIRE, by_hub=True)

    def heard(self, message: Message) -> Heard:
        return Hear(message) if isinstance(message, bytes) else HangUp()

    def render(self, event: LineEvent) -> list[Message]:
        """Render problems; all else comes from the hub. A socket whose call another line resumed gets nothing."""
        return [event.message] if isinstance(event, Problem) and event.code != "taken_over" else []

    def audio(self, _: Packet) -> list[Message]:
        return []
