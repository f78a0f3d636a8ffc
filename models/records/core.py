"""Core records of the store: frozen dataclasses, not ORM objects.

Ids are opaque strings (UUIDs unless a pack says otherwise).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from models.records.tools import PersonaTool

Role = Literal["user", "assistant"]
Origin = Literal["typed", "spoken"]
Scope = Literal["user", "operator", "kiosk", "phone", "invite", "realtime"]
"""What a token may; `api.auth.scopes` says what each one opens."""


@dataclass(frozen=True, slots=True)
class User:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """A user, with what there is of theirs.

    Attributes:
        deleted_at: since when nothing opens what was kept of them; None for a user who is there.
        tokens: that are neither revoked nor expired, with OAuth clients.
        chats: of all doors.
    """

    user: User
    created_at: datetime
    deleted_at: datetime | None
    tokens: int
    chats: int


@dataclass(frozen=True, slots=True)
class Token:
    """A Bearer token without its secret.

    Attributes:
        expires_at: it opens nothing from then on; None for never.
        persona_id: the only persona that the calls of an invite, or of a browser's secret, may be with.
        spent_at: when an invite's one call was opened.
        practice_ids: the only practices that may be started with it; empty for all.
    """

    id: str
    user: User
    label: str
    created_at: datetime
    revoked_at: datetime | None = None
    scope: Scope = "user"
    expires_at: datetime | None = None
    persona_id: str | None = None
    spent_at: datetime | None = None
    practice_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """As whom a caller acts, what that allows, and by which credential, which may be revoked.

    Attributes:
        credential: a token, an OAuth client, or nothing that can be revoked, such as a token of the settings.
        credential_id: the id of the token or of the client.
        persona_id: the only persona that an invite's call may be with.
        practice_ids: the only practices that it may start; empty for all.
        expires_at: it opens nothing from then on; None for never.
    """

    user: User
    scope: Scope = "user"
    credential: Literal["token", "client", "none"] = "none"
    credential_id: str = ""
    persona_id: str | None = None
    practice_ids: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VoiceProfile:
    """A persona's voice.

    Attributes:
        names: voice by engine name ("espeak", "piper", "openai").
        rate, pitch: relative to the engine's default, 0.5..2.
        language: BCP 47 tag.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    rate: float = 1.0
    pitch: float = 1.0
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Cue:
    """A rule of the scripted persona: what to say, and when.

    Attributes:
        id: unique within its persona.
        when: regular expressions; one of them must match what the learner said (lower case, no punctuation).
        say: replies for the first, second, ... use; the last one repeats.
        after: cue ids, one of which must have been used before.
        once: use this cue at most once.
        ends_call: end the call once the reply was heard.
        transfer: whom the call is transferred to then; empty for nobody.
        examples: sentences of the learner with the cue's meaning; where no pattern matches, the nearest one counts.
        unless: regular expressions that forbid the cue where one of them matches.
        before: cue ids; the cue counts as long as none of them has been used.
        kind, rude: replies instead of `say` to a learner who is kind or rude in the same breath.
        reacts: the cue is itself a reaction to the learner's tone, and no reaction goes before it.
    """

    id: str
    when: tuple[str, ...]
    say: tuple[str, ...]
    after: tuple[str, ...] = ()
    once: bool = False
    ends_call: bool = False
    transfer: str = ""
    examples: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    rude: tuple[str, ...] = ()
    reacts: bool = False


@dataclass(frozen=True, slots=True)
class Steer:
    """A line that leads the scripted persona back to its matter.

    Attributes:
        say: the line, said at most once.
        unless: cue ids; the line is left out once one of them has been used.
    """

    say: str
    unless: tuple[str, ...] = ()


Utterance = Literal[
    "rude", "kind", "noticing", "confides", "why", "suggestion", "opinion", "personal", "whether", "question", "offer",
    "promise", "guess", "refusal", "demand", "again", "vague", "document",
]  # fmt: skip
"""What the learner did in a line that no cue answers; "again" is a cue of which all lines have been said, "document" a
question that the scenario's documents answer."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Who is talked to.

    Attributes:
        reactions: what the scripted persona says where no cue counts, by what the learner did.
        fallbacks: what it says there to a statement, and where `reactions` has nothing.
        steers: what it says after either, in order.
        tools: what it may use, if a language model answers for it.
        waiting: what it says while a tool takes its time; empty for the service's own words.
    """

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
    reactions: Mapping[Utterance, tuple[str, ...]] = field(default_factory=dict)
    steers: tuple[Steer, ...] = ()
    tools: tuple[PersonaTool, ...] = ()
    waiting: str = ""


class DocumentQuestion(NamedTuple):
    """A question that comes with a document; a search reads thousands of them.

    Attributes:
        text: the question.
        answer: words of the document that answer it; empty where it does not.
    """

    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A text that is searched and cited.

    Attributes:
        questions: what people ask of it, for the search.
    """

    id: str
    name: str
    description: str = ""
    text: str = ""
    owner_id: str | None = None
    questions: tuple[DocumentQuestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation to practise.

    Attributes:
        resources: ids of its other resources, by kind: "question", "parameter_field", "image", "video", "flag",
            "department", "criterion".
        owner_id: the user who owns it; None for public content.
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
    """A sequence of scenarios.

    Attributes:
        rubric_id: the rubric of its chats; None for the general rubric.
        time_limit_s: time limit of each chat in seconds; None for no limit.
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
    """An entry through which a simulation can be attempted any number of times (a *home* is an assigned one).

    Attributes:
        cohort_ids: the cohorts whose members may start it; empty for everybody.
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
        started_at: when its time limit began to run; None until it is opened.
        configuration: overrides of the scenario: "name", "description", "problem_statement", "objectives",
            "persona_ids", "document_ids" and the ids of other resources; the first of "scenario_ids" takes its place.
        previous_chat_id: the earlier chat whose outcome was taken over.
        fields: what tools have noted in it.
        tool_calls: what tools were asked and have answered, in order, the latest of them: each has "name",
            "arguments", "result", "failed" and "created_at".
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
    fields: Mapping[str, str] = field(default_factory=dict)
    tool_calls: Sequence[Mapping[str, Any]] = ()


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
    """A message of a chat.

    Attributes:
        text: the text; of an interrupted spoken reply, only what was heard.
        full_text: the whole generated text, if it differs from `text`.
        heard_ms: how much of a spoken reply was played, in ms.
        audio_ref: the stored recording, if any.
        completed: False while a reply is still being generated.
        started_ms, ended_ms: when a spoken message was said, in ms since its call began.
        latency: of a spoken answer, the ms of each stage before its first audio: "endpoint_ms", "stt_ms", "llm_ms",
            "tts_ms" and, from the learner's last word on, "voice_to_voice_ms".
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
    latency: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class ChatContext:
    """The context that a reply in a chat is generated from.

    Attributes:
        former_personas: personas that have spoken in the chat before a draft put others in their place.
    """

    chat: Chat
    personas: tuple[Persona, ...]
    scenario: Scenario | None
    documents: tuple[Document, ...]
    messages: tuple[Message, ...]
    former_personas: tuple[Persona, ...] = ()

    @property
    def speakers(self) -> tuple[Persona, ...]:
        """The personas who speak in the chat, and those who have spoken."""
        return (*self.personas, *self.former_personas)
