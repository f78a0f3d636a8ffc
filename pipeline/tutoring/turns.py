"""The turns of student and tutor, and their text format: prefixes, markers, and the question at the end."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast

from models.records.external import ExerciseResult
from models.records.lessons import QuestionType

StudentKind = Literal["start", "answer", "clarification", "learning"]

MESSAGE_KIND: dict[StudentKind, str] = {
    "start": "learning",
    "answer": "evaluation",
    "clarification": "hint_request",
    "learning": "learning",
}
"""The dialect's message type of a student's turn, by kind."""

DRAWING_LIMIT = 7_000_000
"""Maximum length of a drawing's data URL; a longer one is dropped."""

DEFAULT_QUESTION = "Say in your own words what you have just learnt."

_NO_ANSWER = "A drawing came without [ANSWER], so it is left out."
_NO_PICTURE = (
    f"A drawing came and is left out: it must be a PNG or JPEG as a data URL of at most {DRAWING_LIMIT:,} characters."
)
_PREFIX = re.compile(r"\s*\[(ANSWER|CLARIFICATION)\]\s*", re.IGNORECASE)
_MODE = re.compile(r"\AMode:[ \t]*(text|code|draw)[ \t]*(\n|\Z)", re.IGNORECASE)
_DRAWING = re.compile(r"data:image/(png|jpeg);base64,")
_MARKER = re.compile(r"\[(COMPLETE|ADVANCE_CHUNK|SAME_CHUNK)\]", re.IGNORECASE)
_TYPE_LINE = re.compile(r"^[ \t*_]*Question Type:[ \t*_]*(\w+)[ \t*_]*$", re.IGNORECASE | re.MULTILINE)
_QUESTION_LINE = re.compile(r"^[ \t*_]*Question:[ \t*_]*", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a student; `url` is its whole data URL."""

    media_type: str
    url: str


@dataclass(frozen=True, slots=True)
class StudentTurn:
    """A turn of the student.

    Attributes:
        text: the text without prefix and mode.
        content: the text as it was sent, and is stored.
        left_out: why the drawing that came with it was dropped; empty otherwise.
    """

    kind: StudentKind
    text: str
    content: str
    mode: QuestionType | None = None
    drawing: Drawing | None = None
    left_out: str = ""


def student_turn(content: str, drawing_url: object = None) -> StudentTurn:
    """Parse a student's message. A drawing is accepted only with an answer, as a small PNG or JPEG."""
    early = _NO_ANSWER if drawing_url else ""
    if not content.strip():
        return StudentTurn("start", "", "", left_out=early)
    found = _PREFIX.match(content)
    if found is None:
        return StudentTurn("learning", content.strip(), content, left_out=early)
    text = content[found.end() :]
    kind: StudentKind = "answer" if found[1].upper() == "ANSWER" else "clarification"
    mode: QuestionType | None = None
    if chosen := _MODE.match(text):
        mode = cast(QuestionType, chosen[1].lower())
        text = text[chosen.end() :]
    if kind == "clarification":
        return StudentTurn(kind, text.strip(), content, mode, left_out=early)
    drawing = _drawing(drawing_url)
    return StudentTurn(kind, text.strip(), content, mode, drawing, _NO_PICTURE if drawing_url and not drawing else "")


def _drawing(url: object) -> Drawing | None:
    if not isinstance(url, str) or len(url) > DRAWING_LIMIT or not (found := _DRAWING.match(url)):
        return None
    try:
        data = base64.b64decode(url[found.end() :], validate=True)
    except (binascii.Error, ValueError):
        return None
    begins = b"\x89PNG" if found[1] == "png" else b"\xff\xd8\xff"
    return Drawing(f"image/{found[1]}", url) if data.startswith(begins) else None


@dataclass(frozen=True, slots=True)
class LessonState:
    """The state of a lesson, stored with its session.

    Attributes:
        chunk: index of the current chunk.
        wrong: number of wrong answers to it.
        explained: number of further explanations.
        exercise: index of the exercise that replaces the chunk's own question; None for the question.
        question, question_type: the open question.
        told: whether a good answer to the chunk's question has been given.
        unmastered: names of the chunks that were left without the student's own right answer.
    """

    begun: bool = False
    chunk: int = 0
    wrong: int = 0
    explained: int = 0
    exercise: int | None = None
    question: str = ""
    question_type: QuestionType = "text"
    complete: bool = False
    told: bool = False
    unmastered: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Serialise the state for the store."""
        return asdict(self)


def state_of(data: Mapping[str, Any]) -> LessonState:
    """Deserialise the state of a session's lesson."""
    known = {field.name: data[field.name] for field in fields(LessonState) if field.name in data}
    return LessonState(**known | {"unmastered": tuple(known.get("unmastered", ()))})


@dataclass(frozen=True, slots=True)
class AnswerVerdict:
    """How an answer was judged; it is stored with the student's message.

    Attributes:
        score: from 0 to 1.
        chunk: the chunk's id or number.
        exercise: whether an exercise was answered and not the chunk's own question.
        attempt: the number of the answer to this chunk, from 1.
        fault: why it is not right, in one word; empty where it is, or where a model judged.
    """

    right: bool
    score: float
    chunk: str
    exercise: bool
    attempt: int
    fault: str = ""

    def data(self) -> dict[str, Any]:
        """Return the fields of the student's message that tell it: `wasSuccessful`, and `successSignal` as JSON."""
        signal: dict[str, Any] = {"score": self.score, "chunk": self.chunk, "attempt": self.attempt}
        if self.exercise:
            signal["exercise"] = True
        if self.fault:
            signal["fault"] = self.fault
        return {"wasSuccessful": self.right, "successSignal": json.dumps(signal)}


@dataclass(frozen=True, slots=True)
class TutorTurn:
    """A planned turn of the tutor with its side effects; nothing is stored yet.

    Attributes:
        explanation: the text besides the question.
        figure: an ASCII diagram, shown but not spoken.
        asks: whether the message includes the question; a clarification does not.
        results: exercise results.
        tools_used: tools that ran, in order.
        reasoning: trace of the decisions, in order.
        verdict: on the student's answer; None where none was judged.
    """

    student: StudentTurn
    explanation: str
    state: LessonState
    figure: str = ""
    asks: bool = True
    results: tuple[ExerciseResult, ...] = ()
    tools_used: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    verdict: AnswerVerdict | None = None

    @property
    def complete(self) -> bool:
        """Whether this turn completes the lesson."""
        return self.state.complete and self.student.kind != "clarification"

    @property
    def kind(self) -> str:
        """The dialect's message type of the tutor's message."""
        return "hint_response" if self.student.kind == "clarification" else "learning"

    @property
    def message(self) -> str:
        """The written message."""
        parts = [self.explanation, self.figure]
        if self.asks and not self.state.complete:
            parts.append(f"Question Type: {self.state.question_type}\nQuestion:\n{self.state.question}")
        return "\n\n".join(part for part in parts if part)

    @property
    def speech(self) -> str:
        """The spoken message: without markers and figures, and always with the open question."""
        parts = [self.explanation] if self.state.complete else [self.explanation, self.state.question]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed message of the model."""

    explanation: str
    question: str
    question_type: QuestionType | None
    complete: bool
    advance: bool
    same: bool


def parse_model_message(text: str) -> Parsed:
    """Parse a model's message: strip the markers and separate the question."""
    markers = {found.upper() for found in _MARKER.findall(text)}
    text = _MARKER.sub("", text)
    kind: QuestionType | None = None
    if found := _TYPE_LINE.search(text):
        kind = cast(QuestionType, found[1].lower()) if found[1].lower() in ("text", "code", "draw") else "text"
        text = text[: found.start()] + text[found.end() :]
    question = ""
    if asked := list(_QUESTION_LINE.finditer(text)):
        question = text[asked[-1].end() :].strip()
        text = text[: asked[-1].start()]
    return Parsed(
        text.strip(), question, kind, "COMPLETE" in markers, "ADVANCE_CHUNK" in markers, "SAME_CHUNK" in markers
    )


# Beginnings of sentences that ask something back instead of answering.
_ASKS_BACK = re.compile(
    r"(oh |um |uh |well |sorry |i am sorry |wait |okay |please |hey )*"
    r"((can|could|would|will) you (please )?(explain|repeat|clarify|rephrase|say (it|that|this)|help me|give me|show me"
    r"|go over)\b"
    r"|(please )?(explain|repeat|clarify|rephrase) (it|that|this|again|the)\b"
    r"|(please )?say (it|that|this) again\b|(please )?(explain|repeat)( please)?$|(one|once) more( time)?( please)?$"
    r"|what (do|did) you (mean|say)\b|what does (\w+ ){1,4}mean\b"
    r"|(why|why is that|how so|how come|huh|what|tell me more)$"
    r"|i am not sure (i understand|what (you|that|this|it))\b"
    r"|(can|could|may) i (have|get) (a|an|another|the) (hint|clue|example)\b"
    r"|what (is|was) (that|the question)\b|i have no idea\b|no idea\b|i am (lost|confused)\b"
    r"|i (do|did) not (understand|get it|get that|follow|know|hear)\b"
    r"|(give me|i need|show me) (a|an|another|the) (hint|clue|example|picture|diagram)\b"
    r"|(a |another )?(hint|clue|example)( please)?$|come again\b|pardon\b|help( me)?( please)?$)"
)


def asks_back(said: str) -> bool:
    """Return whether spoken words (lower case, no punctuation) ask something back instead of answering."""
    return _ASKS_BACK.match(said) is not None
