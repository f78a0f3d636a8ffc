"""A synthesizer with a fixed latency that hums, for load tests of everything around it."""

from collections.abc import Callable, Iterator
from threading import Event

import numpy as np

from voice.errors import Cancelled, EngineUnavailable
from voice.tts.base import SpeechChunk, VoiceStyle, Word

RATE_HZ = 24_000
SECONDS_A_CHARACTER = 1 / 15
_HUM_HZ = 200


class FixedSynthesizer:
    """A Synthesizer for load tests, chosen by `fixed` or `fixed:MILLISECONDS` and never by `auto`.

    Args:
        milliseconds: latency of a text's audio; the thread sleeps and uses no CPU.
    """

    def __init__(self, milliseconds: int = 0) -> None:
        self.name = f"fixed:{milliseconds}"
        self._seconds = milliseconds / 1000

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """See `Synthesizer.synthesize`: a hum as long as the text takes to say, with its words spread evenly."""
        if self._seconds:
            Event().wait(self._seconds)
        if cancelled():
            raise Cancelled("The audio is no longer wanted.")
        length = round(len(text) * SECONDS_A_CHARACTER / style.rate * RATE_HZ)
        if not length:
            return
        hum = np.sin(np.arange(length) * (2 * np.pi * _HUM_HZ / RATE_HZ))
        words, at = [], 0
        for token in text.split():
            start = text.index(token, at)
            at = start + len(token)
            words.append(Word(start, at, length * start // len(text), length * at // len(text)))
        yield SpeechChunk((hum * 3000).astype(np.int16), RATE_HZ, tuple(words))


def fixed_synthesizer(name: str) -> FixedSynthesizer:
    """Create the synthesizer for the setting `fixed:NAME`.

    Raises:
        EngineUnavailable: NAME is not a number of milliseconds.
    """
    if name and not name.isdecimal():
        raise EngineUnavailable(f"fixed:{name} is no speech engine; write fixed:MILLISECONDS.")
    return FixedSynthesizer(int(name or 0))
