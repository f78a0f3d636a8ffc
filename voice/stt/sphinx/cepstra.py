"""Cepstral mean normalisation: estimates a speaker's mean, so that an utterance is decoded adapted to the voice.

The filters are those of the PocketSphinx en-us model's front end (its feat.params), without noise removal.
Source: Davis and Mermelstein 1980; Atal 1974 for the mean; Gauvain and Lee 1994 for the prior.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import Int16Mono16k

_FFT = 512
_WINDOW = 410
_HOP = 160
_BANDS = 25
_COEFFICIENTS = 13
_LOWEST_HZ, _HIGHEST_HZ = 130.0, 6800.0

# Prior for an unknown voice: the mean over male and female speakers at a common level.
_PRIOR = np.array([58.7, 5.5, 9.9, 29.7, 3.1, -0.6, 5.9, -7.1, -3.8, -5.2, 7.4, 3.1, 2.3])
_PRIOR_FRAMES = 30.0
# Level differs more between microphones than timbre does between voices, so c0 gets a weaker prior.
_PRIOR_FRAMES_C0 = 10.0
_SPEECH_RANGE = 30.0  # c0 this far below the loudest frame (26 dB) is a pause


def cepstral_mean(audio: Int16Mono16k) -> NDArray[np.float64]:
    """Estimate the mean cepstrum of the speech in `audio`, with the average voice as a prior.

    Args:
        audio: samples at 16 kHz, shape (n,), n >= 0.

    Returns:
        The 13 coefficients, shape (13,), in the form of PocketSphinx's `cmninit`.
    """
    if len(audio) < _WINDOW:
        return _PRIOR
    frames = _cepstra(audio)
    speech = frames[frames[:, 0] > frames[:, 0].max() - _SPEECH_RANGE]
    weight = np.full(_COEFFICIENTS, _PRIOR_FRAMES)
    weight[0] = _PRIOR_FRAMES_C0
    mean: NDArray[np.float64] = (speech.sum(axis=0) + weight * _PRIOR) / (len(speech) + weight)
    return mean


def _cepstra(audio: Int16Mono16k) -> NDArray[np.float64]:
    samples = audio.astype(np.float64)
    samples[1:] -= 0.97 * samples[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hamming(_WINDOW)
    power = np.abs(np.fft.rfft(windows, _FFT)) ** 2
    filters, transform = _front_end()
    cepstra: NDArray[np.float64] = np.log(power @ filters + 1e-4) @ transform
    return cepstra


@cache
def _front_end() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    step = 16_000 / _FFT
    edges = np.round(700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1) / step) * step
    hz = np.arange(_FFT // 2 + 1) * step
    left, centre, right = (edges[i : i + _BANDS] for i in range(3))
    rising = (hz[:, None] - left) / (centre - left)
    falling = (right - hz[:, None]) / (right - centre)
    filters = np.clip(np.minimum(rising, falling), 0, None) * 2 / (right - left)
    order = np.arange(_COEFFICIENTS)
    transform = np.cos(np.pi * (np.arange(_BANDS)[:, None] + 0.5) * order / _BANDS) * np.sqrt(2 / _BANDS)
    transform[:, 0] = np.sqrt(1 / _BANDS)
    return filters, transform * (1 + 11 * np.sin(np.pi * order / 22))
