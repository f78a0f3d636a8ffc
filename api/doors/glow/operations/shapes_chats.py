"""Bodies and replies of the `chat_*` operations."""
# ruff: noqa: RUF012 - pydantic copies the defaults of its fields

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from api.doors.glow.operations.shapes import (
    EXAMPLE_ATTEMPT,
    EXAMPLE_CHAT,
    EXAMPLE_MESSAGE,
    LONGEST_LIST,
    AttemptId,
    Body,
    ChatId,
    DepartmentItem,
    DescriptionItem,
    DocumentItem,
    FlagItem,
    Id,
    Ids,
    ImageItem,
    MessageData,
    NameItem,
    ObjectiveItem,
    OptionalChatId,
    OptionItem,
    ParameterFieldItem,
    ParameterItem,
    PersonaItem,
    ProblemStatementItem,
    QuestionItem,
    Reply,
    ScenarioItem,
    Success,
    Text,
    Timer,
    VideoItem,
    WriteBody,
    WriteReply,
)
from api.doors.glow.operations.shapes_filters import FilteredBody

# ------------------------------------------------------------------ chat_get


class ChatGetBody(FilteredBody):
    """A chat and filters of its sections: ten flat ones, and objects that do the same section by section."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"chat_entry_id": EXAMPLE_CHAT, "attempt_id": EXAMPLE_ATTEMPT},
                {"chat_entry_id": EXAMPLE_CHAT, "persona_search": "confused", "document_show_selected": False},
            ]
        }
    )

    chat_entry_id: str | None = Field(
        default=None,
        max_length=200,
        validation_alias=AliasChoices("chat_entry_id", "id", "chat_id", "attempt_chat_id"),
        description="The chat; `id`, `chat_id` and `attempt_chat_id` are other names of this field.",
    )
    attempt_id: str | None = Field(default=None, max_length=200)
    draft_id: str | None = Field(default=None, max_length=200, description="Show the chat as this draft would make it.")
    snapshot_key: str | None = Field(default=None, max_length=200)


class ToolCallItem(BaseModel):
    """A call of one of the persona's tools: what it was asked (JSON), and what it answered, or why it failed."""

    name: str
    arguments: str
    result: str
    failed: bool
    created_at: str


class ChatGetReply(Reply):
    """A chat with everything about it."""

    actor_name: str
    chat_exists: bool = True
    can_edit: bool
    disabled_reason: str | None = None
    group_id: str | None = None
    show_ai_generate: bool = False
    profile_has_access: bool = True
    simulation_name: str
    chat_entry_id: str
    chat_id: str
    attempt_id: str
    draft_id: str | None = None
    draft_version: int | None = None
    fields: dict[str, str] = Field(default={}, description="What the persona's tools have noted in this chat.")
    tool_calls: list[ToolCallItem] = Field(
        default=[], description="The latest calls of the persona's tools in this chat, in order."
    )

    names: list[NameItem] = []
    name_ids: list[str] = []
    descriptions: list[DescriptionItem] = []
    description_ids: list[str] = []
    problem_statements: list[ProblemStatementItem] = []
    problem_statement_ids: list[str] = []
    objectives: list[ObjectiveItem] = []
    objective_ids: list[str] = []
    personas: list[PersonaItem] = []
    persona_ids: list[str] = []
    documents: list[DocumentItem] = []
    document_ids: list[str] = []
    scenarios: list[ScenarioItem] = []
    scenario_ids: list[str] = []
    parameters: list[ParameterItem] = []
    parameter_ids: list[str] = []
    parameter_fields: list[ParameterFieldItem] = []
    parameter_field_ids: list[str] = []
    questions: list[QuestionItem] = []
    question_ids: list[str] = []
    options: list[OptionItem] = []
    option_ids: list[str] = []
    images: list[ImageItem] = []
    image_ids: list[str] = []
    videos: list[VideoItem] = []
    video_ids: list[str] = []
    flags: list[FlagItem] = []
    flag_ids: list[str] = []
    departments: list[DepartmentItem] = []
    department_ids: list[str] = []

    timer: Timer = Timer()
    messages: list[MessageData] = []


# --------------------------------------------------------------- chat_create


class NewOption(BaseModel):
    option_text: Text
    is_correct: bool = False


class NewQuestion(BaseModel):
    question_text: Text
    allow_multiple: bool = False
    time: int | None = Field(default=None, ge=0, le=86_400)
    options: list[NewOption] = Field(default=[], max_length=LONGEST_LIST)


class ChatCreateBody(WriteBody):
    """A chat to add to an attempt. Values become resources; ids choose existing ones."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"attempt_id": EXAMPLE_ATTEMPT, "name": "One more call"}]}
    )

    attempt_id: AttemptId
    chat_id: str | None = Field(default=None, max_length=200, description="A chat whose scenario the new one runs.")
    name: Text | None = None
    name_id: Id | None = None
    description: Text | None = None
    description_id: Id | None = None
    problem_statement: Text | None = None
    problem_statement_id: Id | None = None
    image_id: Id | None = None
    video_id: Id | None = None
    personas: Ids | None = Field(default=None, validation_alias=AliasChoices("personas_ids", "persona_ids", "personas"))
    documents: Ids | None = Field(
        default=None, validation_alias=AliasChoices("documents_ids", "document_ids", "documents")
    )
    parameter_fields: Ids | None = Field(
        default=None, validation_alias=AliasChoices("parameter_fields_ids", "parameter_field_ids", "parameter_fields")
    )
    objectives: list[Text] | None = Field(default=None, max_length=LONGEST_LIST)
    objectives_ids: Ids | None = None
    questions: list[NewQuestion] | None = Field(default=None, max_length=LONGEST_LIST)
    questions_ids: Ids | None = Field(default=None, validation_alias=AliasChoices("questions_ids", "question_ids"))
    options_ids: Ids | None = Field(default=None, validation_alias=AliasChoices("options_ids", "option_ids"))
    previous_attempt_chat_id: Id | None = None
    draft_id: Id | None = None


class ChatCreateReply(WriteReply):
    attempt_chat_id: str
    chat_id: str


# ------------------------------------------------- chat_message, chat_response


class ChatMessageBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT, "text": "Good morning, how can I help?"}]}
    )

    chat_id: OptionalChatId = None
    text: Text | None = Field(default=None, validation_alias=AliasChoices("text", "message", "contents"))
    persona_id: str | None = Field(default=None, max_length=200)
    parent_message_id: str | None = Field(default=None, max_length=200)
    auto_link_parent: bool = True
    audios_id: str | None = Field(default=None, max_length=200, validation_alias=AliasChoices("audios_id", "audio_id"))
    generate: bool = Field(default=True, description="Whether the persona answers.")
    draft_id: str | None = Field(default=None, max_length=200, description="A draft that the chat takes on first.")
    wait_for_complete: bool = Field(default=False, description="Reply when the persona has answered.")

    @model_validator(mode="before")
    @classmethod
    def _join_contents(cls, data: object) -> object:
        """Join `contents`, a list of texts or of `{"content": text}`."""
        if isinstance(data, dict) and isinstance(data.get("contents"), list) and "text" not in data:
            parts = [item.get("content") if isinstance(item, dict) else item for item in data["contents"]]
            return {**data, "text": " ".join(part for part in parts if isinstance(part, str))}
        return data


class ChatMessageReply(WriteReply):
    success: bool = True
    message_id: str
    content_ids: list[str]
    run_id: str | None = None
    group_id: str | None = None
    assistant_message_id: str | None = None
    assistant_content: str | None = None


class ChatResponseBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT, "question_id": "q1", "option_ids": ["o1"]}]}
    )

    chat_id: ChatId
    question_id: Id
    option_ids: Ids


class ChatResponseReply(WriteReply):
    success: bool = True
    message: str | None = None
    is_correct: bool | None = None
    response_id: str | None = None


# --------------------------------------------- complete, audio, refresh, export


class ChatCompleteBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT, "message": "Done."}]})

    chat_id: ChatId
    message: Text | None = None


class ChatCompleteReply(Success):
    completion_id: str
    chat_id: str
    message: str | None = Field(default=None, description="A sentence to show if the chat had ended before.")


class ChatDeleteBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chat_id": EXAMPLE_CHAT}]})

    chat_id: ChatId


class ChatDeleteReply(Success):
    chat_id: str


class ChatAudioBody(WriteBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"chat_id": EXAMPLE_CHAT, "message_id": EXAMPLE_MESSAGE, "audios_id": "a-recording"}]
        }
    )

    chat_id: ChatId
    message_id: str | None = Field(default=None, max_length=200, description="The chat's last message where left out.")
    audios_id: str | None = Field(default=None, max_length=200, validation_alias=AliasChoices("audios_id", "audio_id"))


class ChatAudioReply(Success):
    attempt_audio_id: str
    message_id: str | None = None


class ChatRefreshBody(WriteBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    targets: list[Id] | None = Field(default=None, max_length=LONGEST_LIST)


class ChangedItem(BaseModel):
    kind: str
    id: str
    name: str


class ChatRefreshReply(Success):
    refreshed_views: list[str] = Field(description="Those of users, and those whose content has changed on disk.")
    invalidated_tags: list[str]
    changed: list[ChangedItem] = Field(default=[], description="Content that was read again.")
    problems: list[str] = Field(default=[], description="Of packs that cannot be read, and stay as they were.")


ExportFormat = Literal["csv", "json", "markdown", "md", "srt", "vtt", "wav"]


class ChatExportBody(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"chat_entry_id": EXAMPLE_CHAT, "attempt_id": EXAMPLE_ATTEMPT, "format": "csv"}]
        }
    )

    chat_entry_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("chat_entry_id", "chat_id", "attempt_chat_id"),
        description="The chat, by default the last one; `chat_id` and `attempt_chat_id` are other names of this field.",
    )
    attempt_id: str | None = Field(default=None, max_length=200)
    draft_id: str | None = Field(default=None, max_length=200)
    snapshot_key: str | None = Field(default=None, max_length=200)
    format: ExportFormat = "csv"


class ChatExportReply(Reply):
    content: str = Field(description="The file's text; of a WAV file its base64.")
    file_name: str
    mime_type: str
    row_count: int


# --------------------------------------------------------------------- voice


class MuteBody(Body):
    chat_id: ChatId
    muted: bool


class Accepted(Reply):
    accepted: bool


class AudioUploadReply(Reply):
    audio_id: str
    audios_id: str
    upload_id: str
    file_name: str
    mime_type: str
    size: int


class AudioDownloadBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"audio_id": "a-recording"}]})

    audio_id: str = Field(
        min_length=1, max_length=200, validation_alias=AliasChoices("audio_id", "audios_id", "upload_id")
    )
