"""A simulated handset: a microphone that is always on, and a player that records what was heard and when."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]

# Announced positions are rounded; only a larger overlap counts as audio that was sent again.
_ROUNDING_MS = 5.0


FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Spoken:
    """When a recording was spoken: `end` is the time of its last sample."""

    start: float
    end: float


@dataclass(slots=True)
class _Utterance:
    samples: Int16
    done: asyncio.Future[Spoken] | None = None
    position: int = 0
    start: float = 0.0


class Microphone:
    """Produces 20 ms frames: queued speech, and background noise in between."""

    def __init__(self, rate_hz: int, noise: int = 0) -> None:
        self.rate_hz = rate_hz
        self.frames = 0
        self._size = round(rate_hz * FRAME_S)
        self._peak = noise
        self._noise = np.random.default_rng(0)
        self._speech: deque[_Utterance] = deque()
        self._track: list[Int16] = []

    def say(self, samples: Int16) -> asyncio.Future[Spoken]:
        """Queue speech; the future completes with its last frame."""
        done: asyncio.Future[Spoken] = asyncio.get_running_loop().create_future()
        self._speech.append(_Utterance(samples, done))
        return done

    def feed(self, samples: Int16, late_s: float = 1.0) -> None:
        """Queue samples of a real microphone; samples more than `late_s` late are dropped."""
        self._speech.append(_Utterance(samples))
        while len(self._speech) * FRAME_S > late_s:
            self._speech.popleft()

    def frame(self, now: float) -> Int16:
        """Return the next frame; its first sample is at `now`."""
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
        """Advance time without producing frames, as while the connection is down."""
        for _ in range(frames):
            self._keep(np.zeros(self._size, np.int16))

    def fail(self, error: Exception) -> None:
        """Fail the queued speech, since nothing more will be sent."""
        for utterance in self._speech:
            if utterance.done and not utterance.done.done():
                utterance.done.set_exception(error)

    def track(self) -> Int16:
        """Return all samples produced so far."""
        return np.concatenate(self._track) if self._track else np.zeros(0, np.int16)

    def _keep(self, samples: Int16) -> None:
        self._track.append(samples)
        self.frames += 1


@dataclass(slots=True)
class PlayedSegment:
    """Audio that plays without a gap from `start`, in seconds on the client's clock."""

    turn: int
    start: float
    at_ms: float
    samples: Int16


class Player:
    """A simulated player: plays audio in order of arrival and tracks how much of each reply was heard.

    It has no clock: every method takes `now`, in seconds.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.segments: list[PlayedSegment] = []
        self._received_ms: dict[int, float] = {}
        self._busy_until = 0.0

    def add(self, turn: int, samples: Int16, at_ms: float, now: float) -> None:
        """Append audio of a reply, without what was received before (and sent again after a dropped connection)."""
        overlap_ms = self._received_ms.get(turn, at_ms) - at_ms
        if overlap_ms > _ROUNDING_MS:
            skipped = min(len(samples), round(overlap_ms * self.rate_hz / 1000))
            samples, at_ms = samples[skipped:], at_ms + overlap_ms
        if not len(samples):
            return
        start = max(now, self._busy_until)
        self.segments.append(PlayedSegment(turn, start, at_ms, samples))
        self._received_ms[turn] = at_ms + self._ms(len(samples))
        self._busy_until = start + len(samples) / self.rate_hz

    def clear(self, now: float) -> None:
        """Drop what has not been played by `now`; it may be sent again if the reply resumes."""
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
        """Return whether any audio is left to play."""
        return now < self._busy_until

    @property
    def busy_until(self) -> float:
        """The time at which the last sample received so far will have been played."""
        return self._busy_until

    def position_ms(self, turn: int, now: float) -> float:
        """Return the playback position in the reply of `turn`, in ms."""
        position = 0.0
        for segment in self.segments:
            if segment.turn == turn and segment.start <= now:
                elapsed_ms = (now - segment.start) * 1000
                position = segment.at_ms + min(elapsed_ms, self._ms(len(segment.samples)))
        return position

    def turns(self) -> Iterable[int]:
        """Return the turns whose replies were or will be played, oldest first."""
        return dict.fromkeys(segment.turn for segment in self.segments)

    def first_heard(self, turn: int) -> float | None:
        """Return the time at which the first sample of the reply of `turn` is played."""
        return next((segment.start for segment in self.segments if segment.turn == turn), None)

    def gaps_ms(self, turn: int) -> list[float]:
        """Return the gaps in ms inside a reply, where audio arrived too late (underruns)."""
        own = [segment for segment in self.segments if segment.turn == turn]
        pauses = (b.start - a.start - len(a.samples) / self.rate_hz for a, b in pairwise(own))
        return [pause * 1000 for pause in pauses if pause > 1 / self.rate_hz]

    def track(self, origin: float, now: float) -> Int16:
        """Return what was heard between `origin` and `now`, with silence where nothing played."""
        heard = np.zeros(max(0, round((now - origin) * self.rate_hz)), dtype=np.int16)
        for segment in self.segments:
            begin = round((segment.start - origin) * self.rate_hz)
            if 0 <= begin < len(heard):
                part = segment.samples[: len(heard) - begin]
                heard[begin : begin + len(part)] = part
        return heard

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self.rate_hz
