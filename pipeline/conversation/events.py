"""The events that a voice session publishes. Each door renders them in its own dialect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.conversation.tools import FunctionCall
from pipeline.turn.actions import EndReason
from pipeline.turn.events import CallEndReason


@dataclass(frozen=True, slots=True)
class UserStarted:
    """Speech began; `at_ms` is audio time."""

    turn: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class UserPartial:
    """The transcript so far, accumulated; published words are not retracted before the final transcript."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class UserEnded:
    """The turn is over: its speech ended at `at_ms` (audio time), `silence_ms` before this was decided."""

    turn: int
    at_ms: int
    silence_ms: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class UserMessage:
    """The learner's words as stored; sent again with the same id when a turn was reopened and grew."""

    turn: int
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """The persona begins to answer."""

    turn: int
    message_id: str
    persona_id: str


@dataclass(frozen=True, slots=True)
class ReplyText:
    """More of the reply's text."""

    turn: int
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """More of the reply's audio.

    Attributes:
        at_ms: its position in the reply's audio.
        text: the words in it.
        audio: int16 mono samples at the session's output rate, shape (n,), 20 to 100 ms.
    """

    turn: int
    seq: int
    at_ms: int
    duration_ms: int
    text: str
    audio: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class ReplyCleared:
    """The reply was interrupted: the client must discard what it has not played."""

    turn: int
    heard_ms: int
    heard: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The persona's message as stored: all of its `text`, and what was `heard` of it.

    Attributes:
        truncated: the model stopped at its limit of tokens, or the reply at ours: it may end in mid-sentence.
    """

    turn: int
    message_id: str
    text: str
    heard: str
    interrupted: bool
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """The waterfall of a turn, from the last speech sample to the first audio sent, in milliseconds."""

    turn: int
    endpoint_ms: int
    stt_ms: int
    llm_ms: int
    tts_ms: int
    voice_to_voice_ms: int

    @property
    def stages(self) -> dict[str, int]:
        """The milliseconds by stage, as they are stored with the answer."""
        return {name: getattr(self, name) for name in STAGES}


STAGES = ("endpoint_ms", "stt_ms", "llm_ms", "tts_ms", "voice_to_voice_ms")
"""The stages of a turn's latency, in their order."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A typed error; the session goes on unless it is fatal."""

    code: str
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The persona transfers the call to `target`, and its last word was heard.

    The client carries out the transfer: it ends the call when `target` has answered, or reports that it failed. The
    event is published only if the line can transfer to `target`.
    """

    turn: int
    target: str


@dataclass(frozen=True, slots=True)
class Restarting:
    """The service restarts: the call goes on in the next process, for the one who resumes it there.

    Attributes:
        resume: the call's resume token.
        after_ms: when to come back, so that not everybody does at once.
    """

    resume: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over, for this reason."""

    chat_id: str
    stopped: bool
    duration_ms: int
    turns: int
    reason: CallEndReason = "caller"


@dataclass(frozen=True, slots=True)
class ToolsCalled:
    """The reply calls tools that the client carries out; their results come as `ToolAnswered`."""

    turn: int
    calls: tuple[FunctionCall, ...]


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """A reply was over before its first word: it only called tools, or there was nothing to say."""

    turn: int


@dataclass(frozen=True, slots=True)
class ReplyStalled:
    """The reply's next audio was not there when its client had played all before: `gap_ms` of silence, as estimated."""

    turn: int
    gap_ms: int


SessionEvent = (
    UserStarted
    | UserPartial
    | UserEnded
    | UserMessage
    | ReplyBegan
    | ReplyText
    | ReplyAudio
    | ReplyCleared
    | ReplyEnded
    | TurnLatency
    | Problem
    | TransferAsked
    | ToolsCalled
    | NothingSaid
    | ReplyStalled
    | Restarting
    | CallEnded
)
