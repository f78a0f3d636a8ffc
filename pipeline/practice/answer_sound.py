"""The sound of the persona's latest reply, for a caller by request, whom no audio reaches while it is spoken."""

import numpy as np

from pipeline.conversation.events import ReplyAudio, ReplyCleared, SessionEvent
from voice.audio.formats import Int16Mono

LONGEST_S = 90
"""Seconds of a reply that are kept."""


class AnswerSound:
    """Keeps the audio of a session's latest reply, as far as it was heard: subscribe its `hear`.

    Args:
        rate_hz: the sample rate of the session's output.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._turn = -1
        self._parts: list[Int16Mono] = []

    @property
    def samples(self) -> Int16Mono:
        """Mono samples at `rate_hz`, shape (n,); none before the first reply."""
        return np.concatenate([np.zeros(0, np.int16), *self._parts])

    def hear(self, event: SessionEvent) -> None:
        """Take the next event of the session."""
        match event:
            case ReplyAudio(turn=turn, at_ms=at_ms, audio=audio):
                if turn != self._turn:
                    self._turn, self._parts = turn, []
                self._cut(at_ms)  # what a reconnected line did not get is sent again
                if at_ms < LONGEST_S * 1000:
                    self._parts.append(audio)
            case ReplyCleared(turn=turn, heard_ms=heard_ms) if turn == self._turn:
                self._cut(heard_ms)

    def _cut(self, at_ms: int) -> None:
        """Keep the beginning, up to this point."""
        length = at_ms * self.rate_hz // 1000
        if sum(len(part) for part in self._parts) > length:
            self._parts = [self.samples[:length]]
