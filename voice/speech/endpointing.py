"""From speech probabilities to events: speech started, paused, resumed. In sample time, and nothing else.

Whether a pause ends the turn is not decided here: that takes the words said so far, which the turn machine has.
"""

from dataclasses import dataclass

from voice.audio.formats import FRAME, RATE_HZ, Samples

_MS = RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """When speech counts as begun and as paused. Tuned on the packaged recordings, clean and at 20 dB above noise.

    Attributes:
        start_probability: a frame at least this likely begins speech.
        stop_probability: once begun, a frame at least this likely goes on with it.
        onset_probability: frames at least this likely, right before the beginning, belong to it.
        start_ms: this much speech confirms that it began or resumed; less is a click.
        gap_ms: a gap up to this long, as inside a word, does not interrupt a run of speech.
        pause_ms: this much silence is a pause, time to begin work that the end of the turn would need.
    """

    start_probability: float = 0.5
    stop_probability: float = 0.35
    onset_probability: float = 0.1
    start_ms: int = 80
    gap_ms: int = 120
    pause_ms: int = 180


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began.

    Attributes:
        at: where it began, before it was confirmed.
    """

    at: Samples


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech was followed by `pause_ms` of silence: long enough to prepare for the end of the turn.

    Attributes:
        last_speech: where the speech ended.
    """

    last_speech: Samples


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech went on after a pause.

    Attributes:
        at: where it began again, before it was confirmed.
    """

    at: Samples


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed


class Endpointer:
    """Follows one call's speech, frame by frame. Positions are in samples at 16 kHz since the call began.

    Attributes:
        speaking: true from the moment speech is confirmed until its pause.
        last_speech: position at which the latest confirmed speech ended, or has come to; 0 before any.
        speech_ms: speech in this utterance so far, pauses not counted.
    """

    def __init__(self, rules: EndpointRules | None = None) -> None:
        self.rules = rules or EndpointRules()
        self.speaking = False
        self.last_speech = 0
        self.speech_ms = 0
        self._started = False
        self._onset: int | None = None
        self._run: _Run | None = None

    def reset(self) -> None:
        """Begin a new utterance: the next speech is started, not resumed. Speech not yet confirmed is kept for it."""
        if self.speaking:
            self._run = None
            self._onset = None
        self.speaking = False
        self._started = False
        self.speech_ms = 0

    def push(self, probability: float, now: Samples) -> list[SpeechEvent]:
        """Take the next frame's probability of speech; give what it decides, in order.

        Args:
            probability: of the 20 ms frame that ends at `now`.
            now: position of that frame's end, in samples.
        """
        self._follow(probability, now)
        if self.speaking:
            self._move_last_speech()
            if now - self.last_speech < self.rules.pause_ms * _MS:
                return []
            self.speaking, self._run = False, None
            return [SpeechPaused(self.last_speech)]
        if self._run is None or self._run.frames * FRAME < self.rules.start_ms * _MS:
            return []
        resumed, self._started, self.speaking = self._started, True, True
        self._move_last_speech()
        self.speech_ms += self._run.frames * FRAME // _MS
        return [SpeechResumed(self._run.start) if resumed else SpeechStarted(self._run.start)]

    def stirring(self, now: Samples) -> bool:
        """Whether what may become speech is under way in a pause: the latest frame but one was likely, or later."""
        return not self.speaking and self._run is not None and now - self._run.end <= FRAME

    def speech_run(self, now: Samples) -> Samples:
        """How many samples of speech there have been up to now without a gap, confirmed or not; 0 in a gap."""
        return now - self._run.start if self._run else 0

    def _move_last_speech(self) -> None:
        if self._run is not None:
            self.last_speech = self._run.end

    def _follow(self, probability: float, now: Samples) -> None:
        """Extend, begin or end the run of speech."""
        likely = probability >= (self.rules.stop_probability if self._run else self.rules.start_probability)
        if likely:
            if self._run is None:
                onset = now - FRAME if self._onset is None else self._onset
                self._run = _Run(start=max(onset, self.last_speech))
            self._run.frames += 1
            self._run.end = now
            if self.speaking:
                self.speech_ms += FRAME // _MS
        elif self._run is not None and now - self._run.end > self.rules.gap_ms * _MS:
            self._run = None
        if probability < self.rules.onset_probability:
            self._onset = None
        elif self._onset is None:
            self._onset = now - FRAME


@dataclass(slots=True)
class _Run:
    start: int
    frames: int = 0
    end: int = 0
