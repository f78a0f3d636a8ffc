"""Text to speech for a call: written text in, chunks of audio at the session's rate out, words placed in that text."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing

import numpy as np

from voice.audio.resample import Resampler
from voice.tts.base import Int16Mono, SpeechChunk, Synthesizer, VoiceStyle, Word
from voice.tts.phrase_cache import PhraseCache
from voice.tts.text.clauses import ClauseSplitter
from voice.tts.text.speakable import Speakable, speakable
from voice.work.workers import Priority, Workers

LONGEST_PIECE = 400
"""Spoken characters given to an engine at once."""


class TextToSpeech:
    """One synthesizer for all calls, on shared workers."""

    def __init__(self, synthesizer: Synthesizer, workers: Workers, *, spell_numbers: bool = True) -> None:
        """Nothing runs until something is said.

        Args:
            synthesizer: the engine.
            workers: where it runs.
            spell_numbers: whether English numbers become words before the engine sees them ("1984" as a year).
        """
        self._synthesizer = synthesizer
        self._workers = workers
        self._spell_numbers = spell_numbers
        self._kept = PhraseCache()

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._synthesizer.name

    def keep(self, texts: Iterable[str]) -> None:
        """Synthesize these only once for each style: what is said over and over, such as a greeting or an apology.

        Args:
            texts: as they will be said; each is kept clause by clause, as a reply is spoken. Empty ones are ignored.
        """
        for text in texts:
            splitter = ClauseSplitter()
            self._kept.expect([*splitter.push(text), *splitter.flush()])

    async def speak(self, text: str, style: VoiceStyle, rate_hz: int, call: str) -> AsyncGenerator[SpeechChunk, None]:
        """Say written text, such as one clause of a reply. Lazy; closing it stops the engine.

        Args:
            text: anything; what cannot be said (only emoji, an empty line) gives no chunk.
            style: voice, rate and pitch.
            rate_hz: the rate of the chunks.
            call: whose speech it is, for fairness between calls.

        Yields:
            Chunks in order, int16 mono of shape (n,) at `rate_hz`, as the engine makes them. Their words' text spans
            lie in `text`, their positions count from the first sample at `rate_hz`; no words where the engine times
            none.

        Raises:
            EngineBusy: the workers' queue is full.
            VoiceError: what the engine raises.
        """

        def job(cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
            spoken = speakable(text, spell_numbers=self._spell_numbers, language=style.language)
            return _said(self._synthesizer, spoken, style, rate_hz, cancelled)

        if not text.strip():
            return
        if (kept := self._kept.find(text, style, rate_hz)) is not None:
            for chunk in kept:
                yield chunk
            return
        said: list[SpeechChunk] | None = [] if self._kept.expects(text) else None
        async with aclosing(self._workers.iterate(job, call=call, priority=Priority.REPLY)) as chunks:
            async for chunk in chunks:
                if said is not None:
                    said.append(chunk)
                yield chunk
        if said is not None:
            self._kept.keep(text, style, rate_hz, said)


def _said(
    synthesizer: Synthesizer, spoken: Speakable, style: VoiceStyle, rate_hz: int, cancelled: Callable[[], bool]
) -> Iterator[SpeechChunk]:
    """The engine's chunks as one resampled stream, so that no joint clicks, with the words placed in the given text."""
    stream = _Stream(rate_hz)
    at = 0
    for piece in _pieces(spoken.text):
        begun = stream.taken
        for chunk in synthesizer.synthesize(piece, style, cancelled=cancelled):
            scale = rate_hz / chunk.rate_hz
            words = [
                Word(
                    *spoken.given(at + word.text_start, at + word.text_end),
                    round(begun + word.start * scale),
                    round(begun + word.end * scale),
                )
                for word in chunk.words
            ]
            yield from stream.take(chunk, words)
        at += len(piece)
    yield from stream.finish()


class _Stream:
    """Resamples chunk after chunk and lets each word go with the chunk in which it begins."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler: Resampler | None = None
        self._given = 0
        self._words: deque[Word] = deque()
        self.taken = 0.0  # samples at rate_hz that the engine's audio so far amounts to

    def take(self, chunk: SpeechChunk, words: list[Word]) -> Iterator[SpeechChunk]:
        """Add a chunk of the engine; yields what is ready, at most one chunk a rate."""
        if self._resampler is None or self._resampler.from_hz != chunk.rate_hz:
            yield from self.finish()
            self._resampler = Resampler(chunk.rate_hz, self._rate_hz)
        self._words.extend(words)
        self.taken += len(chunk.audio) * self._rate_hz / chunk.rate_hz
        yield from self._ready(self._resampler.process(chunk.audio))

    def finish(self) -> Iterator[SpeechChunk]:
        """What the resampler kept back, and no more than the engine's audio amounts to."""
        if self._resampler is not None:
            left = round(self.taken) - self._given
            rest = self._resampler.flush()[:left]
            yield from self._ready(np.pad(rest, (0, max(0, left - len(rest)))))

    def _ready(self, audio: Int16Mono) -> Iterator[SpeechChunk]:
        if not len(audio):
            return
        self._given += len(audio)
        begun = []
        while self._words and self._words[0].start < self._given:
            begun.append(self._words.popleft())
        yield SpeechChunk(audio, self._rate_hz, tuple(begun))


def _pieces(text: str) -> list[str]:
    if len(text) <= LONGEST_PIECE:
        return [text] if text else []
    splitter = ClauseSplitter()
    return [*splitter.push(text), *splitter.flush()]
