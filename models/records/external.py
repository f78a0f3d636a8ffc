"""What the store keeps for the clients of other chat systems: their chats, files, clients and lessons' bookkeeping."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from models.records.core import Origin, User

Dialect = Literal["gloo", "tutor", "glean"]
ExternalRole = Literal["system", "user", "assistant"]
NO_DATA: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ExternalChat:
    """A chat that another system's client began.

    Attributes:
        subject_id: what it is about, where its dialect has such a thing: a node, an application.
        data: what only its dialect knows of it.
    """

    id: str
    user_id: str
    dialect: Dialect
    title: str
    summary: str | None
    pinned: bool
    subject_id: str | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExternalDraft:
    """A message to be stored; the fields are those of `ExternalMessage`."""

    role: ExternalRole
    text: str
    kind: str = ""
    origin: Origin = "typed"
    id: str | None = None
    parent_id: str | None = None
    completed: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExternalMessage:
    """One line of such a chat.

    Attributes:
        text: what the message says: for an interrupted spoken reply, what was heard of it.
        kind: the dialect's word for what it is; empty where it has none.
        parent_id: the message that this one answers.
        data: what only its dialect knows of it: sources, suggestions, fragments.
    """

    id: str
    chat_id: str
    role: ExternalRole
    text: str
    kind: str
    origin: Origin
    created_at: datetime
    parent_id: str | None
    full_text: str | None
    heard_ms: int | None
    interrupted: bool
    completed: bool
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatFile:
    """A file that was given to a chat; `text` is what could be read of it, empty with a `failure`."""

    id: str
    user_id: str
    name: str
    mime_type: str
    size: int
    text: str
    failure: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A program that may ask for access tokens in a user's name; never its secret."""

    id: str
    user: User
    label: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DocumentOrigin:
    """Where a document comes from, for the filters of a search."""

    document_id: str
    publisher: str
    datasource: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of a user's map, which nodes name as theirs."""

    id: str
    user_id: str
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Node:
    """Something to be learnt, in a user's own map of it. `accuracy` is the node's own diagnosis, 0 to 1."""

    id: str
    user_id: str
    type: str
    title: str
    description: str | None
    branch_id: str | None
    parent_id: str | None
    lesson: str | None
    accuracy: float
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Edge:
    """`source_id` must be mastered before `target_id`."""

    id: str
    user_id: str
    source_id: str
    target_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a user is with a node. `mastery` is the mean of the scores of its exercises, 0 to 1."""

    id: str
    user_id: str
    node_id: str
    mastery: float
    attempts: int
    completed_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ExerciseResult:
    """One answered exercise; `score` is 0 to 1."""

    prompt: str
    answer: str
    is_correct: bool
    score: float
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a test found out about a node."""

    id: str
    user_id: str
    node_id: str
    score: float
    total_questions: int
    incorrect_questions: int
    weak_areas: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint that was asked for and given."""

    id: str
    user_id: str
    node_id: str
    session_id: str | None
    request_message_id: str | None
    response_message_id: str | None
    referenced_message_ids: tuple[str, ...]
    created_at: datetime
