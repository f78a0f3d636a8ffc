"""Numbers for what a listener hears: level, length, pitch, clicks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from voice.tts.base import Int16Mono, SpeechChunk, Synthesizer, VoiceStyle, Word


@dataclass(frozen=True)
class Heard:
    """A whole speech.

    Attributes:
        audio: int16 mono, shape (n,).
        rate_hz: its rate.
        words: in order.
        chunks: samples in each chunk.
    """

    audio: Int16Mono
    rate_hz: int
    words: tuple[Word, ...]
    chunks: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.audio) / self.rate_hz if self.rate_hz else 0.0


def heard(chunks: Iterable[SpeechChunk]) -> Heard:
    """Join the chunks; each word must begin in the chunk that brings it."""
    parts: list[Int16Mono] = []
    words: list[Word] = []
    rates = set()
    at = 0
    for chunk in chunks:
        assert chunk.audio.dtype == np.int16
        assert chunk.audio.ndim == 1
        assert all(at <= word.start < at + len(chunk.audio) for word in chunk.words)
        at += len(chunk.audio)
        parts.append(chunk.audio)
        words.extend(chunk.words)
        rates.add(chunk.rate_hz)
    assert len(rates) <= 1
    audio = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    return Heard(audio, rates.pop() if rates else 0, tuple(words), tuple(len(part) for part in parts))


def say(synthesizer: Synthesizer, text: str, style: VoiceStyle | None = None) -> Heard:
    """Let an engine say a text to its end."""
    return heard(synthesizer.synthesize(text, style or VoiceStyle(), cancelled=lambda: False))


def rms(audio: Int16Mono) -> float:
    """Level; full scale is 32768."""
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2))) if len(audio) else 0.0


def pitch_hz(audio: Int16Mono, rate_hz: int) -> float:
    """Median fundamental of the voiced frames, by autocorrelation between 50 and 500 Hz."""
    found = []
    low, high = rate_hz // 500, rate_hz // 50
    for start in range(0, len(audio) - 1024, 512):
        frame = audio[start : start + 1024].astype(np.float64)
        if rms(audio[start : start + 1024]) < 800:
            continue
        frame -= frame.mean()
        correlation = np.correlate(frame, frame, "full")[1023:]
        lag = low + int(np.argmax(correlation[low:high]))
        if correlation[lag] > 0.4 * correlation[0]:
            found.append(rate_hz / lag)
    return float(np.median(found))


def roughest_step(audio: Int16Mono) -> int:
    """The largest jump from one sample to the next."""
    return int(np.max(np.abs(np.diff(audio.astype(np.int32))), initial=0))
