"""A socket's place in a call: its microphone, taken in at any pace, and its end when the socket goes."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pipeline.call.call import Call
from pipeline.call.registry import Calls
from pipeline.conversation.events import Problem, SessionEvent
from pipeline.errors import PipelineError
from voice.audio.formats import AudioFormat
from voice.errors import VoiceError

log = logging.getLogger(__name__)

WIRE = AudioFormat("pcm16", 24_000, 1)
"""What a Glow client's microphone sends: 128 samples at a time, 187 times a second."""

FRAME_LIMIT = 1_000_000
"""Bytes of one frame."""

WAITING_LIMIT = 2_000_000
"""Bytes that wait to be heard, 41 s of speech; what comes on top is dropped, and said to be."""

DROPPED = "Audio comes faster than it can be heard, and some was dropped; send it at the pace it is spoken."


def audio_of(payload: Any) -> bytes | None:
    """The audio of a frame, which comes as bytes or as base64; None where there is none that can be used."""
    audio = payload.get("audio") if isinstance(payload, dict) else None
    if isinstance(audio, str):
        try:
            audio = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            return None
    return bytes(audio) if isinstance(audio, bytes | bytearray) and 0 < len(audio) <= FRAME_LIMIT else None


class Seat:
    """One socket speaks in one call and hears it. Its task is `sit`.

    Args:
        calls: the registry that the call is in.
        call: nobody else attends it.
        complain: told what went wrong with the audio, or in the call.
    """

    def __init__(self, calls: Calls, call: Call, complain: Callable[[str], None]) -> None:
        self.call = call
        self._calls = calls
        self._complain = complain
        self._waiting = bytearray()
        self._news = asyncio.Event()
        self._hanging_up = False
        self._complained = False
        self._stop_listening = call.session.listen(self._told)
        calls.attend(call)

    def hear(self, audio: bytes) -> None:
        """Take a frame; never waits."""
        if len(self._waiting) + len(audio) > WAITING_LIMIT:
            if not self._complained:
                self._complained = True
                self._complain(DROPPED)
            return
        self._waiting += audio
        self._news.set()

    def hang_up(self) -> None:
        """The socket has gone, or wants no more: hear what has come, then end the call."""
        self._hanging_up = True
        self._news.set()

    async def sit(self) -> None:
        """Hear frames until the call is over or another connection takes it."""
        hearing = asyncio.create_task(self._hear(), name="socket microphone")
        ends = [
            hearing,
            asyncio.create_task(self.call.session.finished(), name="socket call over"),
            asyncio.create_task(self.call.evicted(), name="socket call taken"),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                await self.call.session.finished()
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            self._stop_listening()
            self._calls.leave(self.call)

    def _told(self, event: SessionEvent) -> None:
        if isinstance(event, Problem):
            self._complain(event.message)

    async def _hear(self) -> None:
        """Hear what comes until the socket has had enough; then end the call."""
        await self.call.take_format(WIRE)
        while not self._hanging_up or self._waiting:
            await self._news.wait()
            self._news.clear()
            audio, self._waiting = bytes(self._waiting), bytearray()
            await self._take(audio)
        with suppress(VoiceError, PipelineError):
            await self.call.hang_up()

    async def _take(self, audio: bytes) -> None:
        self.call.session.touch()
        try:
            await self.call.hear(audio)
            self._complained = False
        except (VoiceError, PipelineError) as error:
            self._complain(str(error))
