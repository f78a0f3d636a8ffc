"""Endpointing: from speech probabilities to the events speech started, paused and resumed, in sample time only.

Whether a pause ends the turn is decided by the turn machine, which also has the text.
"""

from dataclasses import dataclass

from voice.audio.formats import FRAME, RATE_HZ, Samples

_MS = RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """The thresholds of endpointing, tuned on the packaged recordings, clean and at an SNR of 20 dB.

    Attributes:
        start_probability: minimum speech probability of a frame that starts speech.
        stop_probability: minimum speech probability of a frame that continues speech.
        onset_probability: minimum speech probability of frames right before the start that belong to it.
        start_ms: duration of speech that confirms a start or resumption; less is a click.
        gap_ms: maximum gap within a run of speech, as inside a word.
        pause_ms: duration of silence that is a pause, in which speculative work begins.
    """

    start_probability: float = 0.5
    stop_probability: float = 0.35
    onset_probability: float = 0.1
    start_ms: int = 80
    gap_ms: int = 120
    pause_ms: int = 180


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech started.

    Attributes:
        at: position of its start, before it was confirmed.
    """

    at: Samples


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech paused: `pause_ms` of silence, after which the end of the turn is prepared speculatively.

    Attributes:
        last_speech: position of the end of speech.
    """

    last_speech: Samples


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech resumed after a pause.

    Attributes:
        at: position of its resumption, before it was confirmed.
    """

    at: Samples


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed


class Endpointer:
    """Endpointing of one call, frame by frame. Positions are in samples at 16 kHz since the start of the call.

    Attributes:
        speaking: whether confirmed speech is open, without a pause.
        last_speech: position up to which there was confirmed speech; 0 before any.
        last_sound: position up to which a frame may have been speech, such as a faint last consonant; 0 before any.
        speech_ms: duration of speech in this utterance, without pauses.
    """

    def __init__(self, rules: EndpointRules | None = None) -> None:
        self.rules = rules or EndpointRules()
        self.speaking = False
        self.last_speech = 0
        self.last_sound = 0
        self.speech_ms = 0
        self._started = False
        self._onset: int | None = None
        self._run: _Run | None = None

    def reset(self) -> None:
        """Begin a new utterance: the next speech starts instead of resuming; unconfirmed speech belongs to it."""
        if self.speaking:
            self._run = None
            self._onset = None
        self.speaking = False
        self._started = False
        self.speech_ms = 0

    def push(self, probability: float, now: Samples) -> list[SpeechEvent]:
        """Feed the speech probability of the next frame; return the events that it triggers, in order.

        Args:
            probability: speech probability of the 20 ms frame that ends at `now`.
            now: position of the end of that frame, in samples.
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
        """Return whether there may be an onset of speech in a pause: one of the last two frames was likely."""
        return not self.speaking and self._run is not None and now - self._run.end <= FRAME

    def speech_run(self, now: Samples) -> Samples:
        """Return the length in samples of the current run of speech, confirmed or not; 0 in a gap."""
        return now - self._run.start if self._run else 0

    def _move_last_speech(self) -> None:
        if self._run is not None:
            self.last_speech = self._run.end

    def _follow(self, probability: float, now: Samples) -> None:
        """Extend, start or end the run of speech."""
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
            return
        self.last_sound = now
        if self._onset is None:
            self._onset = now - FRAME


@dataclass(slots=True)
class _Run:
    start: int
    frames: int = 0
    end: int = 0
