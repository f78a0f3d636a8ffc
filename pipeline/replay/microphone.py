"""The learner's simulated microphone: 20 ms frames of sounds mixed with background noise."""

import numpy as np

from voice.audio.formats import FRAME, RATE_HZ, Int16Mono


class Microphone:
    """Mixes sounds into frames.

    Args:
        background: one period of the background noise, int16 mono at 16 kHz, shape (n,); empty for digital silence.
    """

    def __init__(self, background: Int16Mono) -> None:
        self._background = background
        self._sounds: list[tuple[int, Int16Mono]] = []
        self.frames = 0

    def play(self, audio: Int16Mono) -> None:
        """Start a sound with the next frame."""
        self._sounds.append((self.frames * FRAME, audio))

    @property
    def busy(self) -> bool:
        """Whether any sound other than the background is playing."""
        return bool(self._sounds)

    def frame(self, echo: Int16Mono) -> Int16Mono:
        """Return the next 20 ms: int16, shape (320,).

        Args:
            echo: what it hears of the loudspeaker meanwhile, of the same shape.
        """
        start = self.frames * FRAME
        mixed = echo.astype(np.int32)
        if len(self._background):
            mixed += self._background[np.arange(start, start + FRAME) % len(self._background)]
        for begun, audio in self._sounds:
            part = audio[start - begun : start - begun + FRAME]
            mixed[: len(part)] += part
        self._sounds = [(begun, audio) for begun, audio in self._sounds if start + FRAME - begun < len(audio)]
        self.frames += 1
        return mixed.clip(-32768, 32767).astype(np.int16)


def length_ms(audio: Int16Mono) -> int:
    """Return the duration of audio in ms."""
    return round(len(audio) * 1000 / RATE_HZ)
