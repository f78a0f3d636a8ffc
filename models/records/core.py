"""What the store hands out: frozen records, no ORM objects.

Ids are opaque strings (UUIDs unless a pack says otherwise).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Role = Literal["user", "assistant"]
Origin = Literal["typed", "spoken"]


@dataclass(frozen=True, slots=True)
class User:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """A Bearer token as it is listed: never the secret."""

    id: str
    user: User
    label: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VoiceProfile:
    """How a persona sounds.

    Attributes:
        names: voice by engine name ("espeak", "piper", "openai").
        rate, pitch: relative to the engine's own, 0.5..2.
        language: BCP 47 tag.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    rate: float = 1.0
    pitch: float = 1.0
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing the scripted persona can say, and when.

    Attributes:
        id: unique within its persona.
        when: regular expressions, any of which must be found in what the learner said (lower case, no punctuation).
        say: lines for the first, second, ... use; the last one stays.
        after: cue ids of which one must have been used before.
        once: used at most once.
        ends_call: the call ends once the line was heard.
        transfer: whom the call is handed to then; empty for nobody.
    """

    id: str
    when: tuple[str, ...]
    say: tuple[str, ...]
    after: tuple[str, ...] = ()
    once: bool = False
    ends_call: bool = False
    transfer: str = ""


@dataclass(frozen=True, slots=True)
class Persona:
    id: str
    name: str
    description: str = ""
    instructions: str = ""
    greeting: str = ""
    icon: str = ""
    color: str = ""
    voice: VoiceProfile = field(default_factory=VoiceProfile)
    cues: tuple[Cue, ...] = ()
    fallbacks: tuple[str, ...] = ()
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    name: str
    description: str = ""
    text: str = ""
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation to talk about.

    Attributes:
        resources: ids of what else belongs to it, by kind: "question", "parameter_field", "image", "video", "flag",
            "department".
        owner_id: whose it is; None for content that everybody sees.
    """

    id: str
    name: str
    description: str = ""
    problem_statement: str = ""
    objectives: tuple[str, ...] = ()
    persona_ids: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()
    resources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """Scenarios one after the other.

    Attributes:
        rubric_id: what its chats are graded by; None for the general rubric.
        time_limit_s: seconds that each chat may take; None for no limit.
    """

    id: str
    name: str
    description: str = ""
    scenario_ids: tuple[str, ...] = ()
    rubric_id: str | None = None
    time_limit_s: int | None = None
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Practice:
    """A door to a simulation that anyone may open as often as they like (a *home* is the assigned one).

    Attributes:
        cohort_ids: whose members may open it; none for everybody.
    """

    id: str
    name: str
    simulation_id: str
    kind: Literal["practice", "home"] = "practice"
    cohort_ids: tuple[str, ...] = ()
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation of an attempt, with the scenario it runs.

    Attributes:
        started_at: when its time began to run; None until somebody opens it.
        configuration: what a draft or its maker changed about the scenario: "name", "description",
            "problem_statement", "objectives", "persona_ids", "document_ids" and the ids of other resources.
        previous_chat_id: the chat whose outcome was taken over.
    """

    id: str
    attempt_id: str
    user_id: str
    name: str
    scenario_id: str | None
    position: int
    created_at: datetime
    completed_at: datetime | None = None
    completion_message: str | None = None
    started_at: datetime | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    previous_chat_id: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    id: str
    user_id: str
    simulation_id: str
    infinite_mode: bool
    created_at: datetime
    ended_at: datetime | None
    chats: tuple[Chat, ...]
    completion_message: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a chat.

    Attributes:
        text: what the message says: for an interrupted spoken reply, what was heard of it.
        full_text: all that was generated, where that differs from `text`.
        heard_ms: how much of a spoken reply was played, in milliseconds.
        audio_ref: the stored recording, if any.
        completed: False while a reply is still being written.
        started_ms, ended_ms: when a spoken message was said, in milliseconds since its call began.
    """

    id: str
    chat_id: str
    role: Role
    text: str
    origin: Origin
    created_at: datetime
    parent_id: str | None = None
    persona_id: str | None = None
    audio_ref: str | None = None
    full_text: str | None = None
    heard_ms: int | None = None
    interrupted: bool = False
    completed: bool = True
    started_ms: int | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ChatContext:
    """All that answering a chat takes."""

    chat: Chat
    personas: tuple[Persona, ...]
    scenario: Scenario | None
    documents: tuple[Document, ...]
    messages: tuple[Message, ...]
