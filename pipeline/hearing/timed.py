"""The transcript of a recording with the times of its sentences and words, behind the work of calls."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.hearing.ear import Ear
from voice.audio.formats import FRAME, RATE_HZ, Float32Mono16k, Int16Mono, Samples
from voice.speech.endpointing import Endpointer, SpeechPaused, SpeechResumed, SpeechStarted
from voice.stt.speech_to_text import SpeechToText
from voice.work.workers import Priority

PAUSE_MS = 600
"""Shortest silence between two segments."""

LONGEST_MS = 25_000
"""Longest segment: no recogniser takes more than 30 s."""

PADDING_MS = 300
"""Audio before and after a segment's speech, so that its first and last sounds are whole."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, with its times in seconds: estimated, by its share of the segment's letters."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A stretch of speech between two pauses.

    Attributes:
        start_s, end_s: of its speech, in seconds from the recording's beginning.
        confidence: 0..1, or None if the engine reports none.
    """

    text: str
    start_s: float
    end_s: float
    language: str
    confidence: float | None

    def words(self) -> list[HeardWord]:
        """Return its words."""
        tokens = self.text.split()
        letters, at = sum(map(len, tokens)), 0
        found = []
        for token in tokens:
            start, at = at, at + len(token)
            times = (self.start_s + (self.end_s - self.start_s) * place / letters for place in (start, at))
            found.append(HeardWord(token, *times))
        return found


async def heard_segments(
    stt: SpeechToText, audio: Int16Mono, *, call: str, prompt: str = "", language: str = "", translated: bool = False
) -> AsyncGenerator[HeardSegment, None]:
    """Transcribe a recording, segment by segment; those without words are left out.

    Args:
        stt: the shared recogniser.
        audio: int16 mono samples at 16 kHz, shape (n,).
        call: the fairness key of the work.
        prompt: words likely to occur.
        language: BCP 47 tag of the language that is likely to be spoken; empty for none.
        translated: write it in English, whatever the language.

    Raises:
        CannotTranslate: the recogniser has one language only.
        VoiceError: the recogniser failed.
    """
    recogniser = stt.translating(call) if translated else stt.of(call, language, priority=Priority.REQUEST)
    padding = PADDING_MS * RATE_HZ // 1000
    for start, end in await asyncio.to_thread(partial(speech_in, audio)):
        async with recogniser.segment(prompt) as segment:
            segment.push(audio[max(0, start - padding) : end + padding])
            heard = await segment.transcript()
        if heard.text:
            yield HeardSegment(heard.text, start / RATE_HZ, end / RATE_HZ, heard.language, heard.confidence)


def speech_in(audio: Int16Mono) -> list[tuple[Samples, Samples]]:
    """Return where there is speech, as ranges of samples; short pauses are part of it. Blocking."""
    ear, endpointer = Ear(RATE_HZ, cancels_echo=False), Endpointer()
    runs: list[tuple[Samples, Samples]] = []
    started: Samples | None = None
    whole = len(audio) // FRAME * FRAME
    for at in range(0, whole, FRAME):
        now = at + FRAME
        heard = ear.hear(audio[at:now], now / RATE_HZ, in_utterance=started is not None)
        for event in endpointer.push(heard.speech, now):
            match event:
                case SpeechStarted(begin) | SpeechResumed(begin):
                    started = begin
                case SpeechPaused(last) if started is not None:
                    runs.append((started, last))
                    started = None
                case _:
                    pass
        if started is not None and (now - started) * 1000 >= LONGEST_MS * RATE_HZ:
            runs.append((started, now))
            started = now
    if started is not None:
        runs.append((started, whole))
    return _joined(runs)


def _joined(runs: list[tuple[Samples, Samples]]) -> list[tuple[Samples, Samples]]:
    joined: list[tuple[Samples, Samples]] = []
    for start, end in runs:
        near = joined and (start - joined[-1][1]) * 1000 < PAUSE_MS * RATE_HZ
        if near and (end - joined[-1][0]) * 1000 <= LONGEST_MS * RATE_HZ:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def samples_of(audio: Float32Mono16k) -> Int16Mono:
    """Return decoded samples in [-1, 1] as int16."""
    samples: Int16Mono = np.clip(audio * 32767, -32768, 32767).astype(np.int16)
    return samples
