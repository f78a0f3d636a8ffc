"""The level of what sounds while nobody speaks to the persona, noise or people nearby, and what stands out from it.

Six people who talk in the background are speech to any detector, and Whisper writes sentences for them. What they are
not is as loud as the caller.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import FRAME, Int16Mono16k, float32_of
from voice.speech.vad import AUDIBLE_DB

FRAMES = 500
"""Frames over which the background is measured: 10 s."""

STANDS_OUT_DB = 8.0
"""How much louder than the background the loudest 300 ms of an utterance are, or a twentieth of a long one, if unsure
words are to count: babble reaches 6 dB, a caller 10 dB above the babble 10 to 15 dB."""

_STARTS_DB, _CONTINUES_DB = 5.0, 2.0  # how much louder than the background speech begins, and goes on
_LATELY = 30
_LOUD_FRAMES, _LOUD_SHARE = 15, 0.05
_KNOWN, _EVERY = 20, 10
_OWN_BACKGROUND = 0.2  # share of an utterance's frames that are its pauses, pre-roll and end
_SILENCE_DB = -100.0


class BackgroundLevel:
    """The background of one call: the median level of the frames without a message in them, in dB of full scale.

    Frames of an utterance count once it turned out to hold no words. The level rises in seconds, and falls in 600 ms.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the background."""
        self._levels: NDArray[np.float32] = np.zeros(FRAMES, np.float32)
        self._count = 0
        self._undecided: deque[float] = deque(maxlen=FRAMES)
        self.level_db: float | None = None
        """The level; None while it is unknown."""

    def threshold_db(self, *, in_utterance: bool) -> float:
        """Return the level below which a frame counts as background, whatever it sounds like."""
        if self.level_db is None:
            return AUDIBLE_DB
        return max(AUDIBLE_DB, self.level_db + (_CONTINUES_DB if in_utterance else _STARTS_DB))

    def push(self, level_db: float, *, in_utterance: bool) -> None:
        """Take the level of a frame."""
        if in_utterance:
            self._undecided.append(level_db)
        else:
            self._add(level_db)

    def settle(self, *, heard: bool) -> None:
        """Note whether the utterance so far held words; if not, it was background."""
        if not heard:
            for level_db in self._undecided:
                self._add(level_db)
        self._undecided.clear()

    def _add(self, level_db: float) -> None:
        self._levels[self._count % FRAMES] = level_db
        self._count += 1
        if self._count % _EVERY or self._count < _KNOWN:
            return
        known = self._levels[: self._count]
        lately = known[np.arange(self._count - _LATELY, self._count) % FRAMES] if self._count >= _LATELY else known
        self.level_db = float(min(np.median(known), np.sort(lately)[len(lately) * 3 // 4]))


def stands_out(audio: Int16Mono16k, background_db: float | None) -> bool:
    """Return whether an utterance is louder than the background, as someone is who speaks to the persona.

    Args:
        audio: the utterance with its pre-roll and the pause after it, shape (n,), n > 0.
        background_db: the level of the background; None compares it with its own quieter frames.
    """
    samples = float32_of(audio[: max(len(audio) // FRAME, 1) * FRAME])
    frames = samples.reshape(-1, min(FRAME, len(samples)))
    powers = np.sort(np.mean(frames * frames, axis=1))
    loud_frames = max(_LOUD_FRAMES, int(len(powers) * _LOUD_SHARE))
    loudest_db = _decibels(float(np.mean(powers[-loud_frames:])))
    if background_db is None:
        background_db = _decibels(float(powers[int(len(powers) * _OWN_BACKGROUND)]))
    return loudest_db - background_db >= STANDS_OUT_DB


def _decibels(power: float) -> float:
    return max(10 * float(np.log10(power + 1e-12)), _SILENCE_DB)
