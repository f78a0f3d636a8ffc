"""Records of a chat's outcomes: grades and coaching notes, answers to questions, drafts, recordings, tests.

Frozen records, as in `models.records.core`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

NoteKind = Literal["hint", "feedback", "strength", "improvement", "analysis"]
Source = Literal["coach", "hand"]
RunStatus = Literal["pending", "running", "replayed", "graded", "ended", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade of a chat; the newest one counts.

    Attributes:
        description: the reasons, in a few sentences.
        time_taken_s: duration of the chat in seconds.
        source: "coach", or "hand" for a person.
    """

    id: str
    chat_id: str
    score: int
    passed: bool
    description: str
    time_taken_s: int
    total_points: int
    pass_points: int
    source: Source
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A hint, feedback on a standard, a strength, an improvement or an analysis of one chat.

    Attributes:
        data: its content; the keys depend on the kind ("hint", "feedback" with "standard_id" and "total", "name" with
            "description" and "highlights" or "replacements", "content").
    """

    id: str
    chat_id: str
    kind: NoteKind
    source: Source
    position: int
    created_at: datetime
    message_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewNote:
    """A note to store."""

    kind: NoteKind
    data: Mapping[str, Any]
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to a question."""

    id: str
    chat_id: str
    question_id: str
    option_ids: tuple[str, ...]
    is_correct: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of a chat's configuration, in its newest version."""

    id: str
    user_id: str
    chat_id: str | None
    version: int
    state: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Audio:
    """The metadata of a recording; `models.files` stores its bytes."""

    id: str
    user_id: str
    file_name: str
    mime_type: str
    size: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StagedCall:
    """A staged operation, to be accepted or dropped."""

    id: str
    operation: str
    chat_id: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TestRun:
    """A run of a test: a recorded run that is replayed in a chat of its own.

    Attributes:
        original_id: the recorded run.
        chat_id: the chat of the replay; None before it.
    """

    __test__ = False

    id: str
    test_id: str
    position: int
    original_id: str
    status: RunStatus
    chat_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Test:
    """One execution of a benchmark, which replays every recorded run once."""

    __test__ = False

    id: str
    user_id: str
    benchmark_id: str
    invocation_id: str
    infinite_mode: bool
    created_at: datetime
    ended_at: datetime | None
    runs: tuple[TestRun, ...] = ()
