"""Bodies and replies of the attempt's own operations."""
# ruff: noqa: RUF012 - pydantic copies the defaults of its fields

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import (
    EXAMPLE_ATTEMPT,
    EXAMPLE_CHAT,
    LONGEST_LIST,
    AnalysisItem,
    AttemptId,
    Body,
    ChatData,
    ChatId,
    FeedbackItem,
    GradeData,
    HintItem,
    Id,
    ImprovementItem,
    MessageData,
    OptionalChatId,
    Reply,
    RubricItem,
    StrengthItem,
    Success,
    Text,
    Timer,
    WriteBody,
    WriteReply,
)
from api.doors.glow.operations.shapes_chats import ChatGetReply
from api.doors.glow.operations.shapes_coaching import NewAnalysis, NewFeedback, NewImprovement, NewStrength


class StartBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"practice_id": "a-practice"}, {"home_id": "a-home"}]})

    home_id: str | None = Field(default=None, max_length=200)
    practice_id: str | None = Field(default=None, max_length=200)
    infinite_mode: bool = False
    draft_id: str | None = Field(default=None, max_length=200, description="A draft that customises the first chat.")


class StartReply(WriteReply):
    attempt_id: str
    chat_id: str
    chat_entry_id: str
    attempt_chat_id: str
    chat_ids: list[str]
    department_id: str | None = None


class AttemptBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT}]})

    attempt_id: AttemptId


class AttemptData(BaseModel):
    id: str
    created_at: str
    completed: bool
    ended_at: str | None = None
    infinite_mode: bool
    simulation_id: str
    message: str | None = None


class SimulationData(BaseModel):
    simulation_id: str
    name: str
    description: str = ""
    time_limit_seconds: int | None = None
    scenario_ids: list[str] = []


class RunData(BaseModel):
    run_id: str
    group_id: str
    chat_id: str


class AttemptEntries(BaseModel):
    attempt: list[AttemptData] = []
    attempt_chat: list[ChatData] = []
    attempt_message: list[MessageData] = []
    attempt_grade: list[GradeData] = []
    attempt_feedback: list[FeedbackItem] = []
    attempt_strength: list[StrengthItem] = []
    attempt_improvement: list[ImprovementItem] = []
    attempt_analysis: list[AnalysisItem] = []
    attempt_hint: list[HintItem] = []
    runs: list[RunData] = []


class AttemptGetReply(Reply):
    """An attempt with its chats, messages and grades; `resources` are those of the current chat."""

    attempt: AttemptData
    simulation: SimulationData
    rubric: RubricItem
    timer: Timer
    current_chat_id: str | None = None
    resources: ChatGetReply | None = None
    entries: AttemptEntries


class NextBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT}]})

    attempt_id: AttemptId
    draft_id: str | None = Field(default=None, max_length=200)


class NextReply(WriteReply):
    attempt_id: str
    chat_id: str | None = Field(default=None, description="The next chat; null when none is left.")
    all_scenarios_complete: bool = False


class JoinBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    sid: str | None = Field(default=None, max_length=200, description="A socket of one's own that joins the room.")


class EndHighlight(BaseModel):
    strength_id: str | None = Field(default=None, max_length=200)
    section: Text
    idx: int | None = Field(default=None, ge=0, le=10_000)


class EndReplacement(BaseModel):
    improvement_id: str | None = Field(default=None, max_length=200)
    section: Text
    replace: Text
    idx: int | None = Field(default=None, ge=0, le=10_000)


class EndBody(WriteBody):
    """End one chat; graded unless `grade` is false. A score grades it by hand; given lists are written."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT, "chat_id": EXAMPLE_CHAT}]}
    )

    attempt_id: AttemptId
    chat_id: ChatId
    grade: bool = True
    score: int | None = None
    passed: bool | None = None
    time_taken: int | None = Field(default=None, ge=0)
    feedbacks: list[NewFeedback] | None = Field(default=None, max_length=LONGEST_LIST)
    strengths: list[NewStrength] | None = Field(default=None, max_length=LONGEST_LIST)
    improvements: list[NewImprovement] | None = Field(default=None, max_length=LONGEST_LIST)
    analyses: list[NewAnalysis] | None = Field(default=None, max_length=LONGEST_LIST)


class EndReply(WriteReply):
    chat_id: str
    is_attempt_finished: bool | None = None
    grade_id: str | None = None
    score: int | None = None
    passed: bool | None = None
    message: str | None = Field(default=None, description="A sentence to show if the chat had ended before.")


class EndAllBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT}]})

    attempt_id: AttemptId


class EndAllReply(WriteReply):
    attempt_id: str
    success: bool = True
    all_scenarios_complete: bool
    message: str | None = None


class StopBody(Body):
    """By chat (v5) or by the group of a run (canonical)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}, {"group_id": "a-group"}]})

    chat_id: OptionalChatId = None
    group_id: str | None = Field(default=None, max_length=200)


class StopReply(Reply):
    chat_id: str | None = None
    success: bool = True
    message: str | None = None


class AttemptMessageBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"attempt_id": EXAMPLE_ATTEMPT, "chat_id": EXAMPLE_CHAT, "message": "Good morning."}]
        }
    )

    attempt_id: str | None = Field(default=None, max_length=200)
    chat_id: OptionalChatId = None
    message: Text | None = Field(default=None, validation_alias=AliasChoices("message", "text"))
    parent_message_id: str | None = Field(default=None, max_length=200)
    persona_id: str | None = Field(default=None, max_length=200)
    assistant_content: Text | None = Field(default=None, description="The answer, where the client has one already.")
    hints: list[Text] | None = Field(default=None, max_length=LONGEST_LIST)
    audios_id: str | None = Field(default=None, max_length=200)
    generate: bool = True
    wait_for_complete: bool = Field(default=False, description="Reply when the persona has answered.")


class AttemptMessageReply(WriteReply):
    chat_id: str
    user_message_id: str | None = None
    assistant_message_id: str | None = None
    assistant_content: str | None = None
    hints: list[HintItem] | None = None
    run_id: str | None = None
    group_id: str | None = None


class AttemptGradeBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT, "chat_id": EXAMPLE_CHAT}]}
    )

    attempt_id: AttemptId
    chat_id: OptionalChatId = None
    resource_types: list[Any] | None = Field(default=None, max_length=LONGEST_LIST)
    user_instructions: Text | list[Text] | None = None


class AttemptGradeReply(WriteReply):
    chat_id: str
    grade_id: str | None = None
    score: int | None = None
    passed: bool | None = None


class GenerateParams(BaseModel):
    model_config = ConfigDict(extra="ignore")

    attempt_id: str | None = Field(default=None, max_length=200)
    chat_id: OptionalChatId = None


class GenerateConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    operations: list[str] = Field(default=[], max_length=LONGEST_LIST)
    dangerous: bool = False
    params: GenerateParams = GenerateParams()
    group_id: str | None = Field(default=None, max_length=200)


class GenerateBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"config": {"operations": ["chat_message"], "params": {"chat_id": EXAMPLE_CHAT}}}]
        }
    )

    instructions: Text | None = None
    config: GenerateConfig = GenerateConfig()
    modalities: list[str] | None = Field(default=None, max_length=LONGEST_LIST)
    audios_id: str | None = Field(default=None, max_length=200)
    conversation_id: str | None = Field(default=None, max_length=200)
    trace_id: str | None = Field(default=None, max_length=200)
    wait_for_complete: bool = False


class ProducedMedia(BaseModel):
    """What a run produced: the reply's text, or an uploaded recording's transcript."""

    type: str
    id: str | None = None
    text: str | None = None


class GenerateReply(WriteReply):
    group_id: str
    run_id: str | None = None
    eval: str | None = None
    produced_media: list[ProducedMedia] = []


class AttemptCompleteBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT}]})

    attempt_id: AttemptId
    message: Text | None = None


class AttemptCompleteReply(Success):
    attempt_id: str
    completion_id: str
    completed_chat_ids: list[str]


class UsePreviousBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"attempt_id": EXAMPLE_ATTEMPT, "previous_chat_map": {EXAMPLE_CHAT: "a-chat-of-before"}}]
        }
    )

    attempt_id: AttemptId
    previous_chat_map: dict[Id, Id] = Field(max_length=LONGEST_LIST)


class UsePreviousReply(Success):
    message: str | None = None
    chat_ids: list[str] = []
