"""Records of external chats, those of other systems' clients: chats, files, OAuth clients and lesson progress."""

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
    """A chat of another system's client.

    Attributes:
        subject_id: its subject, if its dialect has one: a node, an application.
        data: fields specific to its dialect.
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
    """A message to store; the fields are those of `ExternalMessage`."""

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
    """A message of an external chat.

    Attributes:
        text: the text; of an interrupted spoken reply, only what was heard.
        kind: the message type of its dialect; empty if it has none.
        parent_id: the message that this one answers.
        data: fields specific to its dialect: sources, suggestions, fragments.
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
    """A file attached to a chat; `text` is the extracted text, empty if there was a `failure`."""

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
    """An OAuth client that acts for a user, without its secret."""

    id: str
    user: User
    label: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DocumentOrigin:
    """The origin of a document, for search filters."""

    document_id: str
    publisher: str
    datasource: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a user's knowledge map, which nodes refer to."""

    id: str
    user_id: str
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Node:
    """A topic in a user's knowledge map. `accuracy` is the result of its latest diagnostic, 0 to 1."""

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
    """A user's progress on a node. `mastery` is the mean score of its exercises, 0 to 1."""

    id: str
    user_id: str
    node_id: str
    mastery: float
    attempts: int
    completed_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ExerciseResult:
    """An answered exercise; `score` is 0 to 1."""

    prompt: str
    answer: str
    is_correct: bool
    score: float
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """The result of a diagnostic test on a node."""

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
    """A hint that was requested and given."""

    id: str
    user_id: str
    node_id: str
    session_id: str | None
    request_message_id: str | None
    response_message_id: str | None
    referenced_message_ids: tuple[str, ...]
    created_at: datetime
