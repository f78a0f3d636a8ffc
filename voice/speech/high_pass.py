"""A high-pass filter for what bad sound cards add below speech: a constant offset, slow drift, the hum of the mains.

A Butterworth filter of second order at 50 Hz and two notches, at 50 and at 60 Hz. A frame is filtered in blocks, as
products of small matrices (block state-space form), which costs a tenth of a loop over the samples.

Source: J. O. Smith, "Introduction to Digital Filters", appendix on state-space filters; the coefficients are those of
R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
"""

import math

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import FRAME, RATE_HZ, Int16Mono

Floats = NDArray[np.float64]

CORNER_HZ, CORNER_Q = 50.0, math.sqrt(0.5)
MAINS_HZ, NOTCH_Q = (50.0, 60.0), 2.0

_BLOCK = 32
_BLOCKS = FRAME // _BLOCK


class HighPass:
    """The filter of one call, fed one 20 ms frame at a time. It begins settled on the first sample: without a thump."""

    def __init__(self) -> None:
        self._state: Floats | None = None

    def push(self, frame: Int16Mono) -> Int16Mono:
        """Filter a frame: int16, shape (320,), 16 kHz."""
        if self._state is None:
            self._state = _SETTLED * float(frame[0])
        blocks: Floats = frame.reshape(_BLOCKS, _BLOCK).astype(np.float64)
        inputs = np.concatenate([self._state, (blocks @ _TO_STATE).ravel()])
        states = (_PROPAGATE @ inputs).reshape(_BLOCKS + 1, -1)
        self._state = states[-1]
        filtered: Floats = (blocks @ _WITHIN + states[:-1] @ _FROM_STATE).ravel()
        np.rint(filtered, out=filtered)
        np.minimum(filtered, 32767, out=filtered)
        np.maximum(filtered, -32768, out=filtered)
        return filtered.astype(np.int16)


def _biquad(hz: float, q: float, *, notch: bool) -> tuple[Floats, Floats]:
    """Return the numerator and the denominator of a high-pass of second order, or of a notch; the latter begins 1."""
    angle = 2 * math.pi * hz / RATE_HZ
    cosine, alpha = math.cos(angle), math.sin(angle) / (2 * q)
    zeros = [1, -2 * cosine, 1] if notch else [(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2]
    return np.array(zeros) / (1 + alpha), np.array([1 + alpha, -2 * cosine, 1 - alpha]) / (1 + alpha)


def _cascade() -> tuple[Floats, Floats, Floats, float]:
    """Return the state-space form of the biquads one after another: A, B, C and D of s' = As + Bx, y = Cs + Dx."""
    a, b, c, d = np.zeros((0, 0)), np.zeros((0, 1)), np.zeros((1, 0)), 1.0
    for zeros, poles in [
        _biquad(CORNER_HZ, CORNER_Q, notch=False),
        *(_biquad(hz, NOTCH_Q, notch=True) for hz in MAINS_HZ),
    ]:
        own_a = np.array([[-poles[1], 1.0], [-poles[2], 0.0]])
        own_b = (zeros[1:] - poles[1:] * zeros[0]).reshape(2, 1)
        own_c = np.array([[1.0, 0.0]])
        a = np.block([[a, np.zeros((len(a), 2))], [own_b @ c, own_a]])
        b = np.concatenate([b, own_b * d])
        c = np.concatenate([zeros[0] * c, own_c], axis=1)
        d *= float(zeros[0])
    return a, b, c, d


_A, _B, _C, _D = _cascade()
_ORDER = len(_A)
_POWERS = [np.linalg.matrix_power(_A, power) for power in range(_BLOCK + 1)]
_TO_STATE: Floats = np.concatenate([(_POWERS[_BLOCK - 1 - at] @ _B).T for at in range(_BLOCK)])
_FROM_STATE: Floats = np.concatenate([(_C @ _POWERS[at]).T for at in range(_BLOCK)], axis=1)
_IMPULSE = [_D, *(float((_C @ _POWERS[at] @ _B)[0, 0]) for at in range(_BLOCK - 1))]
_WITHIN: Floats = np.array(
    [[_IMPULSE[at - since] if at >= since else 0.0 for at in range(_BLOCK)] for since in range(_BLOCK)]
)
_PROPAGATE: Floats = np.block(
    [
        [
            np.linalg.matrix_power(_POWERS[_BLOCK], row - column) if row >= column else np.zeros((_ORDER, _ORDER))
            for column in range(_BLOCKS + 1)
        ]
        for row in range(_BLOCKS + 1)
    ]
)
_SETTLED: Floats = np.asarray(np.linalg.solve(np.eye(_ORDER) - _A, _B), np.float64).ravel()
"""The state after a long constant input of 1."""
