"""Phrases that are said over and over, synthesized once for each style and kept, within bounds."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from voice.tts.base import SpeechChunk, VoiceStyle

MOST_PHRASES = 1000
MOST_SAMPLES = 24_000 * 300

_Key = tuple[str, tuple[tuple[str, str], ...], float, float, str, int]


class PhraseCache:
    """Which phrases to keep, and their chunks; the longest unused go first. Used on one thread."""

    def __init__(self) -> None:
        self._expected: OrderedDict[str, None] = OrderedDict()
        self._found: OrderedDict[_Key, tuple[SpeechChunk, ...]] = OrderedDict()
        self._samples = 0

    def expect(self, phrases: Iterable[str]) -> None:
        """Keep these once they have been said; white space around them does not matter."""
        for phrase in phrases:
            if name := phrase.strip():
                self._expected[name] = None
                self._expected.move_to_end(name)
        while len(self._expected) > MOST_PHRASES:
            self._expected.popitem(last=False)

    def expects(self, text: str) -> bool:
        """Whether this text is one to keep."""
        return text.strip() in self._expected

    def keep(self, text: str, style: VoiceStyle, rate_hz: int, chunks: Sequence[SpeechChunk]) -> None:
        """Keep the whole speech of a text."""
        key = _key(text, style, rate_hz)
        size = _size(chunks)
        if key in self._found or size > MOST_SAMPLES:
            return
        # Words lie in the text as it was given, so each way of writing it is kept by itself.
        self._found[key] = tuple(chunks)
        self._samples += size
        while self._samples > MOST_SAMPLES or len(self._found) > MOST_PHRASES:
            _, oldest = self._found.popitem(last=False)
            self._samples -= _size(oldest)

    def find(self, text: str, style: VoiceStyle, rate_hz: int) -> tuple[SpeechChunk, ...] | None:
        """The speech of this text in this style at this rate, if it was kept."""
        key = _key(text, style, rate_hz)
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)


def _key(text: str, style: VoiceStyle, rate_hz: int) -> _Key:
    return text, tuple(sorted(style.names.items())), style.rate, style.pitch, style.language, rate_hz


def _size(chunks: Sequence[SpeechChunk]) -> int:
    return sum(len(chunk.audio) for chunk in chunks)
