"""Speech to text on a Wyoming connection: audio in, a streamed transcript out, utterance after utterance."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from api.doors.line import ProtocolError
from api.doors.wyoming.frames import Frame
from api.doors.wyoming.peer import Peer
from pipeline.conversation.conversation import VOCABULARY_LIMIT
from pipeline.hearing.requested import RequestedTranscript
from voice.audio.formats import FRAME, RATE_HZ, AudioFormat
from voice.audio.frames import FrameDecoder
from voice.errors import VoiceError
from voice.stt.speech_to_text import SpeechToText

KINDS = frozenset({"transcribe", "audio-start", "audio-chunk", "audio-stop"})

TRANSCRIPT_S = 60.0
"""Timeout of a transcript: the calls go first."""

PARTIAL_FRAMES = 500 * RATE_HZ // 1000 // FRAME
"""Audio between two looks at what was said so far."""

FRAMES_AT_ONCE = 50
"""Frames heard before yielding to the event loop."""

ENDING_MS: Mapping[str, int] = {"aggressive": 250, "default": 700, "relaxed": 1250}
"""Silence that ends a command, by `vad_sensitivity`: what Home Assistant's own detector waits."""

TYPES: Mapping[int, np.dtype[Any]] = {1: np.dtype("i1"), 2: np.dtype("<i2"), 4: np.dtype("<i4")}
"""Samples by their width in bytes."""


class Recognition:
    """The recognition of one connection; its frames come one after the other.

    Args:
        stt: the shared recogniser.
        peer: gets the transcripts.
        call: the fairness key of the work.
        language: BCP 47 tag of the likely language, if the client names none.
    """

    def __init__(self, stt: SpeechToText, peer: Peer, call: str, language: str) -> None:
        self._stt, self._peer, self._call, self._language = stt, peer, call, language
        self._asked = Frame("transcribe")
        self._recording: _Recording | None = None
        self._answered = False

    async def take(self, frame: Frame) -> None:
        """Take a frame of `KINDS`.

        Raises:
            ProtocolError, VoiceError, TimeoutError: there will be no transcript.
            ConnectionError: the client has gone.
        """
        match frame.type:
            case "transcribe":
                self.close()
                self._asked, self._answered = frame, False
            case "audio-start":
                await self._begin(frame)
            case "audio-chunk":
                await self._hear(frame)
            case _:
                await self._end()
                self._answered = False

    def close(self) -> None:
        """Release the recogniser. Idempotent."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None

    async def _begin(self, frame: Frame) -> None:
        self.close()
        self._answered = False
        language = self._asked.text("language") or self._language
        request = RequestedTranscript(self._stt, self._call, _prompt(self._asked), language)
        try:
            ending_ms = ENDING_MS.get(self._asked.text("vad_sensitivity"))
            self._recording = _Recording(request, frame, language, ending_ms, self._peer)
        except (VoiceError, ProtocolError):
            request.close()
            raise
        await self._peer.send(Frame("transcript-start", {"language": language} if language else {}))

    async def _hear(self, frame: Frame) -> None:
        if self._answered:
            return
        if self._recording is None:  # clients exist that send no audio-start
            await self._begin(frame)
        assert self._recording is not None
        if await self._recording.hear(frame.payload):
            await self._end()
            self._answered = True

    async def _end(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            if not self._answered:  # audio-stop without audio: an answer is waited for
                await self._peer.send(Frame("transcript", {"text": ""}), Frame("transcript-stop"))
            return
        try:
            async with asyncio.timeout(TRANSCRIPT_S):
                text = await recording.finish()
        finally:
            recording.close()
        about = {"text": text} | ({"language": recording.language} if recording.language else {})
        rest = recording.rest_of(text)
        chunks = [Frame("transcript-chunk", {"text": rest})] if rest else []
        await self._peer.send(*chunks, Frame("transcript", about), Frame("transcript-stop"))


class _Recording:
    """One utterance: decodes it, and publishes its words as they become stable."""

    def __init__(
        self, request: RequestedTranscript, start: Frame, language: str, ending_ms: int | None, peer: Peer
    ) -> None:
        width = start.number("width", 2)
        if width not in TYPES:
            raise ProtocolError("unsupported_format", f"Send samples of 1, 2 or 4 bytes, not {width}.")
        self.language = language
        self._decoder = FrameDecoder(AudioFormat("pcm16", start.number("rate", RATE_HZ), start.number("channels", 1)))
        self._type, self._rest = TYPES[width], b""
        self._request, self._ending_ms, self._peer = request, ending_ms, peer
        self._frames, self._looked_at = 0, 0
        self._looking: asyncio.Task[None] | None = None
        self._published = ""

    async def hear(self, payload: bytes) -> bool:
        """Take PCM; return whether the command is over, as `vad_sensitivity` asks to find out."""
        for frame in self._decoder.push(self._as_pcm16(payload)):
            await self._request.hear(frame)
            self._frames += 1
            if self._frames % FRAMES_AT_ONCE == 0:
                await asyncio.sleep(0)
            silence_ms = self._request.silence_ms
            if self._ending_ms is not None and silence_ms is not None and silence_ms >= self._ending_ms:
                return True
        if self._frames - self._looked_at >= PARTIAL_FRAMES and (self._looking is None or self._looking.done()):
            self._looked_at = self._frames
            self._looking = asyncio.create_task(self._look(), name="wyoming partial")
        return False

    async def finish(self) -> str:
        for frame in self._decoder.flush():
            await self._request.hear(frame)
        self._stop_looking()
        return await self._request.transcript()

    def rest_of(self, text: str) -> str:
        """Return the piece that completes the published ones; empty where the transcript begins otherwise."""
        return text[len(self._published) :] if text.startswith(self._published) else ""

    def close(self) -> None:
        self._stop_looking()
        self._request.close()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        with suppress(VoiceError, ConnectionError):  # the transcript reports it
            words = await self._request.more()
            if words is not None:
                piece, self._published = words[len(self._published) :], words
                await self._peer.send(Frame("transcript-chunk", {"text": piece}))

    def _as_pcm16(self, payload: bytes) -> bytes:
        if self._type.itemsize == 2:
            return payload
        data = self._rest + payload
        whole = len(data) - len(data) % self._type.itemsize
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], self._type).astype(np.int32)
        scaled = samples << 8 if self._type.itemsize == 1 else samples >> 16
        return scaled.astype("<i2").tobytes()


def _prompt(asked: Frame) -> str:
    """Return the names and terms to expect, as many as a recogniser takes."""
    words = list[str]()
    for name in ("transcript_names", "transcript_terms"):
        value = asked.data.get(name)
        words += [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
    prompt = ""
    for word in words:
        longer = f"{prompt}, {word}" if prompt else word
        if len(longer) > VOCABULARY_LIMIT:
            break
        prompt = longer
    return prompt
