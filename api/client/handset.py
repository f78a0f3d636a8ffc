"""A handset on paper: a microphone that is always on, and a loudspeaker that knows what was heard and when."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]

# Announced positions are rounded; only a real overlap counts as audio that was sent again.
_ROUNDING_MS = 5.0


FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Spoken:
    """When a recording was said: `end` is the time of its last sample."""

    start: float
    end: float


@dataclass(slots=True)
class _Utterance:
    samples: Int16
    done: asyncio.Future[Spoken] | None = None
    position: int = 0
    start: float = 0.0


class Microphone:
    """Gives 20 ms frames one after the other: what is being said, and room noise in between."""

    def __init__(self, rate_hz: int, noise: int = 0) -> None:
        self.rate_hz = rate_hz
        self.frames = 0
        self._size = round(rate_hz * FRAME_S)
        self._peak = noise
        self._noise = np.random.default_rng(0)
        self._speech: deque[_Utterance] = deque()
        self._track: list[Int16] = []

    def say(self, samples: Int16) -> asyncio.Future[Spoken]:
        """Queue speech; the result comes when its last frame has been given."""
        done: asyncio.Future[Spoken] = asyncio.get_running_loop().create_future()
        self._speech.append(_Utterance(samples, done))
        return done

    def feed(self, samples: Int16) -> None:
        """Queue what a real microphone just heard; what is more than a second late is dropped."""
        self._speech.append(_Utterance(samples))
        while len(self._speech) * FRAME_S > 1:
            self._speech.popleft()

    def frame(self, now: float) -> Int16:
        """Return the next frame, whose first sample is at `now`."""
        samples = self._noise.integers(-self._peak, self._peak + 1, self._size).astype(np.int16)
        if self._speech:
            utterance = self._speech[0]
            if utterance.position == 0:
                utterance.start = now
            part = utterance.samples[utterance.position : utterance.position + self._size]
            samples[: len(part)] = part
            utterance.position += len(part)
            if utterance.position >= len(utterance.samples):
                self._speech.popleft()
                if utterance.done and not utterance.done.done():
                    utterance.done.set_result(Spoken(utterance.start, now + len(part) / self.rate_hz))
        self._keep(samples)
        return samples

    def skip(self, frames: int) -> None:
        """Let time pass without a frame, as while the line is down."""
        for _ in range(frames):
            self._keep(np.zeros(self._size, np.int16))

    def fail(self, error: Exception) -> None:
        """Nothing more will be sent: whoever is still speaking learns why."""
        for utterance in self._speech:
            if utterance.done and not utterance.done.done():
                utterance.done.set_exception(error)

    def track(self) -> Int16:
        """Return all that was given so far."""
        return np.concatenate(self._track) if self._track else np.zeros(0, np.int16)

    def _keep(self, samples: Int16) -> None:
        self._track.append(samples)
        self.frames += 1


@dataclass(slots=True)
class Segment:
    """Audio that plays without a gap from `start` (seconds on the client's clock)."""

    turn: int
    start: float
    at_ms: float
    samples: Int16


class Player:
    """Plays what is added in order, from the moment it arrives; knows how much of each reply has been heard.

    It keeps no clock: every verb is given `now`, in seconds.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.segments: list[Segment] = []
        self._received_ms: dict[int, float] = {}
        self._busy_until = 0.0

    def add(self, turn: int, samples: Int16, at_ms: float, now: float) -> None:
        """Append audio of a reply; what was received before (sent again after a dropped connection) is left out."""
        overlap_ms = self._received_ms.get(turn, at_ms) - at_ms
        if overlap_ms > _ROUNDING_MS:
            skipped = min(len(samples), round(overlap_ms * self.rate_hz / 1000))
            samples, at_ms = samples[skipped:], at_ms + overlap_ms
        if not len(samples):
            return
        start = max(now, self._busy_until)
        self.segments.append(Segment(turn, start, at_ms, samples))
        self._received_ms[turn] = at_ms + self._ms(len(samples))
        self._busy_until = start + len(samples) / self.rate_hz

    def clear(self, now: float) -> None:
        """Drop what has not been played by `now`; it may be sent again, should the reply go on."""
        kept = []
        for segment in self.segments:
            played = max(0, round((now - segment.start) * self.rate_hz))
            if played < len(segment.samples):
                segment.samples = segment.samples[:played]
                ends_ms = segment.at_ms + self._ms(played)
                self._received_ms[segment.turn] = min(self._received_ms[segment.turn], ends_ms)
            if played:
                kept.append(segment)
        self.segments = kept
        self._busy_until = min(self._busy_until, now)

    def is_playing(self, now: float) -> bool:
        """Return whether anything is still to be heard."""
        return now < self._busy_until

    @property
    def busy_until(self) -> float:
        """When the last sample received so far will have been played."""
        return self._busy_until

    def position_ms(self, turn: int, now: float) -> float:
        """Return how far into the reply of `turn` the listener is."""
        position = 0.0
        for segment in self.segments:
            if segment.turn == turn and segment.start <= now:
                elapsed_ms = (now - segment.start) * 1000
                position = segment.at_ms + min(elapsed_ms, self._ms(len(segment.samples)))
        return position

    def turns(self) -> Iterable[int]:
        """Turns of which something was or will be played, oldest first."""
        return dict.fromkeys(segment.turn for segment in self.segments)

    def first_heard(self, turn: int) -> float | None:
        """Return when the first sample of the reply of `turn` is played."""
        return next((segment.start for segment in self.segments if segment.turn == turn), None)

    def gaps_ms(self, turn: int) -> list[float]:
        """Return the silences inside a reply, where audio came too late to play on."""
        own = [segment for segment in self.segments if segment.turn == turn]
        pauses = (b.start - a.start - len(a.samples) / self.rate_hz for a, b in pairwise(own))
        return [pause * 1000 for pause in pauses if pause > 1 / self.rate_hz]

    def track(self, origin: float, now: float) -> Int16:
        """Return all that was heard between `origin` and `now`, silence where nothing was."""
        heard = np.zeros(max(0, round((now - origin) * self.rate_hz)), dtype=np.int16)
        for segment in self.segments:
            begin = round((segment.start - origin) * self.rate_hz)
            if 0 <= begin < len(heard):
                part = segment.samples[: len(heard) - begin]
                heard[begin : begin + len(part)] = part
        return heard

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self.rate_hz
