"""The turn machine's output: actions, to be carried out in order (positions in samples)."""

from dataclasses import dataclass
from typing import Literal

from pipeline.turn.events import CallEndReason, Prompted
from voice.audio.formats import Samples

EndReason = Literal["silence", "commit", "mute", "end", "limit"]
"""Why a turn is over."""


@dataclass(frozen=True, slots=True)
class OpenUtterance:
    """Keep and recognise the learner's audio from sample `at` on; notify the client."""

    turn: int
    at: Samples


@dataclass(frozen=True, slots=True)
class ReopenUtterance:
    """Take audio for the utterance again: the learner resumed before the reply began."""

    turn: int
    at: Samples


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe the utterance so far; feed back `Transcribed(revision)`."""

    revision: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """Prepare the reply to this text and synthesize its first clause; send and store nothing before `Release`."""

    revision: int
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class SayPrompt:
    """Prepare a prompt, which answers nothing; as for `Prepare`, send nothing before `Release`."""

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
    """Stop all work on this revision; keep a finished reply in case the next transcript is the same."""

    revision: int


@dataclass(frozen=True, slots=True)
class EndTurn:
    """Notify the client that the turn is over."""

    turn: int
    last_speech: Samples
    reason: EndReason


@dataclass(frozen=True, slots=True)
class StoreMessage:
    """Store the learner's words as a chat message, or update it if the turn was reopened."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Release:
    """Play the revision's reply as soon as its first audio is ready."""

    revision: int
    turn: int


@dataclass(frozen=True, slots=True)
class CloseUtterance:
    """Discard the utterance's audio and release its recogniser."""

    turn: int


@dataclass(frozen=True, slots=True)
class NoWords:
    """Notify the client that a committed utterance held no words."""

    turn: int


@dataclass(frozen=True, slots=True)
class Duck:
    """Stop sending audio for now; what the client has buffered plays on."""


@dataclass(frozen=True, slots=True)
class Restore:
    """Resume sending audio where it stopped."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Have the client discard what it has not played; the reply may still resume from there."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """Resume the held reply from what was heard: the sound was no barge-in."""


@dataclass(frozen=True, slots=True)
class CutReply:
    """End the reply at what was heard: cancel its engines, store it."""

    revision: int


@dataclass(frozen=True, slots=True)
class Linger:
    """Feed back `Lingered` a moment after the last word was heard; until then the caller may still speak."""


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Transfer the call to `target`; it stays open until the transferring client ends it."""

    target: str


@dataclass(frozen=True, slots=True)
class End:
    """End the call."""

    reason: CallEndReason = "caller"


Action = (
    OpenUtterance
    | ReopenUtterance
    | Transcribe
    | Prepare
    | SayPrompt
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
    | TransferCall
    | End
)
