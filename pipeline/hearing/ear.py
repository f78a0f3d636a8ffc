"""The learner's frames on their way to the endpointer and the recogniser: without offset, hum, echo and background."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.conversation.events import SessionEvent
from pipeline.hearing.played import EchoFree
from pipeline.turn.actions import Action, CloseUtterance, StoreMessage
from voice.audio.formats import Int16Mono
from voice.speech.background import BackgroundLevel
from voice.speech.high_pass import HighPass
from voice.speech.hum import MainsHum
from voice.speech.vad import SpeechDetector

_UNVOICED = 0.15
"""Speech probability below which a frame is measured for hum."""


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """A frame of the learner's.

    Attributes:
        audio: for the recogniser, without offset, hum and the persona's echo: int16, shape (320,), 16 kHz.
        speech: the speech probability, 0 to 1.
    """

    audio: Int16Mono
    speech: float


class Ear:
    """The ear of one call.

    Args:
        output_rate_hz: sample rate of the persona's audio.
        cancels_echo: take the persona's voice out of the learner's audio.
    """

    def __init__(self, output_rate_hz: int, *, cancels_echo: bool) -> None:
        self._high_pass = HighPass()
        self._hum = MainsHum()
        self._speech = 0.0
        self._echo_free = EchoFree(output_rate_hz, cancels=cancels_echo)
        self._detector = SpeechDetector()
        self.background = BackgroundLevel()
        """What sounds while nobody speaks to the persona."""

    @property
    def hears_echo(self) -> bool:
        """Whether the persona's voice comes back from the client."""
        return self._echo_free.found

    def note(self, event: SessionEvent, now: float) -> None:
        """Note what was sent to the client, whose loudspeaker may be heard."""
        self._echo_free.note(event, now)

    def settle(self, actions: Iterable[Action]) -> None:
        """Note whether the learner's latest utterance held words, if these actions of the turn machine show it."""
        kinds = {type(action) for action in actions}
        if StoreMessage in kinds:
            self.background.settle(heard=True)
        elif CloseUtterance in kinds:
            self.background.settle(heard=False)

    def hear(self, frame: Int16Mono, now: float, *, in_utterance: bool) -> HeardFrame:
        """Take 20 ms of the learner's audio.

        Args:
            frame: int16, shape (320,), 16 kHz.
            now: the time, in seconds.
            in_utterance: whether it belongs to the open utterance.
        """
        # A vowel of the persona's that comes back is no hum.
        quiet = not in_utterance and self._speech < _UNVOICED and not self._echo_free.sounds
        cleaned = self._echo_free.frame(self._hum.push(self._high_pass.push(frame), quiet=quiet), now)
        if self._hum.began:
            self._detector.reset()
            self.background.reset()
        speech = self._speech = self._detector.push(
            cleaned.gated, least_db=self.background.threshold_db(in_utterance=in_utterance)
        )
        self.background.push(self._detector.level_db, in_utterance=in_utterance)
        return HeardFrame(cleaned.audio, speech)
