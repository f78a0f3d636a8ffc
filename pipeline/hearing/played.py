"""What the client's loudspeaker plays, frame by frame, and the microphone without it.

The client plays what it gets as it comes, and records as it plays, so a frame of its microphone stands for a frame of
its loudspeaker. How much later the echo arrives is for the canceller to find.
"""

import numpy as np

from pipeline.conversation.events import ReplyAudio, ReplyCleared, SessionEvent
from voice.audio.formats import FRAME, RATE_HZ, Int16Mono
from voice.audio.resample import Resampler
from voice.speech.echo import SILENCE, Cleaned, EchoCanceller

LATE_S = 0.3
"""Audio that should have been played so long ago was played while no frames came; it is dropped."""


class PlayedAudio:
    """The client's player, as far as it can be known here. It holds at most what was sent ahead, and LATE_S.

    Args:
        rate_hz: the session's output rate.
    """

    def __init__(self, rate_hz: int) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._waiting = np.zeros(0, np.int16)
        self._due = 0.0
        self._begins = False

    def note(self, event: SessionEvent, now: float) -> None:
        """Note what was sent to the client, or that it was told to discard what it had not played."""
        match event:
            case ReplyAudio():
                if not len(self._waiting):
                    self._due, self._begins = now, True
                self._waiting = np.concatenate([self._waiting, self._resampler.process(event.audio)])
            case ReplyCleared():
                self._waiting = self._waiting[:0]
            case _:
                pass

    def frame(self, now: float) -> Int16Mono:
        """Return what is played during one frame of the microphone: int16, shape (320,), 16 kHz."""
        if not len(self._waiting):
            return SILENCE
        if (late_s := now - self._due) > LATE_S:
            missed = int(late_s * RATE_HZ)
            self._waiting = self._waiting[missed:]
            self._due += missed / RATE_HZ
        silent = max(0, FRAME - int((now - self._due) * RATE_HZ)) if self._begins else 0
        self._begins = False
        played, self._waiting = self._waiting[: FRAME - silent], self._waiting[FRAME - silent :]
        self._due += len(played) / RATE_HZ
        return np.concatenate([SILENCE[:silent], played, SILENCE[silent + len(played) :]])


class EchoFree:
    """The learner's frames without the persona's voice.

    Args:
        rate_hz: the session's output rate.
        cancels: False to leave them as they are.
    """

    def __init__(self, rate_hz: int, *, cancels: bool) -> None:
        self._played = PlayedAudio(rate_hz)
        self._canceller = EchoCanceller()
        self._cancels = cancels

    def note(self, event: SessionEvent, now: float) -> None:
        """Note what was sent to the client; see `PlayedAudio.note`."""
        if self._cancels:
            self._played.note(event, now)

    @property
    def found(self) -> bool:
        """Whether an echo was found."""
        return self._canceller.delay_ms is not None

    @property
    def sounds(self) -> bool:
        """Whether an echo may be in the next frame."""
        return self._canceller.sounds

    def frame(self, frame: Int16Mono, now: float) -> Cleaned:
        """Take the echo out of a frame: int16, shape (320,), 16 kHz."""
        return self._canceller.push(frame, self._played.frame(now))
