"""Takes the persona's own voice out of the learner's microphone, and says where nothing else was in it.

A loudspeaker that a microphone hears comes back 50 to 600 ms after it was sent, and words alone cannot tell an echo
from a learner. The signal can: what was sent is known. Its delay is found by cross-correlation, an adaptive filter
predicts the echo from it, and what the prediction leaves is the learner.

Source: J. S. Soo, K. K. Pang, "Multidelay block frequency domain adaptive filter", IEEE Trans. ASSP 38 (1990).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import FRAME, RATE_HZ, Int16Mono, float32_of

LONGEST_DELAY_MS = 700
"""The latest echo that is looked for."""

_MS = RATE_HZ // 1000
_PARTITIONS = 6  # frames that the filter spans, 120 ms: the direct sound and the first reflections of a room
_MARGIN = 5 * _MS  # the filter begins so much before the delay that was found
_WINDOW = 160 * _MS
_LAGS = LONGEST_DELAY_MS * _MS
_SEARCHED = _LAGS + _WINDOW
_KEPT = _SEARCHED + (_PARTITIONS + 2) * FRAME
_FFT = 13_824  # 2^9 3^3, at least _SEARCHED: the lags that wrap around are not looked at
_EMPHASIS = 0.95  # evens out the spectrum of speech, which sharpens the correlation

_ALIKE = 0.55
"""Correlation over 160 ms from which on the microphone holds an echo: echoes have 0.9 in the median, at -30 dB in noise
0.7; learners 0.2, one window in a hundred 0.55."""

_HARDLY_ALIKE, _PERHAPS_ALIKE, _PLAINLY_ALIKE = 0.3, 0.45, 0.7
_SAME_LAG = 3 * _MS
_TRACKED_EVERY = 10  # frames between two looks at a delay that is known, or at a sound that goes on
_RISEN, _FOLLOWS = 2.0, 0.1  # how much louder than lately, in amplitude, a sound begins; and how fast "lately" follows
_NEW = 16  # frames from its beginning in which a sound is new
_UNEXPECTED_EVERY = 4  # frames between two looks at a new sound where no echo is expected
_UNFIT, _UNFIT_LOOKS = 0.5, 3  # share that a filter leaves of a plain echo, so often, before it is given up
_BELIEVED = 2  # frames after a look within which its finding holds
_LEARNT = 50  # frames of echo after which the filter is trusted
_STEP = 0.5
_BETTER = 0.8  # how much less energy a filter leaves than the other one, to take its place
_SMOOTHED = 0.5
_AUDIBLE = 10 ** (-60 / 20)  # RMS of full scale below which there is no sound to speak of
_FAINT = 2 * _AUDIBLE  # a steady noise may be now above `_AUDIBLE` and now below
_VERDICT = 8  # frames of sound within which an echo shows; they are withheld from the detector
_GLIMPSE = 3  # frames of sound of which the likeness says little
_PAUSE, _ARRIVES = 25, 15  # frames of silence before a reply is a new one, and frames within which its echo begins
_ABSENT = 50  # audible frames played without a sound in the microphone, after which no echo is expected
_ECHO_LEFT, _TALK_LEFT = 0.35, 0.65  # shares of the energy that the prediction leaves of an echo, and of a learner
_GATE = 0.02

SILENCE = np.zeros(FRAME, np.int16)
"""A frame in which nothing is played: known without a look at its samples."""


Float32Frame = NDArray[np.float32]
"""20 ms at 16 kHz in [-1, 1], shape (320,)."""


class _Latest:
    """The latest samples, in an array in which they move to the front only now and then.

    Args:
        count: how many, a multiple of a frame's.
    """

    def __init__(self, count: int) -> None:
        self._count = self._end = count
        self._held = np.zeros(2 * count, np.float32)

    def push(self, frame: Float32Frame) -> None:
        if self._end == len(self._held):
            self._held[: self._count] = self._held[-self._count :]
            self._end = self._count
        self._held[self._end : self._end + FRAME] = frame
        self._end += FRAME

    @property
    def samples(self) -> NDArray[np.float32]:
        """The latest samples, shape (count,), oldest first; they change with the next push."""
        return self._held[self._end - self._count : self._end]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A frame without the echo.

    Attributes:
        audio: what the prediction left, for the recogniser: int16, shape (320,).
        gated: the same, the fainter the more of it is an echo, for the speech detector.
    """

    audio: Int16Mono
    gated: Int16Mono


class EchoCanceller:
    """The canceller of one call, fed one frame of 20 ms at a time."""

    def __init__(self) -> None:
        self._played = _Latest(_KEPT)
        self._heard = _Latest(_WINDOW)
        self._filter = np.zeros((_PARTITIONS, FRAME + 1), np.complex64)
        self._learning = self._filter
        self._power = np.zeros(FRAME + 1, np.float32)
        self._energies = np.zeros(3)  # smoothed: of the microphone, and of what either filter leaves
        self._delay: int | None = None
        self._candidate: int | None = None
        self._alike = 0.0
        self._silent_frames = _KEPT // FRAME  # since something was played
        self._frames = self._begun_frames = 0
        self._loud_frames = 0
        self._level = self._lately = 0.0  # RMS of the microphone's frame, and smoothed
        self._steady_frames = _NEW  # since a sound began in it
        self._unheard_frames = 0
        self._looked_at = self._learnt_frames = self._unfit_looks = 0

    @property
    def delay_ms(self) -> int | None:
        """The delay of the echo; None while none was found."""
        return None if self._delay is None else self._delay // _MS

    @property
    def sounds(self) -> bool:
        """Whether an echo may be in the next frame: one was found before, and something was played lately."""
        return self._delay is not None and self._silent_frames < _KEPT // FRAME

    def push(self, frame: Int16Mono, played: Int16Mono) -> Cleaned:
        """Take a frame of the microphone, and what was played meanwhile.

        Args:
            frame: int16, shape (320,), 16 kHz.
            played: the same, as it was sent; `SILENCE` where nothing was played.
        """
        playing = played is not SILENCE and bool(played.any())
        if playing and self._silent_frames >= _PAUSE:
            self._begun_frames = 0
        self._silent_frames = 0 if playing else self._silent_frames + 1
        self._begun_frames += 1
        if self._silent_frames >= _KEPT // FRAME:
            self._loud_frames = 0
            return Cleaned(frame, frame)
        near = float32_of(frame)
        self._played.push(float32_of(played))
        self._heard.push(near)
        self._frames += 1
        self._level = _level(near)
        self._steady_frames = 0 if self._level > _RISEN * self._lately else self._steady_frames + 1
        self._lately += _FOLLOWS * (self._level - self._lately)
        loud = self._level > _AUDIBLE
        self._loud_frames = self._loud_frames + 1 if loud else 0
        if not loud:
            if self._delay is None and _level(self._played.samples[-FRAME:]) > _AUDIBLE:
                self._unheard_frames += 1
            return Cleaned(frame, frame)
        if self._frames - self._looked_at >= self._look_every:
            self._alike, self._looked_at = self._search(), self._frames
        if self._delay is None:
            # Silence and no faint frame: a step from that into a word can keep the detector from hearing the word.
            return Cleaned(frame, SILENCE if self._may_be_echo else frame)
        left = self._predict(near, self._delay)
        is_echo = self._alike >= _ALIKE and self._frames - self._looked_at <= _BELIEVED
        # The way may have changed between two replies: as one arrives, only what is unlike it is a learner.
        arriving = self._begun_frames - self._delay // FRAME <= _ARRIVES
        is_echo = is_echo or (arriving and (self._loud_frames <= _VERDICT or self._alike >= _PERHAPS_ALIKE))
        share = 0.0 if is_echo else float(min(self._energies[1:]) / max(self._energies[0], 1e-12))
        self._learnt_frames += share < _ECHO_LEFT
        opened = min(1.0, max(0.0, (share - _ECHO_LEFT) / (_TALK_LEFT - _ECHO_LEFT)))
        gated = _scaled(left, max(_GATE, opened))
        return Cleaned(_scaled(left, 1.0) if opened else gated, gated)

    @property
    def _may_be_echo(self) -> bool:
        """Whether a frame is withheld from the detector while no echo was found."""
        if self._loud_frames < _GLIMPSE:  # so little sound is like anything that was played
            return self._unheard_frames < _ABSENT or self._alike >= _PLAINLY_ALIKE
        if self._loud_frames <= _VERDICT and self._unheard_frames < _ABSENT:
            return self._alike >= _HARDLY_ALIKE
        return self._alike >= _PERHAPS_ALIKE

    @property
    def _look_every(self) -> int:
        """Frames between two looks for the echo: often as a sound begins, and while what is known of it is new.

        Noise that is about as loud as `_AUDIBLE` begins nothing: a look takes .3 ms.
        """
        new = self._loud_frames <= _NEW and (self._steady_frames <= _NEW or self._level > _FAINT)
        if self._delay is None:
            # What was a little alike is withheld, so that it is looked at again at once.
            expected = self._unheard_frames < _ABSENT or self._alike >= _HARDLY_ALIKE
            return (1 if expected else _UNEXPECTED_EVERY) if new else _TRACKED_EVERY
        return 2 if new or self._learnt_frames < _LEARNT else _TRACKED_EVERY

    def _search(self) -> float:
        """Look for the echo in the last 160 ms, and take its delay where it is plain; return how alike they are."""
        near, far = _emphasised(self._heard.samples), _emphasised(self._played.samples[-_SEARCHED:])
        spectrum = np.fft.rfft(far, _FFT) * np.conj(np.fft.rfft(near, _FFT))
        products = np.fft.irfft(spectrum, _FFT)[: _LAGS + 1]
        sums = np.concatenate([[0.0], np.cumsum(far * far, dtype=np.float64)])
        energies = sums[_WINDOW:] - sums[:-_WINDOW]
        energies = np.maximum(energies, 1e-4 * float(energies.max()) + 1e-9)
        alike = np.abs(products) / np.sqrt(energies * float(near @ near) + 1e-12)
        best = int(np.argmax(alike))
        lag, found = _LAGS - best, float(alike[best])
        if found >= _ALIKE:
            again = self._candidate is not None and abs(lag - self._candidate) <= _SAME_LAG
            if again or found >= _PLAINLY_ALIKE:
                self._follow(lag, float(products[best] / energies[best]))
            self._candidate = lag
        return found

    def _follow(self, lag: int, gain: float) -> None:
        """Follow an echo that was found: shift the filter to it, or begin anew where that does not help."""
        _, predicted, _ = self._energies
        if self._delay is None or abs(lag - self._delay) > _SAME_LAG:
            self._take(lag, gain)
        elif predicted < _UNFIT * self._energies[0]:
            self._unfit_looks = 0
        elif lag != self._delay and not self._unfit_looks:
            self._delay, self._unfit_looks = lag, 1
        elif (looks := self._unfit_looks + 1) > _UNFIT_LOOKS:
            self._take(lag, gain)
        else:
            self._unfit_looks = looks

    def _take(self, delay: int, gain: float) -> None:
        """Take a delay, and begin with an echo of nothing but that."""
        response = np.zeros(2 * FRAME, np.float32)
        response[min(delay, _MARGIN)] = gain
        self._filter = np.zeros((_PARTITIONS, FRAME + 1), np.complex64)
        self._filter[0] = np.fft.rfft(response)
        self._learning = self._filter
        self._delay, self._learnt_frames, self._unfit_looks = delay, 0, 0

    def _predict(self, near: Float32Frame, delay: int) -> Float32Frame:
        """Predict the echo of a frame, learn from the error, and return what is left.

        One filter learns at all times, and with a learner's voice learns nonsense; another one predicts, and follows it
        only where it does better (Ochiai, Araseki, Ogihara, "Echo canceler with two echo path models", 1977).
        """
        end = _KEPT - max(0, delay - _MARGIN)
        sent = self._played.samples
        blocks = [sent[end - (number + 2) * FRAME : end - number * FRAME] for number in range(_PARTITIONS)]
        far = np.fft.rfft(np.stack(blocks), axis=1).astype(np.complex64)
        predictions = (np.stack([self._filter, self._learning]) * far).sum(axis=1)
        left, error = near - np.fft.irfft(predictions)[:, FRAME:].astype(np.float32)
        energies = np.array([near @ near, left @ left, error @ error])
        self._energies += _SMOOTHED * (energies - self._energies)
        power = (np.abs(far) ** 2).sum(axis=0)
        self._power = np.maximum(power, 0.7 * self._power)
        spectrum = np.fft.rfft(np.concatenate([np.zeros(FRAME, np.float32), error]))
        change = np.fft.irfft(_STEP * np.conj(far) * spectrum / (self._power + 1e-3), axis=1)
        change[:, FRAME:] = 0
        self._learning = self._learning + np.fft.rfft(change, axis=1).astype(np.complex64)
        _, predicted, learnt = self._energies
        if learnt < _BETTER * predicted:
            self._filter = self._learning
            self._energies[1] = learnt
        elif predicted < _BETTER * learnt:
            self._learning = self._filter
            self._energies[2] = predicted
        return left if energies[1] < energies[0] else near


def _level(audio: NDArray[np.float32]) -> float:
    return float(np.sqrt(audio @ audio / len(audio)))


def _emphasised(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([audio[:1], audio[1:] - np.float32(_EMPHASIS) * audio[:-1]])


def _scaled(audio: NDArray[np.float32], gain: float) -> Int16Mono:
    return (audio * (gain * 32768)).clip(-32768, 32767).astype(np.int16)
