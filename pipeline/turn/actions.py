"""What the turn machine answers: actions, to be carried out in order (positions in samples)."""

from dataclasses import dataclass
from typing import Literal

from pipeline.turn.events import CallEndReason, Prompted
from voice.audio.formats import Samples

EndReason = Literal["silence", "commit", "mute", "end", "limit"]
"""Why a turn is over."""


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
class Say:
    """Prepare to say a line that is not an answer; as for `Prepare`, nothing of it goes out before `Release`."""

    revision: int
    turn: int
    line: Prompted


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
class Linger:
    """The last word was heard: answer with `Lingered` after a moment, in which the caller may still go on."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the call to `target`; it goes on until whoever does that ends it."""

    target: str


@dataclass(frozen=True, slots=True)
class End:
    """The call is over."""

    reason: CallEndReason = "caller"


Action = (
    OpenUtterance
    | ReopenUtterance
    | Transcribe
    | Prepare
    | Say
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
    | Linger
    | Transfer
    | End
)
