"""Bodies and replies of drafts."""

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import (
    LONGEST_LIST,
    Body,
    Id,
    Ids,
    OptionalChatId,
    Reply,
    Success,
    Text,
    Url,
    WriteBody,
)
from api.doors.glow.operations.shapes_chats import NewQuestion


class NewMedia(BaseModel):
    name: Text
    description: Text = ""
    url: Url = ""
    upload_id: str | None = Field(default=None, max_length=200)
    length_seconds: int | None = Field(default=None, ge=0, le=1_000_000)


class NewDraftOption(BaseModel):
    option_text: Text
    question_id: str | None = Field(default=None, max_length=200)
    is_correct: bool = False


class ChatDraftBody(WriteBody):
    """The whole state of a draft: omitted fields stay unchanged, an empty list empties."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Custom FERPA Chat",
                    "description": "Modified chat with additional documents",
                    "persona_ids": ["concerned-student-uuid"],
                    "document_ids": ["ferpa-policy-uuid", "supplemental-guide-uuid"],
                }
            ]
        }
    )

    draft_id: str | None = Field(
        default=None, max_length=200, validation_alias=AliasChoices("draft_id", "input_draft_id")
    )
    expected_version: int | None = Field(default=None, description="The version that this write continues.")
    chat_id: OptionalChatId = None
    attempt_id: str | None = Field(default=None, max_length=200)

    name: Text | None = None
    name_id: Id | None = None
    description: Text | None = None
    description_id: Id | None = None
    problem_statement: Text | None = None
    problem_statement_id: Id | None = None
    objectives: list[Text] | None = Field(default=None, max_length=LONGEST_LIST)
    images: list[NewMedia] | None = Field(default=None, max_length=LONGEST_LIST)
    videos: list[NewMedia] | None = Field(default=None, max_length=LONGEST_LIST)
    questions: list[NewQuestion] | None = Field(default=None, max_length=LONGEST_LIST)
    options: list[NewDraftOption] | None = Field(default=None, max_length=LONGEST_LIST)

    name_ids: Ids | None = None
    description_ids: Ids | None = None
    flag_ids: Ids | None = None
    department_ids: Ids | None = None
    persona_ids: Ids | None = None
    document_ids: Ids | None = None
    parameter_field_ids: Ids | None = None
    parameter_ids: Ids | None = None
    scenario_ids: Ids | None = None
    field_ids: Ids | None = None
    question_ids: Ids | None = None
    option_ids: Ids | None = None
    video_ids: Ids | None = None
    image_ids: Ids | None = None
    problem_statement_ids: Ids | None = None
    objective_ids: Ids | None = None
    pending_ids: Ids | None = None


class FormState(BaseModel):
    """Everything that is selected in a draft, after a save."""

    name_id: str | None = None
    name: str | None = None
    description_id: str | None = None
    description: str | None = None
    problem_statement_id: str | None = None
    problem_statement: str | None = None
    name_ids: list[str] = []
    description_ids: list[str] = []
    flag_ids: list[str] = []
    department_ids: list[str] = []
    persona_ids: list[str] = []
    document_ids: list[str] = []
    parameter_field_ids: list[str] = []
    parameter_ids: list[str] = []
    scenario_ids: list[str] = []
    field_ids: list[str] = []
    question_ids: list[str] = []
    option_ids: list[str] = []
    video_ids: list[str] = []
    image_ids: list[str] = []
    problem_statement_ids: list[str] = []
    objective_ids: list[str] = []
    pending_ids: list[str] = []


class ChatDraftReply(Success):
    draft_id: str
    new_version: int
    version: int
    message: str
    chat_id: str | None = Field(default=None, description="The chat that it is a draft of.")
    applied: bool = Field(default=False, description="Whether the chat takes it on from the next message.")
    form_state: FormState


class ChatDraftsBody(Body):
    """Which drafts to list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"search": "FERPA", "page_limit": 20}]})

    search: str | None = Field(default=None, max_length=500)
    chat_id: OptionalChatId = None
    date_from: str | None = Field(default=None, max_length=40, description="ISO 8601; the oldest change to list.")
    date_to: str | None = Field(default=None, max_length=40, description="ISO 8601; the newest change to list.")
    page_limit: int = Field(default=50, ge=1, le=500)
    page_offset: int = Field(default=0, ge=0, le=1_000_000)
    snapshot_key: str | None = Field(default=None, max_length=200)


class DraftEntry(FormState):
    id: str
    version: int
    created_at: str
    updated_at: str
    generated: bool = False
    mcp: bool = False
    active: bool = True
    session_id: str | None = None
    group_id: str | None = None
    chat_id: str | None = None


class ChatDraftsReply(Reply):
    entries: list[DraftEntry]
    total: int
