"""What the turn machine is told: events (positions in samples).

That speech starts, pauses and resumes it is told by the endpointer, in the endpointer's own events.
"""

from dataclasses import dataclass
from typing import Literal

from voice.audio.formats import Samples
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted


@dataclass(frozen=True, slots=True)
class SpeechContinued:
    """A frame while the learner speaks over a reply: `run` samples of unbroken speech, or `quiet` samples of none."""

    run: Samples
    quiet: Samples


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The state's `deadline` has been reached."""


@dataclass(frozen=True, slots=True)
class Partial:
    """The words of the open utterance so far; `spoken` is what the persona said lately (to know its echo)."""

    text: str
    spoken: str = ""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The transcript that `Transcribe(revision)` asked for, or that it `failed`.

    `spoken` is as in `Partial`; `ending` is an end-of-turn model's probability that the turn is over.
    """

    revision: int
    text: str
    spoken: str = ""
    ending: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first audio of the revision's reply went out."""

    revision: int


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The revision's reply was played to its end, or failed and is over."""

    revision: int


@dataclass(frozen=True, slots=True)
class Typed:
    """The learner typed a message; it is stored already."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """The persona shall say something unasked: a greeting, or a word after a long silence."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Manual turns: the utterance ends here."""

    started_at: Samples | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The learner wants the persona to be quiet."""


@dataclass(frozen=True, slots=True)
class Muted:
    """No audio will come: the learner muted, or (reason silence) the client stopped sending frames."""

    reason: Literal["mute", "silence"] = "mute"


@dataclass(frozen=True, slots=True)
class Unmuted:
    """Audio will come again."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """Finish the open utterance, then end the call."""


Event = (
    SpeechStarted
    | SpeechContinued
    | SpeechPaused
    | SpeechResumed
    | Elapsed
    | Partial
    | Transcribed
    | ReplyStarted
    | ReplyFinished
    | Typed
    | Prompted
    | Committed
    | Stopped
    | Muted
    | Unmuted
    | Hangup
)
