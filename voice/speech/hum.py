"""The overtones of the mains' hum, taken out of a call that has them: tones at multiples of 50 and 60 Hz.

Notches would take them out of every call, and of every voice. A tone of the mains is steadier than any voice, in level
and in phase: what has been steady for 300 ms while nobody spoke is subtracted from then on as the sine that it is, also
below speech, where it cannot be measured; between words its phase is followed. What has no such tone is not touched.

In windows of 100 ms, which hold whole periods of all these tones, none leaks into another.

Source: B. Widrow et al., "Adaptive noise cancelling", Proceedings of the IEEE 63 (1975), section on periodic
interference, with a reference that is made instead of picked up.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import FRAME, RATE_HZ, Int16Mono

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

TONES_HZ = (100, 120, 150, 180, 200, 240, 250, 300, 350, 360)
"""The second to the seventh multiples; the high-pass filter has notches for the first."""

LEAST = 20.0
"""Amplitude from which a tone counts, of 32768: -64 dB of full scale."""

_WINDOW_FRAMES = 5
_STEADY, _FOLLOWED = 0.2, 0.5
"""How far a window may be from what is expected, as a share of it, to be steady, and to be followed."""

_GAINS, _GAINS_IN_SPEECH = (0.4, 0.1), (0.1, 0.003)
"""How much of what a window is off is taken on, in level and phase, and in frequency."""

_MOST_TURN = 0.4
"""Radians that a tone may turn from one window to the next: .6 Hz beside the nominal frequency."""

_LOST_WINDOWS = 50


class MainsHum:
    """The hum of one call, fed one 20 ms frame at a time.

    Attributes:
        began: the first tone of the call was found in the latest frame: levels measured until now hold it. Those that
            begin later are not told, since music may have such tones now and then.
    """

    def __init__(self) -> None:
        count = len(TONES_HZ)
        self._frames = 0
        self._sum: Complexes = np.zeros(count, np.complex128)
        self._quiet = True
        self._windows: deque[tuple[Complexes, bool]] = deque(maxlen=3)
        """The latest windows, and whether nobody spoke in them."""
        self._tones: Complexes = np.zeros(count, np.complex128)
        """In the window before the latest, which may hold the beginning of a word that is not detected yet."""
        self._turns: Complexes = np.ones(count, np.complex128)
        self._missed = np.zeros(count, np.int64)
        self._predicted: Complexes | None = None
        self._known = False
        self.began = False

    def push(self, frame: Int16Mono, *, quiet: bool) -> Int16Mono:
        """Take the hum out of a frame: int16, shape (320,), 16 kHz.

        Args:
            frame: with the hum.
            quiet: nobody speaks, as far as is known.
        """
        place = self._frames % _WINDOW_FRAMES
        self._frames += 1
        self.began = False
        self._quiet = self._quiet and quiet
        self._sum += (_ANALYSIS[place] @ frame.astype(np.float64)).view(np.complex128)
        cleaned = frame
        if self._predicted is not None:
            hum = self._predicted.view(np.float64) @ _SYNTHESIS[place]
            cleaned = np.rint(frame - hum).clip(-32768, 32767).astype(np.int16)
        if place == _WINDOW_FRAMES - 1:
            self._windows.append((self._sum, self._quiet))
            self._sum, self._quiet = np.zeros(len(TONES_HZ), np.complex128), True
            if len(self._windows) == 3:
                self._measure()
        return cleaned

    def _measure(self) -> None:
        """Take the tones of the window before the latest, and predict those of the next."""
        (earlier, _), (window, _), _ = self._windows
        quiet = all(quiet for _, quiet in self._windows)
        if self._predicted is not None:
            self._follow(window, quiet=quiet)
        if quiet:
            self._lock(earlier, window)
        self._predicted = self._tones * self._turns**2 if self._tones.any() else None

    def _follow(self, window: Complexes, *, quiet: bool) -> None:
        expected = self._tones * self._turns
        near = np.abs(window - expected) <= _FOLLOWED * np.abs(expected)
        self._missed = np.where(near, 0, self._missed + 1)
        gain, turning = _GAINS if quiet else _GAINS_IN_SPEECH
        step = np.where(near, window - expected, 0)
        ahead = np.where(near, np.angle(window * expected.conj()), 0)
        self._tones = np.where(self._missed < _LOST_WINDOWS, expected + gain * step, 0)
        self._turns = self._turns * np.exp(1j * turning * ahead)

    def _lock(self, earlier: Complexes, window: Complexes) -> None:
        """Take on what is steady in two windows and not known, and let go of what is not there any more."""
        least = np.minimum(np.abs(earlier), np.abs(window))
        turns = np.exp(1j * np.angle(window * earlier.conj()))
        steady = np.abs(window - earlier * turns) <= _STEADY * np.abs(window)
        unknown = (self._missed > 0) | (self._tones == 0)
        locked = unknown & steady & (least >= LEAST) & (np.abs(np.angle(turns)) <= _MOST_TURN)
        gone = np.maximum(np.abs(earlier), np.abs(window)) < LEAST
        self.began = bool(locked.any()) and not self._known
        self._known = self._known or self.began
        self._tones = np.where(locked, window, np.where(gone, 0, self._tones))
        self._turns = np.where(locked, turns, self._turns)
        self._missed = np.where(locked, 0, self._missed)


def _waves() -> Floats:
    """Return cosine and negative sine of each tone over a window: shape (frames, 2 * tones, samples)."""
    angles = 2 * np.pi * np.outer(TONES_HZ, np.arange(_WINDOW_FRAMES * FRAME)) / RATE_HZ
    waves = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    return np.ascontiguousarray(waves.reshape(2 * len(TONES_HZ), _WINDOW_FRAMES, FRAME).transpose(1, 0, 2))


_SYNTHESIS = _waves()
_ANALYSIS = _SYNTHESIS * (2 / (_WINDOW_FRAMES * FRAME))
