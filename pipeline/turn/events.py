"""The turn machine's input: events (positions in samples).

That speech starts, pauses and resumes are the endpointer's events, which the machine takes as they are.
"""

from dataclasses import dataclass
from typing import Literal

from voice.audio.formats import Samples
from voice.speech.endpointing import SpeechPaused, SpeechResumed, SpeechStarted

CallEndReason = Literal[
    "caller", "persona", "transfer", "silence", "duration", "idle", "lost", "closing", "failed", "revoked"
]
"""Why a call is over: the caller or the persona hung up; the call was transferred; nobody spoke; its time was up; its
connection was idle, or never resumed; the service closes; the call failed."""

WHOLE: Samples = 2**62
"""Protects all of a prompt, however long."""

UNINTERRUPTED: Samples = 2**61
"""Protects all of a reply from speech, but not from `Stopped`."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The end of the call that a reply asks for, after its last word was heard, unless the conversation goes on.

    Attributes:
        reason: why the call ends.
        target: whom the call is transferred to instead; empty for nobody.
        final: the call ends, whatever is said meanwhile.
    """

    reason: CallEndReason = "persona"
    target: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class SpeechContinued:
    """A frame while the learner speaks over a reply: `run` samples of unbroken speech, or `quiet` samples of none.

    `stands_out` tells whether the utterance is louder than what sounds in the background anyway.
    """

    run: Samples
    quiet: Samples
    stands_out: bool = True


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The state's `deadline` has been reached."""


@dataclass(frozen=True, slots=True)
class Partial:
    """The words of the open utterance so far; `spoken` are the persona's latest words (to recognise an echo)."""

    text: str
    spoken: str = ""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The transcript that `Transcribe(revision)` requested, or that it `failed`.

    `spoken` is as in `Partial`, and holds the question that this may answer; `prosody` and `ending` are the
    probabilities that the turn is over, by pitch and level and by an end-of-turn model; None where there is none.
    """

    revision: int
    text: str
    spoken: str = ""
    prosody: float | None = None
    ending: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first audio of the revision's reply was sent."""

    revision: int


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The revision's reply was played to its end, or failed; `leave` is the end of the call it asks for, if any."""

    revision: int
    leave: Leave | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """The learner typed a message; it is stored already.

    Attributes:
        answered: it is to be answered at once, unless replies come on request; otherwise by the next reply.
    """

    answered: bool = True


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt: the persona is to speak unasked, with a greeting, a word after a long silence, a warning.

    Attributes:
        text: what it says; empty for the persona's own words.
        protected: samples from its beginning that barge-in does not stop; nothing interrupts `WHOLE`.
        insists: it waits for the floor, instead of being dropped if that is taken.
        aside: it is not the persona's own: no context of the next reply.
        leave: the end of the call that it asks for, once it was heard.
    """

    text: str = ""
    protected: Samples = 0
    insists: bool = False
    aside: bool = False
    leave: Leave | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """The client requests an answer to what was said so far.

    Attributes:
        anyway: it is due even while an answer is on its way: after that one. Otherwise the request is ignored then.
    """

    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Discarded:
    """The open utterance is dropped: its audio is no turn."""


@dataclass(frozen=True, slots=True)
class Lingered:
    """The moment that `Linger` began is over."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Manual turns: the utterance ends here."""

    started_at: Samples | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The learner wants the persona to be quiet."""


@dataclass(frozen=True, slots=True)
class Muted:
    """No audio will arrive: the learner muted, or (reason silence) the client stopped sending frames."""

    reason: Literal["mute", "silence"] = "mute"


@dataclass(frozen=True, slots=True)
class Unmuted:
    """Audio will arrive again."""


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
    | Discarded
    | Lingered
    | Committed
    | Stopped
    | Muted
    | Unmuted
    | Hangup
)
