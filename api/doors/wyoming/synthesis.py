"""Text to speech on a Wyoming connection: whole texts, and texts that are still being written."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np

from api.doors.line import ProtocolError
from api.doors.wyoming.frames import Frame, joined_surrogates
from api.doors.wyoming.offer import PortOffer
from api.doors.wyoming.peer import Peer
from api.service import Service
from pipeline.speaking.requested import RequestedSpeech
from voice.tts.base import Int16Mono

KINDS = frozenset({"synthesize", "synthesize-start", "synthesize-chunk", "synthesize-stop"})

RATE_HZ = 22_050
"""One rate for everything that is spoken: a stream keeps the rate of its first audio."""

CHUNK_SAMPLES = 1024

TEXTS_AHEAD = 1_000
"""Pieces of text that wait for the voice; at the limit the connection is not read."""

SPEECHES_AHEAD = 16
"""Texts that wait to be spoken, one after the other."""

_TAG = re.compile(r"<[^<>]{0,1000}>")


class _Speech:
    """A text to be spoken.

    Attributes:
        pieces: of the text; None ends it.
        streamed: it was begun by `synthesize-start`, and is ended by `synthesize-stopped`.
    """

    def __init__(self, asked: Frame, *, streamed: bool) -> None:
        self.asked = asked
        self.streamed = streamed
        self.pieces: asyncio.Queue[str | None] = asyncio.Queue(TEXTS_AHEAD)

    async def texts(self) -> AsyncIterator[str]:
        """Yield the pieces; a character that was cut in two comes whole."""
        half = ""
        while (piece := await self.pieces.get()) is not None:
            text = joined_surrogates(half + piece)
            half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
            yield text.removesuffix(half)
        if half:
            yield half


class Speeches:
    """What is spoken on one connection.

    Args:
        service: has the engines.
        offer: the voices.
        peer: gets the audio.
        call: the fairness key of the work.
        padding_ms: silence before and after.
    """

    def __init__(self, service: Service, offer: PortOffer, peer: Peer, call: str, padding_ms: int) -> None:
        self._service, self._offer, self._peer, self._call = service, offer, peer, call
        self._padding = np.zeros(padding_ms * RATE_HZ // 1000, np.int16)
        self._waiting: asyncio.Queue[_Speech] = asyncio.Queue(SPEECHES_AHEAD)
        self._open: _Speech | None = None
        self._left = 0

    @property
    def busy(self) -> bool:
        """Whether something is being spoken or written."""
        return self._left > 0

    async def take(self, frame: Frame) -> None:
        """Take a frame of `KINDS`.

        Raises:
            ProtocolError: it is invalid, or out of order.
        """
        match frame.type:
            case "synthesize" if self._open is not None:
                pass  # the whole text again, for servers that do not stream: it is being spoken
            case "synthesize":
                speech = _Speech(frame, streamed=False)
                speech.pieces.put_nowait(_plain(frame))
                speech.pieces.put_nowait(None)
                await self._add(speech)
            case "synthesize-start":
                if self._open is not None:
                    raise ProtocolError("invalid", "Send synthesize-stop before another synthesize-start.")
                self._open = _Speech(frame, streamed=True)
                await self._add(self._open)
            case "synthesize-chunk":
                if self._open is None:
                    raise ProtocolError("invalid", "Send synthesize-start before synthesize-chunk.")
                await self._open.pieces.put(frame.text())
            case _:
                speech_ended, self._open = self._open, None
                if speech_ended is not None:
                    await speech_ended.pieces.put(None)

    async def run(self) -> None:
        """Speak one text after the other, until cancelled.

        Raises:
            VoiceError, TimeoutError: no engine can speak.
            ConnectionError: the client has gone.
        """
        while True:
            speech = await self._waiting.get()
            await self._speak(speech)
            self._left -= 1
            self._waiting.task_done()

    async def done(self) -> None:
        """Return when everything was spoken: no more text comes."""
        if self._open is not None:
            await self._open.pieces.put(None)
            self._open = None
        await self._waiting.join()

    async def _add(self, speech: _Speech) -> None:
        self._left += 1
        await self._waiting.put(speech)

    async def _speak(self, speech: _Speech) -> None:
        style = self._offer.style_of(speech.asked.mapping("voice"))
        engines = self._service.engines
        requested = RequestedSpeech(engines.tts, engines.fallback, style, RATE_HZ, self._call)
        out = _Out(self._peer)
        texts = speech.texts()
        if speech.streamed and speech.asked.text("text_format") == "ssml":
            texts = _without_tags(texts)
        await out.begin()
        await out.add(self._padding)
        async with aclosing(requested.speak(texts)) as pieces:
            async for audio in pieces:
                await out.add(audio)
        await out.add(self._padding)
        await out.end()
        if speech.streamed:
            await self._peer.send(Frame("synthesize-stopped"))


class _Out:
    """The audio of one text, in chunks of the protocol's usual size."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._held: Int16Mono = np.zeros(0, np.int16)
        self._sent = 0

    async def begin(self) -> None:
        await self._peer.send(Frame("audio-start", {**_FORMAT, "timestamp": 0}))

    async def add(self, audio: Int16Mono) -> None:
        held = np.concatenate([self._held, audio])
        whole = len(held) - len(held) % CHUNK_SAMPLES
        for start in range(0, whole, CHUNK_SAMPLES):
            await self._chunk(held[start : start + CHUNK_SAMPLES])
        self._held = held[whole:]

    async def end(self) -> None:
        if len(self._held):
            await self._chunk(self._held)
        await self._peer.send(Frame("audio-stop", {"timestamp": self._at_ms}))

    async def _chunk(self, audio: Int16Mono) -> None:
        await self._peer.send(
            Frame("audio-chunk", {**_FORMAT, "timestamp": self._at_ms}, audio.astype("<i2").tobytes())
        )
        self._sent += len(audio)

    @property
    def _at_ms(self) -> int:
        return self._sent * 1000 // RATE_HZ


_FORMAT = {"rate": RATE_HZ, "width": 2, "channels": 1}


def _plain(frame: Frame) -> str:
    text = frame.text()
    return _TAG.sub(" ", text) if frame.text("text_format") == "ssml" else text


async def _without_tags(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield texts without tags, which may be split anywhere."""
    held = ""
    async for text in texts:
        held = _TAG.sub(" ", held + text)
        begun = held.rfind("<")
        cut = begun if begun >= 0 and len(held) - begun < 1000 else len(held)
        yield held[:cut]
        held = held[cut:]
    yield held
