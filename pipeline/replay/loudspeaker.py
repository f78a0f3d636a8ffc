"""The learner's simulated player: plays audio in order of arrival, and tracks what was heard."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.conversation.events import ReplyAudio
from voice.audio.formats import RATE_HZ, Int16Mono
from voice.audio.resample import resample


@dataclass(slots=True)
class _Stretch:
    """Audio of a reply from position `at_ms` on, which plays from `start` (in seconds) for `ms`."""

    turn: int
    start: float
    at_ms: float
    ms: float
    audio: Int16Mono

    def played(self, now: float) -> float:
        return min(self.ms, max(0.0, (now - self.start) * 1000))


class Loudspeaker:
    """A player without a clock: every method takes `now`, in seconds.

    Args:
        rate_hz: the rate of the audio that it is sent.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._stretches: list[_Stretch] = []
        self._received_ms: dict[int, float] = {}
        self._played_ms: dict[int, float] = {}
        self._busy_until = 0.0

    def take(self, event: ReplyAudio, now: float) -> None:
        """Queue audio, without what was received before (and sent again after a dropped connection)."""
        at_ms, ms = float(event.at_ms), float(event.duration_ms)
        again = max(0.0, self._received_ms.get(event.turn, at_ms) - at_ms)
        if again > 1:
            at_ms, ms = at_ms + again, ms - again
        if ms <= 0:
            return
        audio = resample(event.audio, self._rate_hz, RATE_HZ)[-round(ms * RATE_HZ / 1000) :]
        start = max(now, self._busy_until)
        self._stretches.append(_Stretch(event.turn, start, at_ms, ms, audio))
        self._received_ms[event.turn] = at_ms + ms
        self._busy_until = start + ms / 1000

    def clear(self, now: float) -> None:
        """Drop what has not been played; it may be sent again."""
        for stretch in self._stretches:
            played = stretch.played(now)
            if played < stretch.ms:
                stretch.ms = played
                self._received_ms[stretch.turn] = min(self._received_ms[stretch.turn], stretch.at_ms + played)
        self._busy_until = min(self._busy_until, now)

    def is_playing(self, now: float) -> bool:
        """Return whether any audio is left to play."""
        return now < self._busy_until

    def position(self, now: float) -> tuple[int, float] | None:
        """Return the turn of the reply that plays or played last, and the playback position in it in ms."""
        begun = [stretch for stretch in self._stretches if stretch.start <= now]
        return (begun[-1].turn, begun[-1].at_ms + begun[-1].played(now)) if begun else None

    def sound(self, now: float, seconds: float) -> Int16Mono:
        """Return what was audible in the `seconds` up to `now`: int16 mono at 16 kHz; at most a second back."""
        begin = round((now - seconds) * RATE_HZ)
        audible = np.zeros(round(seconds * RATE_HZ), np.int16)
        for stretch in self._stretches:
            played = stretch.audio[: round(stretch.ms * RATE_HZ / 1000)]
            at = round(stretch.start * RATE_HZ) - begin
            part = played[max(0, -at) : max(0, len(audible) - at)]
            audible[max(0, at) : max(0, at) + len(part)] = part
        return audible

    def news(self, now: float) -> Iterator[tuple[int, int, int]]:
        """Yield what was heard since the last call, oldest first: turn, start and end in ms of the reply."""
        kept = []
        for stretch in self._stretches:
            end = stretch.at_ms + stretch.played(now)
            begin = max(stretch.at_ms, self._played_ms.get(stretch.turn, stretch.at_ms))
            if end > begin:
                yield stretch.turn, round(begin), round(end)
                self._played_ms[stretch.turn] = end
            if stretch.start + stretch.ms / 1000 > now - 1 or stretch is self._stretches[-1]:
                kept.append(stretch)
        self._stretches = kept
