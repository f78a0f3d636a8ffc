"""What the turn machine is told: events (positions in samples).

That speech starts, pauses and resumes it is told by the endpointer, in the endpointer's own events.
"""

from dataclasses import dataclass
from typing import Literal

from voice.audio.formats import Samples
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

CallEndReason = Literal["caller", "persona", "transfer", "silence", "duration", "idle", "lost", "closing", "failed"]
"""Why a call is over: the caller hung up; the persona did, or handed the caller on; nobody spoke; its time was up; its
connection said nothing, or never came back; the service closes; it broke."""

WHOLE: Samples = 2**62
"""Protects all of a line, however long."""


@dataclass(frozen=True, slots=True)
class Leave:
    """What a reply asks for; it is done once its last word was heard, unless the conversation goes on.

    Attributes:
        reason: why the call ends.
        target: whom the call is handed to instead of ending it; empty for nobody.
        final: the conversation cannot go on: whatever is said then, the call ends.
    """

    reason: CallEndReason = "persona"
    target: str = ""
    final: bool = False


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

    `spoken` is as in `Partial`, and holds the question that this may answer; `ending` is an end-of-turn model's
    probability that the turn is over.
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
    """The revision's reply was played to its end, or failed and is over; `leave` is what it asks for, if anything."""

    revision: int
    leave: Leave | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """The learner typed a message; it is stored already."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """The persona shall say something unasked: a greeting, a word after a long silence, a warning.

    Attributes:
        text: what it says; empty for words of its own.
        protected: so much of its beginning is not interrupted by speech; `WHOLE` is not interrupted by anything.
        insists: it waits for the floor, instead of being dropped where that is taken.
        aside: it is not the persona who says it: it is no part of what the next reply is made from.
        leave: what is asked for once it was heard.
    """

    text: str = ""
    protected: Samples = 0
    insists: bool = False
    aside: bool = False
    leave: Leave | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """The client wants what was said so far to be answered."""


@dataclass(frozen=True, slots=True)
class Lingered:
    """The time that `Linger` asked for is over."""


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

    reason: CallEndReason = "caller"


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
    | Requested
    | Lingered
    | Committed
    | Stopped
    | Muted
    | Unmuted
    | Hangup
)
