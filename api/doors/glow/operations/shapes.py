"""The parts of all bodies and replies: ids and their aliases, resources, messages, grades.

Source: the Glow chat document and docs/glow.md; field names are the document's.
"""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from models.records.resources import WEB_ADDRESS

LONGEST_TEXT = 20_000
LONGEST_LIST = 200

Id = Annotated[str, Field(min_length=1, max_length=200)]
Ids = Annotated[list[Id], Field(max_length=LONGEST_LIST)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]

EXAMPLE_CHAT = "4f6a2a52-6d0e-4f43-9a55-0f2f4c1f9b11"
EXAMPLE_ATTEMPT = "b3f1c7d2-8a55-4c1f-8f6e-2d9d3f0a7c22"
EXAMPLE_MESSAGE = "0c2d8f1e-77aa-4a3b-bb1d-5e6f7a8b9c33"

ChatId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("chat_id", "chat_entry_id", "attempt_chat_id"),
        description="The chat; `chat_entry_id` and `attempt_chat_id` are other names of this field.",
        examples=[EXAMPLE_CHAT],
    ),
]
OptionalChatId = Annotated[
    str | None,
    Field(
        max_length=200,
        validation_alias=AliasChoices("chat_id", "chat_entry_id", "attempt_chat_id"),
        description="The chat; `chat_entry_id` and `attempt_chat_id` are other names of this field.",
        examples=[EXAMPLE_CHAT],
    ),
]
AttemptId = Annotated[str, Field(min_length=1, max_length=200, examples=[EXAMPLE_ATTEMPT])]


class Body(BaseModel):
    """A client's request; unknown fields are ignored, as clients of other versions send them."""

    model_config = ConfigDict(extra="ignore")


class WriteBody(Body):
    """A body that changes something.

    Attributes:
        idempotency_key: a repeated body with the same key gets the first reply and changes nothing.
        soft: stage the operation instead of carrying it out.
        accept: true carries out the staged operation, false drops it.
    """

    idempotency_key: str | None = Field(default=None, max_length=200, description="A UUID of the client's own.")
    soft: bool = Field(default=False, description="Stage this call instead of carrying it out.")
    accept: bool | None = Field(default=None, description="Carry the staged call out (true), or drop it (false).")


class Reply(BaseModel):
    """The service's reply."""


class WriteReply(Reply):
    """The reply to a change; echoes its key."""

    idempotency_key: str | None = None


class Staged(WriteReply):
    """The reply to `soft`, and to `accept: false`: nothing was carried out."""

    success: bool = True
    pending: bool = Field(description="Whether the call still waits to be accepted.")
    operation: str
    call_id: str
    chat_id: str | None = None


class Success(WriteReply):
    success: bool = True


# ----------------------------------------------------------------- resources


class ResourceItem(BaseModel):
    """A resource and its relation to the chat."""

    generated: bool = False
    suggested: bool = False
    selected: bool = True
    pending: bool = False


class NameItem(ResourceItem):
    id: str
    name: str


class DescriptionItem(ResourceItem):
    id: str
    description: str


class ProblemStatementItem(ResourceItem):
    id: str
    problem_statement: str


class ObjectiveItem(ResourceItem):
    id: str
    objective: str


class PersonaItem(ResourceItem):
    persona_id: str
    name: str
    description: str = ""
    icon: str = ""
    color: str = ""


class DocumentItem(ResourceItem):
    document_id: str
    name: str
    description: str = ""
    file_id: str | None = None
    text_id: str | None = None
    image_ids: list[str] = []
    template: bool = False
    parameter_field_ids: list[str] = []


class ScenarioItem(ResourceItem):
    scenario_id: str
    name: str
    description: str = ""


class QuestionItem(ResourceItem):
    question_id: str
    question_text: str
    allow_multiple: bool = False
    time: int | None = Field(default=None, description="Seconds that answering may take.")


class OptionItem(ResourceItem):
    option_id: str
    option_text: str
    question_id: str
    is_correct: bool | None = Field(default=None, description="Told once the question was answered.")


class VideoItem(ResourceItem):
    video_id: str
    name: str
    description: str = ""
    url: str = ""
    length_seconds: int | None = None


class ImageItem(ResourceItem):
    image_id: str
    name: str
    description: str = ""
    url: str = ""


class FlagItem(ResourceItem):
    id: str
    name: str
    description: str = ""
    type: str = ""
    icon: str = ""
    value: bool = False


class ParameterItem(ResourceItem):
    parameter_id: str
    name: str
    description: str = ""


class ParameterFieldItem(ResourceItem):
    id: str
    field_id: str
    parameter_id: str
    name: str
    parameter_name: str


class DepartmentItem(ResourceItem):
    id: str
    name: str
    description: str = ""


# ------------------------------------------------------- messages and grades


class ContentItem(BaseModel):
    content: str
    name: str = ""
    color: str = ""
    icon: str = ""
    created_at: str


class HintItem(BaseModel):
    id: str
    hint: str
    message_id: str
    idx: int = 0


class FeedbackItem(BaseModel):
    id: str
    standard_id: str | None = None
    standard_group_id: str | None = None
    total: int | None = None
    feedback: str


class HighlightItem(BaseModel):
    section: str = Field(description="Words of the message, exactly as they stand in it.")
    idx: int = 0


class ReplacementItem(BaseModel):
    section: str = Field(description="Words of the message, exactly as they stand in it.")
    replace: str
    idx: int = 0


class StrengthItem(BaseModel):
    id: str
    name: str
    description: str
    message_id: str | None = None
    highlights: list[HighlightItem] = []


class ImprovementItem(BaseModel):
    id: str
    name: str
    description: str
    message_id: str | None = None
    replacements: list[ReplacementItem] = []


class AnalysisItem(BaseModel):
    id: str
    content: str


class MessageData(BaseModel):
    """One message of a chat, with the further fields of a spoken one.

    Attributes:
        started_ms, ended_ms: when it was said, in milliseconds since the call began; null for a typed one.
        heard_ms, full_text, interrupted: how far a spoken reply was heard, its whole text, whether it was interrupted.
    """

    id: str
    chat_id: str
    type: Literal["query", "response"]
    created_at: str
    completed: bool
    contents: list[ContentItem]
    feedbacks: list[FeedbackItem] = []
    hints: list[HintItem] = []
    parent_message_id: str | None = None
    sibling_index: int = 0
    sibling_count: int = 1
    audios_id: str | None = None
    persona_id: str | None = None
    origin: Literal["typed", "spoken"] = "typed"
    full_text: str | None = None
    heard_ms: int | None = None
    interrupted: bool = False
    started_ms: int | None = None
    ended_ms: int | None = None
    latency: dict[str, int] | None = Field(
        default=None,
        description="Of a spoken answer: `endpoint_ms`, `stt_ms`, `llm_ms`, `tts_ms` and `voice_to_voice_ms`, as the "
        "voice websocket tells them in `turn.latency`.",
    )


class GradeData(BaseModel):
    id: str
    score: int
    passed: bool
    description: str = ""
    time_taken: int = Field(default=0, description="Seconds from the chat's beginning to its end.")
    total_points: int
    pass_points: int


class StandardItem(BaseModel):
    standard_id: str
    standard_group_id: str
    name: str
    description: str = ""
    points: int


class StandardGroupItem(BaseModel):
    standard_group_id: str
    name: str
    description: str = ""
    points: int
    pass_points: int = 0


class RubricItem(BaseModel):
    rubric_id: str
    name: str
    description: str = ""
    total_points: int
    pass_points: int
    standard_groups: list[StandardGroupItem] = []
    standards: list[StandardItem] = []


class ChatData(BaseModel):
    """One chat of an attempt."""

    id: str
    attempt_id: str
    name: str
    scenario_id: str | None = None
    position: int
    created_at: str
    completed: bool
    completed_at: str | None = None
    grade: GradeData | None = None
    previous_attempt_chat_id: str | None = None


class Timer(BaseModel):
    """The time of a chat; nulls if it has no limit."""

    time_limit_seconds: int | None = None
    started_at: str | None = None
    ends_at: str | None = None
    remaining_seconds: int | None = None
    expired: bool = False


Url = Annotated[
    str, Field(pattern=rf"^({WEB_ADDRESS.pattern})?$", description="Where it can be loaded, beginning with https://.")
]

Extra = dict[str, Any]
