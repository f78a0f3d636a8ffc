"""People who talk in the background, and callers over them: for tests of what is no message."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import RATE_HZ

Float32 = NDArray[np.float32]


def level_of(speech: Float32) -> float:
    """RMS of the louder half of its 20 ms frames; full scale is 1."""
    frames = speech[: len(speech) // 320 * 320].reshape(-1, 320)
    powers = np.sort(np.mean(frames**2, axis=1))
    return float(np.sqrt(np.mean(powers[len(powers) // 2 :])))


def babble(voices: Sequence[Float32], seconds: float, *, level: float, seed: int = 7) -> Float32:
    """Six of the voices at once, each repeated from a place of its own, at this RMS; 16 kHz."""
    chance = np.random.default_rng(seed)
    mixed = np.zeros(round(seconds * RATE_HZ), np.float32)
    for index in chance.permutation(len(voices))[:6]:
        voice = voices[index] / np.float32(np.sqrt(np.mean(voices[index] ** 2)))
        mixed += np.roll(np.resize(voice, len(mixed)), chance.integers(len(mixed)))
    return mixed * np.float32(level / np.sqrt(np.mean(mixed**2)))


def spaced(lines: Sequence[Float32], *, pause_s: float) -> Float32:
    """The lines one after another, with a pause before each and at the end."""
    pause = np.zeros(round(pause_s * RATE_HZ), np.float32)
    return np.concatenate([pause, *[part for line in lines for part in (line, pause)]])
