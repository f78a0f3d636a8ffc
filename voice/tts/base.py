"""The protocol of speech synthesizers: text in, audio with word timings out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Int16Mono = NDArray[np.int16]
"""Mono samples at the chunk's rate, shape (n,)."""


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """A persona's voice, for every engine.

    Attributes:
        names: voice name by engine ("espeak", "piper", "openai"); an engine without an entry uses its default voice.
        rate: speaking rate relative to the engine's default, 0.5..2.
        pitch: pitch relative to the voice's own, 0.5..2 (ignored by engines without pitch control).
        language: BCP 47 tag.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    rate: float = 1.0
    pitch: float = 1.0
    language: str = "en"


SLOWEST, FASTEST = 0.5, 2.0
"""The rates of a voice."""


def with_rate(style: VoiceStyle, times: float) -> VoiceStyle:
    """Return a style that speaks so many times as fast, as far as voices do."""
    return replace(style, rate=min(FASTEST, max(SLOWEST, style.rate * times)))


@dataclass(frozen=True, slots=True)
class Word:
    """The timing of one word.

    Attributes:
        text_start, text_end: character span in the text given to `synthesize`.
        start, end: sample positions relative to the first sample of that text's audio, at the chunk's rate.
    """

    text_start: int
    text_end: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A chunk of the audio of one text; chunks come in order.

    Attributes:
        audio: int16 mono samples, shape (n,).
        rate_hz: sample rate of `audio` and of the words' positions; the same in every chunk of one text.
        words: the words whose audio begins in this chunk; empty if the engine reports no timings.
    """

    audio: Int16Mono
    rate_hz: int
    words: tuple[Word, ...] = ()


class Synthesizer(Protocol):
    """An engine that synthesizes one clause. Blocking and lazy: iterate it in a worker, never on the event loop."""

    name: str

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """Synthesize speakable text (see voice.tts.text.speakable).

        Args:
            text: plain words and punctuation, at most 2000 characters.
            style: voice, rate and pitch.
            cancelled: polled between chunks.

        Raises:
            Cancelled: `cancelled()` turned True.
            EngineFailed: the engine failed.
        """
        ...
