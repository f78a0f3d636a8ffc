"""What every speech synthesizer is: a protocol of one verb, text in, audio with word timings out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Int16Mono = NDArray[np.int16]
"""Mono samples at the chunk's own rate, shape (n,)."""


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """How a persona sounds, for every engine.

    Attributes:
        names: the voice to use, by engine ("espeak", "piper", "openai"); an engine without an entry uses its default.
        rate: speaking rate relative to the engine's normal, 0.5..2.
        pitch: pitch relative to the voice's own, 0.5..2 (ignored by engines that cannot).
        language: BCP 47 tag.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    rate: float = 1.0
    pitch: float = 1.0
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the text and where it sounds.

    Attributes:
        text_start, text_end: character span in the text given to `synthesize`.
        start, end: sample positions counted from the first sample of that text's audio, at the chunk's rate.
    """

    text_start: int
    text_end: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Some audio of one text, in order.

    Attributes:
        audio: int16 mono samples, shape (n,).
        rate_hz: sample rate of `audio` and of the words' positions; the same in every chunk of one text.
        words: the words whose audio begins in this chunk; empty where the engine gives no timings.
    """

    audio: Int16Mono
    rate_hz: int
    words: tuple[Word, ...] = ()


class Synthesizer(Protocol):
    """Says one clause. Blocking and lazy: iterate it in a worker, never on the event loop."""

    name: str

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """Synthesize speakable text (see voice.tts.text.speakable).

        Args:
            text: plain words and punctuation, at most 2000 characters.
            style: voice, rate and pitch.
            cancelled: asked between chunks.

        Raises:
            Cancelled: `cancelled()` became true.
            EngineFailed: the engine broke.
        """
        ...
