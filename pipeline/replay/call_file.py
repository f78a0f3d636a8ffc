"""The contents of a call file: persona, the learner's actions with their times, and the expectations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.packs import Pack
from models.packs.located import Text
from models.records.core import Persona
from models.records.lessons import Lesson
from pipeline.call.session import SessionSettings
from pipeline.errors import PipelineError
from pipeline.llm.completions import ToolCall
from voice.audio.formats import Int16Mono

Control = Literal[
    "stop",
    "mute",
    "unmute",
    "commit",
    "ask-reply",
    "transferred",
    "transfer-failed",
    "hang-up",
    "drop",
    "resume",
    "frames-off",
    "frames-on",
]


class InvalidCall(PipelineError):
    """The call file is invalid.

    Attributes:
        problems: each as "file:line: reason".
    """

    code = "invalid_call"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# ------------------------------------------------------------------ when


@dataclass(frozen=True, slots=True)
class AfterItem:
    """`ms` after the end of the previous item."""

    ms: float = 0


@dataclass(frozen=True, slots=True)
class AtTime:
    """`ms` after the start of the call."""

    ms: float


@dataclass(frozen=True, slots=True)
class AfterEvent:
    """`ms` after the first event of this name since the start of the previous item."""

    event: str
    ms: float = 0


@dataclass(frozen=True, slots=True)
class IntoReply:
    """When the learner has heard `ms` of a reply that began since the start of the previous item."""

    ms: float


@dataclass(frozen=True, slots=True)
class IntoLine:
    """`ms` after the start of the previous item, overlapping it."""

    ms: float


Moment = AfterItem | AtTime | AfterEvent | IntoReply | IntoLine


# --------------------------------------------------------- what the learner does


@dataclass(frozen=True, slots=True)
class Sounds:
    """A sound at the microphone.

    Attributes:
        name: its name on the timeline.
        audio: int16 mono at 16 kHz, shape (n,), with its noise mixed in.
        speech: whether it contains speech.
    """

    name: str
    audio: Int16Mono
    speech: bool


@dataclass(frozen=True, slots=True)
class Types:
    text: str


@dataclass(frozen=True, slots=True)
class Presses:
    digits: str


@dataclass(frozen=True, slots=True)
class Waits:
    ms: float


@dataclass(frozen=True, slots=True)
class Does:
    control: Control


Act = Sounds | Types | Presses | Waits | Does


@dataclass(frozen=True, slots=True)
class Item:
    """An action of the learner, its time, and its line in the file."""

    act: Act
    when: Moment
    line: int


# ------------------------------------------------------------ what must come of it


@dataclass(frozen=True, slots=True)
class EventPattern:
    """A pattern of an event and some of its fields; a value is a text with `*` as wildcard, or a range `100..200`."""

    event: str
    fields: Mapping[str, str]
    line: int

    def __str__(self) -> str:
        return " ".join([self.event, *(f"{name}={value}" for name, value in self.fields.items())])


@dataclass(frozen=True, slots=True)
class Heard:
    """The expected text of a spoken message, with the allowed word error rate."""

    said: str
    word_error: float
    line: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An expected stored message: a text with `*` as wildcard, and optionally the tutor's message type."""

    role: Literal["user", "assistant"]
    text: str
    word_error: float
    line: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Expectations:
    """The expectations of a call.

    Attributes:
        events: must occur in this order, others may occur in between.
        never: must not occur.
        counts: number of occurrences by event.
        transcripts: the learner's spoken messages, in order; None if unchecked.
        budgets: maximum ms of a stage of `turn.latency`, in ideal time.
        history: the whole chat afterwards; None if unchecked.
        lesson: the outcome of the lesson; None if unchecked.
    """

    events: tuple[EventPattern, ...] = ()
    never: tuple[EventPattern, ...] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    transcripts: tuple[Heard, ...] | None = None
    budgets: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    history: tuple[HistoryLine, ...] | None = None
    lesson: EventPattern | None = None


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """A fixed reply, to simulate slow or failing language models.

    Attributes:
        text: the text of the reply.
        first_token_ms: latency of its first word.
        token_ms: interval between further words.
        fails: break off after its words.
        calls: the model's tool calls after its words.
        then: the model's reply to the tools' results; None for nothing.
    """

    text: str
    first_token_ms: float = 0
    token_ms: float = 0
    fails: bool = False
    calls: tuple[ToolCall, ...] = ()
    then: "ReplyLine | None" = None


@dataclass(frozen=True, slots=True)
class FixedTool:
    """A tool of the model with a fixed result.

    Attributes:
        name: its name for the model.
        answer: its result.
        takes_ms: its duration.
        timeout_ms: its timeout.
        fails: the result is an error message.
        ahead: it may run speculatively, before the reply is released.
    """

    name: str
    answer: str
    takes_ms: float = 0
    timeout_ms: float = 10_000
    fails: bool = False
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Echo:
    """A loudspeaker in the microphone.

    Attributes:
        delay_ms: how much later.
        gain: times as loud.
    """

    delay_ms: float
    gain: float


@dataclass(frozen=True, slots=True)
class CallFile:
    """A parsed call file.

    Attributes:
        path: the file.
        title: the story in a sentence.
        echo: how the microphone hears the loudspeaker; None where it does not.
        persona: the file's own persona; else `pack` and `practice_id` name the practice to start.
        lesson: the lesson of a tutor's call; then there is no persona.
        replies: fixed replies instead of the persona's script.
        tools: the tools that these can call, besides those of every call.
        settings: the settings of the session.
        greet: the persona speaks first.
        resume_s: how long a dropped connection may take to resume.
        background: background noise of the microphone, one period of int16 mono at 16 kHz, shape (n,); empty for none.
        rest_ms: silence after the last item that ends the call.
        limit_ms: maximum duration of the call.
        learner: the learner's actions, in order.
        expect: the expectations.
        golden: the expected timeline, line by line; None if there is none.
    """

    path: Path
    title: str
    settings: SessionSettings
    learner: tuple[Item, ...]
    expect: Expectations
    background: Int16Mono
    echo: Echo | None = None
    persona: Persona | None = None
    pack: Pack | None = None
    practice_id: str = ""
    lesson: Lesson | None = None
    replies: tuple[ReplyLine, ...] = ()
    tools: tuple[FixedTool, ...] = ()
    greet: bool = False
    resume_s: float = 60.0
    rest_ms: float = 1000.0
    limit_ms: float = 180_000.0
    golden: tuple[str, ...] | None = None
    golden_at: Text | None = None
