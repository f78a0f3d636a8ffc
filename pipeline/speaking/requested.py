"""Speech that belongs to no call: text in, as it is written, and audio out, behind the work of calls."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from voice.errors import VoiceError
from voice.tts.base import Int16Mono, VoiceStyle
from voice.tts.synthesis import TextToSpeech
from voice.tts.text.clauses import ClauseSplitter
from voice.work.workers import Priority

CHUNK_S = 60.0
"""Timeout of an engine's next audio: the work of calls goes first, however long it takes."""


class RequestedSpeech:
    """Speaks one text by one voice, clause by clause.

    Args:
        tts: the shared synthesizer.
        fallback: the synthesizer to use when it fails; None if there is no other.
        style: the voice.
        rate_hz: sample rate of the audio.
        call: the fairness key of the work.
    """

    def __init__(
        self, tts: TextToSpeech, fallback: TextToSpeech | None, style: VoiceStyle, rate_hz: int, call: str
    ) -> None:
        self._tts, self._fallback = tts, fallback
        self._style, self._rate_hz, self._call = style, rate_hz, call

    async def speak(self, deltas: AsyncIterator[str]) -> AsyncGenerator[Int16Mono, None]:
        """Yield the audio of a text, which may be split anywhere; nothing if there is nothing to say.

        Yields:
            int16 mono samples, shape (n,), at the rate.

        Raises:
            VoiceError: every engine failed.
            TimeoutError: an engine gave nothing in time.
        """
        splitter = ClauseSplitter()
        async for delta in deltas:
            for clause in splitter.push(delta):
                async for audio in self._clause(clause):
                    yield audio
        for clause in splitter.flush():
            async for audio in self._clause(clause):
                yield audio

    async def _clause(self, clause: str) -> AsyncIterator[Int16Mono]:
        """Speak one clause; where the engine fails, the fallback repeats it and says all others."""
        while True:
            try:
                async with aclosing(
                    self._tts.speak(clause, self._style, self._rate_hz, self._call, Priority.REQUEST)
                ) as chunks:
                    while True:
                        async with asyncio.timeout(CHUNK_S):
                            chunk = await anext(chunks, None)
                        if chunk is None:
                            return
                        yield chunk.audio
            except (VoiceError, TimeoutError):
                if self._fallback is None:
                    raise
                self._tts, self._fallback = self._fallback, None
