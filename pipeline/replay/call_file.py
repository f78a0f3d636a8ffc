"""What a call file says: who talks to whom, what the learner does and when, and what must come of it."""

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
    """A call file that cannot be replayed.

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
    """`ms` after the previous item was over."""

    ms: float = 0


@dataclass(frozen=True, slots=True)
class AtTime:
    """`ms` after the call began."""

    ms: float


@dataclass(frozen=True, slots=True)
class AfterEvent:
    """`ms` after an event of this name that came since the previous item began."""

    event: str
    ms: float = 0


@dataclass(frozen=True, slots=True)
class IntoReply:
    """The learner has heard `ms` of a reply that sounds since the previous item began."""

    ms: float


@dataclass(frozen=True, slots=True)
class IntoLine:
    """`ms` after the previous item began, while it goes on."""

    ms: float


Moment = AfterItem | AtTime | AfterEvent | IntoReply | IntoLine


# --------------------------------------------------------- what the learner does


@dataclass(frozen=True, slots=True)
class Sound:
    """Something that the microphone hears.

    Attributes:
        name: what the timeline calls it.
        audio: int16 mono at 16 kHz, shape (n,), the noise behind it mixed in.
        speech: whether somebody speaks in it.
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


Act = Sound | Types | Presses | Waits | Does


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the learner does, when, and where the file says so."""

    act: Act
    when: Moment
    line: int


# ------------------------------------------------------------ what must come of it


@dataclass(frozen=True, slots=True)
class Pattern:
    """An event with some of its fields; a value is a text with `*` for anything, or a range such as `100..200`."""

    event: str
    fields: Mapping[str, str]
    line: int

    def __str__(self) -> str:
        return " ".join([self.event, *(f"{name}={value}" for name, value in self.fields.items())])


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of one spoken message, with the word error rate that is allowed."""

    said: str
    word_error: float
    line: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One message as it must be stored; a text with `*` for anything, and a tutor's word for it where that matters."""

    role: Literal["user", "assistant"]
    text: str
    word_error: float
    line: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What must come of the call.

    Attributes:
        events: in this order, others may come between.
        never: none of these may come.
        counts: how often an event comes.
        transcripts: the learner's spoken messages, in order; None when any will do.
        budgets: the most milliseconds that a stage of `turn.latency` may take in ideal time.
        history: the chat afterwards, whole; None when any will do.
        lesson: what became of the lesson; None when anything will do.
    """

    events: tuple[Pattern, ...] = ()
    never: tuple[Pattern, ...] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    transcripts: tuple[Heard, ...] | None = None
    budgets: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    history: tuple[HistoryLine, ...] | None = None
    lesson: Pattern | None = None


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """A fixed reply for tests of slow or broken language models.

    Attributes:
        text: what the persona says.
        first_token_ms: how long until its first word.
        token_ms: between the words that follow.
        fails: it breaks after its words.
        calls: the tools that the model calls after its words.
        then: what it says when it knows what came of them; None for nothing.
    """

    text: str
    first_token_ms: float = 0
    token_ms: float = 0
    fails: bool = False
    calls: tuple[ToolCall, ...] = ()
    then: "ReplyLine | None" = None


@dataclass(frozen=True, slots=True)
class FixedTool:
    """A tool of the model that always gives the same answer.

    Attributes:
        name: what the model calls.
        answer: what it is told.
        takes_ms: how long that takes.
        timeout_ms: how long it may take.
        fails: the answer says why nothing could be done.
        ahead: it may run before it is certain that the reply is given.
    """

    name: str
    answer: str
    takes_ms: float = 0
    timeout_ms: float = 10_000
    fails: bool = False
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class CallFile:
    """One call.

    Attributes:
        path: the file.
        title: the story in a sentence.
        persona: who answers, when the file brings its own persona; else `pack` and `practice_id` say where to start.
        lesson: what a tutor teaches in the call; then nobody else answers.
        replies: fixed lines instead of the persona's script.
        tools: what the model can call in them, besides what every call has.
        settings: of the session.
        greet: the persona speaks first.
        resume_s: how long a dropped line may take to come back.
        room: the microphone's background, one period of int16 mono at 16 kHz, shape (n,); empty for none.
        rest_ms: quiet after the last item that ends the call.
        limit_ms: the longest that the call may take.
        learner: what the learner does, in order.
        expect: what must come of it.
        golden: the timeline it must give, line by line; None when there is none.
    """

    path: Path
    title: str
    settings: SessionSettings
    learner: tuple[Item, ...]
    expect: Expectations
    room: Int16Mono
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
