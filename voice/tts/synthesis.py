"""Text to speech for a call: written text in, audio chunks at the session's rate and word timings in that text out."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing

import numpy as np

from voice.audio.resample import Resampler
from voice.tts.base import Int16Mono, SpeechChunk, Synthesizer, VoiceStyle, Word
from voice.tts.persona_voices import PersonaVoices
from voice.tts.phrase_cache import PhraseCache
from voice.tts.text.clauses import ClauseSplitter
from voice.tts.text.speakable import Speakable, speakable
from voice.work.workers import Priority, Workers

LONGEST_PIECE = 400
"""Maximum number of spoken characters passed to an engine at once."""


class TextToSpeech:
    """A synthesizer shared by all calls, on shared workers."""

    def __init__(self, synthesizer: Synthesizer, workers: Workers, *, spell_numbers: bool = True) -> None:
        """Configure it; nothing runs yet.

        Args:
            synthesizer: the engine.
            workers: where it runs.
            spell_numbers: whether English numbers are spelled out before synthesis ("1984" as a year).
        """
        self._synthesizer = synthesizer
        self._workers = workers
        self._spell_numbers = spell_numbers
        self._kept = PhraseCache()

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._synthesizer.name

    def use(self, synthesizer: Synthesizer) -> None:
        """Replace an engine that could not be loaded; what begins from now on is spoken by the new one."""
        self._synthesizer = synthesizer

    def lacking(self, style: VoiceStyle) -> str:
        """Return what a style asks for and the installed voices lack, a sentence; empty if nothing."""
        return self._synthesizer.lacking(style) if isinstance(self._synthesizer, PersonaVoices) else ""

    def keep(self, texts: Iterable[str]) -> None:
        """Cache these phrases, such as a greeting or an apology: each is synthesized once per style.

        Args:
            texts: as they will be said; cached clause by clause, as replies are synthesized. Empty ones are ignored.
        """
        for text in texts:
            splitter = ClauseSplitter()
            self._kept.expect([*splitter.push(text), *splitter.flush()])

    async def speak(
        self, text: str, style: VoiceStyle, rate_hz: int, call: str, priority: Priority = Priority.REPLY
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Synthesize written text, such as one clause of a reply. Lazy; closing the iterator stops the engine.

        Args:
            text: any text; one without anything to say (only emoji, empty) yields no chunk.
            style: voice, rate and pitch.
            rate_hz: sample rate of the chunks.
            call: id of the call, for fairness between calls.
            priority: `Priority.REQUEST` for what belongs to no call.

        Yields:
            Chunks in order, int16 mono of shape (n,) at `rate_hz`, as the engine produces them. The words' text spans
            refer to `text`, their positions are relative to the first sample, at `rate_hz`; no words if the engine
            reports no timings.

        Raises:
            EngineBusy: the workers' queue is full.
            VoiceError: any error of the engine.
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
        async with aclosing(self._workers.iterate(job, call=call, priority=priority)) as chunks:
            async for chunk in chunks:
                if said is not None:
                    said.append(chunk)
                yield chunk
        if said is not None:
            self._kept.keep(text, style, rate_hz, said)


def _said(
    synthesizer: Synthesizer, spoken: Speakable, style: VoiceStyle, rate_hz: int, cancelled: Callable[[], bool]
) -> Iterator[SpeechChunk]:
    """Yield the chunks as one resampled stream, without clicks at the joints, their words mapped to the given text."""
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
    """Resamples chunk by chunk, and emits each word with the chunk in which it begins."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler: Resampler | None = None
        self._given = 0
        self._words: deque[Word] = deque()
        self.taken = 0.0  # duration of the engine's audio so far, in samples at rate_hz

    def take(self, chunk: SpeechChunk, words: list[Word]) -> Iterator[SpeechChunk]:
        """Add a chunk of the engine; yield what is ready, at most one chunk per rate."""
        if self._resampler is None or self._resampler.from_hz != chunk.rate_hz:
            yield from self.finish()
            self._resampler = Resampler(chunk.rate_hz, self._rate_hz)
        self._words.extend(words)
        self.taken += len(chunk.audio) * self._rate_hz / chunk.rate_hz
        yield from self._ready(self._resampler.process(chunk.audio))

    def finish(self) -> Iterator[SpeechChunk]:
        """Yield the samples buffered in the resampler, up to the duration of the engine's audio."""
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
