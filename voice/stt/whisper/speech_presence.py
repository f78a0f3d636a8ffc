"""Verification of unsure transcripts: how much speech the audio holds, since Whisper writes words for noise, too."""

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import RATE_HZ, Float32Mono16k

LIKELY = 0.4
"""Threshold for two consecutive windows: noise, hum and tones seldom reach it in one, a word reaches it in five."""

_LEVEL = 0.3
_WINDOW = 512


def holds_speech(audio: Float32Mono16k) -> bool:
    """Return whether any 64 ms of the audio may be speech, however quiet; takes about 4 ms for 3 s.

    Args:
        audio: finite mono samples at 16 kHz, shape (n,), n > 0.

    Source: Silero VAD v6, as faster-whisper runs it over a whole recording.
    """
    likely = _likely(audio)
    return bool(np.any(likely[1:] & likely[:-1]))


def speech_seconds(audio: Float32Mono16k) -> float:
    """Return how many seconds of the audio are likely speech; takes as long as `holds_speech`."""
    return float(np.count_nonzero(_likely(audio))) * _WINDOW / RATE_HZ


def _likely(audio: Float32Mono16k) -> NDArray[np.bool_]:
    from faster_whisper.vad import get_vad_model

    # Ignore the loudest few samples, which may be a click, when normalising the level.
    peak = float(np.quantile(np.abs(audio), 0.995))
    level = np.clip(audio / np.float32(max(peak, 1e-6)) * np.float32(_LEVEL), -1.0, 1.0)
    whole = np.pad(level.astype(np.float32), (0, -len(level) % _WINDOW))
    return np.asarray(np.ravel(get_vad_model()(whole)) >= LIKELY)
