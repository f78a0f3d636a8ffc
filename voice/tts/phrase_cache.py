"""A bounded cache of synthesized phrases that are said often, such as greetings."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from voice.tts.base import SpeechChunk, VoiceStyle

MOST_PHRASES = 1000
MOST_SAMPLES = 24_000 * 300

_Key = tuple[str, tuple[tuple[str, str], ...], float, float, str, int]


class PhraseCache:
    """An LRU cache of the chunks of expected phrases, by text and style. Single-threaded."""

    def __init__(self) -> None:
        self._expected: OrderedDict[str, None] = OrderedDict()
        self._found: OrderedDict[_Key, tuple[SpeechChunk, ...]] = OrderedDict()
        self._samples = 0

    def expect(self, phrases: Iterable[str]) -> None:
        """Register phrases to be cached once they have been synthesized; surrounding white space is ignored."""
        for phrase in phrases:
            if name := phrase.strip():
                self._expected[name] = None
                self._expected.move_to_end(name)
        while len(self._expected) > MOST_PHRASES:
            self._expected.popitem(last=False)

    def expects(self, text: str) -> bool:
        """Return whether this text is registered."""
        return text.strip() in self._expected

    def keep(self, text: str, style: VoiceStyle, rate_hz: int, chunks: Sequence[SpeechChunk]) -> None:
        """Store the complete audio of a text."""
        key = _key(text, style, rate_hz)
        size = _size(chunks)
        if key in self._found or size > MOST_SAMPLES:
            return
        # Word spans refer to the text as given, so each spelling is cached by itself.
        self._found[key] = tuple(chunks)
        self._samples += size
        while self._samples > MOST_SAMPLES or len(self._found) > MOST_PHRASES:
            _, oldest = self._found.popitem(last=False)
            self._samples -= _size(oldest)

    def find(self, text: str, style: VoiceStyle, rate_hz: int) -> tuple[SpeechChunk, ...] | None:
        """Look up the audio of this text in this style at this rate; None if it is not cached."""
        key = _key(text, style, rate_hz)
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)


def _key(text: str, style: VoiceStyle, rate_hz: int) -> _Key:
    return text, tuple(sorted(style.names.items())), style.rate, style.pitch, style.language, rate_hz


def _size(chunks: Sequence[SpeechChunk]) -> int:
    return sum(len(chunk.audio) for chunk in chunks)
