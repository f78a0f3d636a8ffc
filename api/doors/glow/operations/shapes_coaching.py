"""Bodies and replies of the coaching operations: grades, hints, feedback, strengths, improvements, analyses."""
# ruff: noqa: RUF012 - pydantic copies the defaults of its fields

from pydantic import BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import (
    EXAMPLE_CHAT,
    EXAMPLE_MESSAGE,
    LONGEST_LIST,
    AnalysisItem,
    ChatId,
    FeedbackItem,
    HintItem,
    ImprovementItem,
    StrengthItem,
    Success,
    Text,
    WriteBody,
    WriteReply,
)


class ChatGradeBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}, {"chat_id": EXAMPLE_CHAT, "score": 80}]}
    )

    chat_id: ChatId
    score: int | None = Field(default=None, description="Grade by hand; left out, the coach grades by the rubric.")
    description: Text | None = None
    user_instructions: Text | None = Field(default=None, description="What the coach should look at besides.")


class ChatGradeReply(WriteReply):
    chat_id: str
    grade_id: str | None = None
    score: int | None = None
    passed: bool | None = None
    time_taken: int | None = None
    total_points: int | None = None
    pass_points: int | None = None
    description: str | None = None
    feedback_ids: list[str] = []


class NewHint(BaseModel):
    hint: Text
    message_id: str | None = Field(default=None, max_length=200)
    idx: int | None = Field(default=None, ge=0, le=10_000)


class ChatHintsBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    hints: list[NewHint] | None = Field(default=None, max_length=LONGEST_LIST)


class ChatHintsReply(Success):
    hint_ids: list[str]
    hints: list[HintItem] = []


class NewFeedback(BaseModel):
    feedback: Text
    total: int | None = Field(default=None, ge=-1_000_000, le=1_000_000)
    standard_id: str | None = Field(default=None, max_length=200)


class ChatFeedbackBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    feedbacks: list[NewFeedback] | None = Field(default=None, max_length=LONGEST_LIST)


class ChatFeedbackReply(Success):
    feedback_ids: list[str]
    feedbacks: list[FeedbackItem] = []


class NewHighlight(BaseModel):
    section: Text
    idx: int | None = Field(default=None, ge=0, le=10_000)


class NewReplacement(BaseModel):
    section: Text
    replace: Text
    idx: int | None = Field(default=None, ge=0, le=10_000)


class NewStrength(BaseModel):
    name: Text
    description: Text = ""
    message_id: str | None = Field(default=None, max_length=200)
    highlights: list[NewHighlight] | None = Field(default=None, max_length=LONGEST_LIST)


class NewImprovement(BaseModel):
    name: Text
    description: Text = ""
    message_id: str | None = Field(default=None, max_length=200)
    replacements: list[NewReplacement] | None = Field(default=None, max_length=LONGEST_LIST)


class ChatStrengthsBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"chat_id": EXAMPLE_CHAT},
                {
                    "chat_id": EXAMPLE_CHAT,
                    "strengths": [
                        {
                            "name": "A warm opening",
                            "description": "It put the caller at ease.",
                            "message_id": EXAMPLE_MESSAGE,
                            "highlights": [{"section": "how can I help"}],
                        }
                    ],
                },
            ]
        }
    )

    chat_id: ChatId
    strengths: list[NewStrength] | None = Field(default=None, max_length=LONGEST_LIST)


class ChatStrengthsReply(Success):
    strength_ids: list[str]
    strengths: list[StrengthItem] = []


class ChatImprovementsBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    improvements: list[NewImprovement] | None = Field(default=None, max_length=LONGEST_LIST)


class ChatImprovementsReply(Success):
    improvement_ids: list[str]
    improvements: list[ImprovementItem] = []


class NewAnalysis(BaseModel):
    content: Text


class ChatAnalysesBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId
    analyses: list[NewAnalysis] | None = Field(default=None, max_length=LONGEST_LIST)


class ChatAnalysesReply(Success):
    analysis_ids: list[str]
    analyses: list[AnalysisItem] = []
