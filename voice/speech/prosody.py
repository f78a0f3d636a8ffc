"""Prosody at a pause: whether pitch and level are still up, as within a sentence, or have fallen, as at its end.

Two measures of the last quarter of a second, relative to the three seconds before the pause: its pitch above the
speaker's lowest, and its level. A logistic function of both, fitted to telephone prompts by five speakers of English,
Spanish, French, Italian and Russian (half of them), clean and in white noise 20 dB below.

Source: final lowering and declination (Ladd 2008, Intonational Phonology, 2.1); pitch by autocorrelation (Boersma
1993).
"""

import functools

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import RATE_HZ, Int16Mono16k

SECONDS = 3
_EVERY = 4  # pitch needs no more than 4 kHz
_RATE_HZ = RATE_HZ // _EVERY
_WINDOW, _HOP, _FFT = _RATE_HZ // 25, _RATE_HZ // 100, 512
_SHORTEST, _LONGEST = _RATE_HZ // 400, _RATE_HZ // 70
_SMOOTH = np.array([0.25, 0.5, 0.25])
_VOICED = 0.5  # least autocorrelation
_BELOW_LOUDEST_DB = 30.0
_LEAST_VOICED = 25  # frames of 10 ms
_FINAL_PITCH, _FINAL_LEVEL = 20, 25  # frames
_LOWEST, _LOUD = 10, 80  # percentiles
_CONSTANT, _PER_SEMITONE, _PER_DB = -1.075, -0.099, -0.284

Float = NDArray[np.float64]


def ending_by_prosody(audio: Int16Mono16k) -> float | None:
    """Return the probability that the turn is complete, by pitch and level alone: 0 to 1.

    Blocking; about 3 ms, whatever the length of the turn.

    Args:
        audio: the turn up to the end of its speech, or into the silence after it, shape (n,); the last 3 s are used.

    Returns:
        The probability; None if there is too little voiced speech to tell.
    """
    pitch, level = pitch_and_level(audio[-SECONDS * RATE_HZ :])
    voiced = np.flatnonzero(~np.isnan(pitch))
    if len(voiced) < _LEAST_VOICED:
        return None
    last = int(voiced[-1])
    final = np.median(pitch[voiced[voiced > last - _FINAL_PITCH]])
    height = final - np.percentile(pitch[voiced], _LOWEST)
    strength = np.percentile(level[max(0, last - _FINAL_LEVEL) : last + 1], _LOUD)
    strength -= np.percentile(level[voiced], _LOUD)
    return float(1 / (1 + np.exp(-(_CONSTANT + _PER_SEMITONE * height + _PER_DB * strength))))


def pitch_and_level(audio: Int16Mono16k) -> tuple[Float, Float]:
    """Return the pitch and the level every 10 ms.

    Args:
        audio: mono samples at 16 kHz, shape (n,).

    Returns:
        The pitch in semitones above 1 Hz, NaN where there is none between 70 and 400 Hz; the level in dB. Both of shape
        (n // 160 - 3,), empty for less than 40 ms.
    """
    wave = audio[: len(audio) // _EVERY * _EVERY].reshape(-1, _EVERY).mean(axis=1) / 32768
    if len(wave) < _WINDOW:
        return np.zeros(0), np.zeros(0)
    wave = np.convolve(wave, _SMOOTH, "same")  # high harmonics between two lags would hide the right one
    blocks = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::_HOP]
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    level = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)
    spectra = np.fft.rfft(blocks * np.hanning(_WINDOW), _FFT, axis=1)
    likeness = np.fft.irfft(np.abs(spectra) ** 2, axis=1)[:, : _LONGEST + 2]
    likeness = likeness / (likeness[:, :1] + 1e-12) / _likeness_of_window()
    lags = np.arange(_SHORTEST, _LONGEST + 1)
    best = lags[np.argmax(likeness[:, lags] - 0.002 * lags, axis=1)]  # the shorter of two alike: no octave too low
    row = np.arange(len(best))
    before, peak, after = (likeness[row, best + offset] for offset in (-1, 0, 1))
    bend = np.minimum(before - 2 * peak + after, -1e-9)
    exact = best + np.clip((before - after) / (2 * bend), -0.5, 0.5)
    pitch = 12 * np.log2(_RATE_HZ / exact)
    return np.where((peak >= _VOICED) & (level > level.max() - _BELOW_LOUDEST_DB), pitch, np.nan), level


@functools.cache
def _likeness_of_window() -> Float:
    """Return the autocorrelation of the window itself, which every block's is divided by: shape (LONGEST + 2,)."""
    of_window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_WINDOW), _FFT)) ** 2)[: _LONGEST + 2]
    return np.asarray(of_window / of_window[0])
