"""What the turn machine is told, and what it answers: events and actions (positions in samples)."""

from dataclasses import dataclass
from typing import Literal

Samples = int

EndReason = Literal["silence", "commit", "mute", "end", "limit"]


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at sample `at` (which lies before `now`: it took some frames to be sure)."""

    at: Samples


@dataclass(frozen=True, slots=True)
class SpeechContinued:
    """A frame while the learner speaks over a reply: `run` samples of unbroken speech, or `quiet` samples of none."""

    run: Samples
    quiet: Samples


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A silence has lasted long enough to prepare for the end of the turn; the last speech was at `last_speech`."""

    last_speech: Samples


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech again, before the turn was over."""


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


# --------------------------------------------------------------- actions


@dataclass(frozen=True, slots=True)
class OpenUtterance:
    """Begin to keep and recognise the learner's audio, from sample `at`; tell the client."""

    turn: int
    at: Samples


@dataclass(frozen=True, slots=True)
class ReopenUtterance:
    """The learner went on before the reply began: the utterance takes audio again."""

    turn: int
    at: Samples


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe the utterance so far; answer with `Transcribed(revision)`."""

    revision: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """Prepare the reply to this text and its first clause; nothing of it may be sent or stored before `Release`."""

    revision: int
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Apologise:
    """Prepare an apology instead of a reply: the learner's words could not be recognised."""

    revision: int
    turn: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """Stop all work on this revision; keep what is finished in case the next transcript is the same."""

    revision: int


@dataclass(frozen=True, slots=True)
class EndTurn:
    """Tell the client that the turn is over."""

    turn: int
    last_speech: Samples
    reason: EndReason


@dataclass(frozen=True, slots=True)
class StoreMessage:
    """The learner's words become a chat message (the same one again when a turn was reopened)."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Release:
    """The revision's reply may go out as soon as there is any of it."""

    revision: int
    turn: int


@dataclass(frozen=True, slots=True)
class CloseUtterance:
    """Forget the utterance's audio and give its recogniser back."""

    turn: int


@dataclass(frozen=True, slots=True)
class NoWords:
    """A committed utterance held no words: tell the client."""

    turn: int


@dataclass(frozen=True, slots=True)
class Duck:
    """Hand out no more audio for now; what the client holds plays on."""


@dataclass(frozen=True, slots=True)
class Restore:
    """Go on handing out audio where it stopped."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The client drops what it has not played; the reply may still go on from there."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """It was nothing: the held reply goes on from what was heard."""


@dataclass(frozen=True, slots=True)
class CutReply:
    """The reply is over at what was heard: cancel its engines, store it."""

    revision: int


@dataclass(frozen=True, slots=True)
class End:
    """The call is over."""


Action = (
    OpenUtterance
    | ReopenUtterance
    | Transcribe
    | Prepare
    | Apologise
    | Suspend
    | EndTurn
    | StoreMessage
    | Release
    | CloseUtterance
    | NoWords
    | Duck
    | Restore
    | Hold
    | GoOn
    | CutReply
    | End
)
