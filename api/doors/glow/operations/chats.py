"""chat_get, chat_create, chat_complete and chat_refresh."""

from collections.abc import Callable, Sequence
from typing import Any

from api.doors.glow.operations.common import required, timer
from api.doors.glow.operations.message_data import message_data
from api.doors.glow.operations.shapes import (
    DepartmentItem,
    DescriptionItem,
    DocumentItem,
    FlagItem,
    ImageItem,
    NameItem,
    ObjectiveItem,
    OptionItem,
    ParameterFieldItem,
    ParameterItem,
    PersonaItem,
    ProblemStatementItem,
    QuestionItem,
    ScenarioItem,
    VideoItem,
)
from api.doors.glow.operations.shapes_chats import (
    ChangedItem,
    ChatCompleteBody,
    ChatCompleteReply,
    ChatCreateBody,
    ChatCreateReply,
    ChatDeleteBody,
    ChatDeleteReply,
    ChatGetBody,
    ChatGetReply,
    ChatRefreshBody,
    ChatRefreshReply,
    NewQuestion,
    ToolCallItem,
)
from api.doors.glow.operations.shapes_filters import SectionFilter
from api.service import Service
from models.records.core import User
from models.records.resources import ResourceKind, derived_id
from pipeline.practice.attempts import NewChat
from pipeline.practice.overview import ChatOverview
from pipeline.practice.sections import KINDS, ChatSection, Narrowing
from pipeline.practice.values import OptionValue, QuestionValue

TEXTS: tuple[ResourceKind, ...] = ("name", "description", "problem_statement")
"""The kinds that a body may give as a text or as an id."""

# How each kind of resource is rendered, in the order of the reply: the item's class and the field of its text.
_SHOWN: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "name": lambda item, flags: NameItem(id=item.id, name=item.name, **flags),
    "description": lambda item, flags: DescriptionItem(id=item.id, description=item.name, **flags),
    "problem_statement": lambda item, flags: ProblemStatementItem(id=item.id, problem_statement=item.name, **flags),
    "objective": lambda item, flags: ObjectiveItem(id=item.id, objective=item.name, **flags),
    "persona": lambda item, flags: PersonaItem(
        persona_id=item.id, name=item.name, description=item.description, icon=item.icon, color=item.color, **flags
    ),
    "document": lambda item, flags: DocumentItem(
        document_id=item.id, name=item.name, description=item.description, text_id=item.id, **flags
    ),
    "scenario": lambda item, flags: ScenarioItem(
        scenario_id=item.id, name=item.name, description=item.description, **flags
    ),
    "parameter": lambda item, flags: ParameterItem(
        parameter_id=item.id, name=item.name, description=item.description, **flags
    ),
    "parameter_field": lambda item, flags: ParameterFieldItem(
        id=item.id,
        field_id=item.id,
        parameter_id=item.data.get("parameter_id", ""),
        name=item.name,
        parameter_name=item.data.get("parameter_name", ""),
        **flags,
    ),
    "question": lambda item, flags: QuestionItem(
        question_id=item.id,
        question_text=item.name,
        allow_multiple=bool(item.data.get("allow_multiple")),
        time=item.data.get("time"),
        **flags,
    ),
    "option": lambda item, flags: OptionItem(
        option_id=item.id, option_text=item.name, question_id=item.data.get("question_id", ""), **flags
    ),
    "image": lambda item, flags: ImageItem(
        image_id=item.id, name=item.name, description=item.description, url=item.data.get("url") or "", **flags
    ),
    "video": lambda item, flags: VideoItem(
        video_id=item.id,
        name=item.name,
        description=item.description,
        url=item.data.get("url") or "",
        length_seconds=item.data.get("length_seconds"),
        **flags,
    ),
    "flag": lambda item, flags: FlagItem(
        id=item.id,
        name=item.name,
        description=item.description,
        type=item.data.get("type", ""),
        icon=item.data.get("icon", ""),
        value=bool(item.data.get("value")),
        **flags,
    ),
    "department": lambda item, flags: DepartmentItem(id=item.id, name=item.name, description=item.description, **flags),
}


def shown(kind: str, item: Any) -> Any:
    """Render a resource outside any chat."""
    return _SHOWN[kind](item, {"selected": False})


async def chat_get(service: Service, user: User, body: ChatGetBody) -> ChatGetReply:
    """Get a chat with everything about it: its resources, hydrated and filtered, its time, its messages."""
    seen = await service.practice.overviews.chat(
        user.id,
        required(body.chat_entry_id, "chat_entry_id is required"),
        attempt_id=body.attempt_id,
        draft_id=body.draft_id,
        narrowed={kind: _narrowing(body, kind) for kind in KINDS},
    )
    return chat_reply(user, seen)


def chat_reply(user: User, seen: ChatOverview) -> ChatGetReply:
    """Render a chat with everything about it."""
    chat, draft = seen.chat, seen.draft
    reply = ChatGetReply(
        actor_name=user.name,
        can_edit=seen.closed_because is None,
        disabled_reason=seen.closed_because,
        group_id=seen.group_id,
        show_ai_generate=chat.completed_at is None,
        simulation_name=seen.simulation.name,
        chat_entry_id=chat.id,
        chat_id=chat.id,
        attempt_id=chat.attempt_id,
        fields=dict(chat.fields),
        tool_calls=[ToolCallItem.model_validate(call) for call in chat.tool_calls],
        draft_id=draft.id if draft else None,
        draft_version=draft.version if draft else None,
        timer=timer(seen.time),
        messages=message_data(seen.context.messages, seen.notes, seen.context.speakers, user.name),
    )
    for kind, section in seen.sections.items():
        setattr(reply, f"{kind}_ids", list(section.ids))
        setattr(reply, f"{kind}s", _items(kind, section))
    return reply


def _items(kind: str, section: ChatSection) -> list[Any]:
    items = [_SHOWN[kind](item, {"selected": chosen, "suggested": not chosen}) for item, chosen in section.shown]
    for item in items:
        if kind == "option":
            item.is_correct = (section.revealed or {}).get(item.option_id)
    return items


def _narrowing(body: ChatGetBody, kind: str) -> Narrowing:
    """Merge the filter of a section with the flat filters, which take precedence."""
    nested: SectionFilter = getattr(body, f"{kind}s", None) or SectionFilter()
    search = getattr(body, f"{kind}_search", None)
    selected = getattr(body, f"{kind}_show_selected", None)
    return Narrowing(
        search=(nested.search if search is None else search) or "",
        limit=nested.limit,
        selected=nested.selected if selected is None else selected,
        suggested=nested.suggested,
        include=nested.include,
        parameter_ids=nested.parameter_ids or (),
    )


async def chat_create(service: Service, user: User, body: ChatCreateBody) -> ChatCreateReply:
    """Add a chat to an attempt, for tooling: values become resources, ids choose them."""
    chosen = {
        "persona_ids": body.personas,
        "document_ids": body.documents,
        "parameter_field_ids": body.parameter_fields,
        "objective_ids": body.objectives_ids,
        "question_ids": body.questions_ids,
        "option_ids": body.options_ids,
        "image_ids": [body.image_id] if body.image_id else None,
        "video_ids": [body.video_id] if body.video_id else None,
    }
    new = NewChat(
        source_id=body.chat_id,
        previous_id=body.previous_attempt_chat_id,
        draft_id=body.draft_id,
        texts={kind: text for kind in TEXTS if (text := getattr(body, kind)) is not None},
        text_ids={kind: ident for kind in TEXTS if (ident := getattr(body, f"{kind}_id")) is not None},
        ids={name: ids for name, ids in chosen.items() if ids is not None},
        objectives=body.objectives,
        questions=question_values(body.questions),
    )
    chat = await service.practice.attempts.add_chat(user.id, body.attempt_id, new)
    return ChatCreateReply(attempt_chat_id=chat.id, chat_id=chat.id)


def question_value(question: NewQuestion) -> QuestionValue:
    """Convert a client's question."""
    options = tuple(OptionValue(option.option_text, option.is_correct) for option in question.options)
    return QuestionValue(question.question_text, question.allow_multiple, question.time, options)


def question_values(questions: Sequence[NewQuestion] | None) -> list[QuestionValue] | None:
    """Convert a body's questions; None if it has none."""
    return None if questions is None else [question_value(question) for question in questions]


async def chat_complete(service: Service, user: User, body: ChatCompleteBody) -> ChatCompleteReply:
    """Mark a chat completed; stop its written reply and end its call."""
    ended = await service.practice.ending.complete_chat(user.id, body.chat_id, body.message)
    chat = ended.chat
    return ChatCompleteReply(completion_id=derived_id(chat.id, "completion"), chat_id=chat.id, message=ended.message)


async def chat_delete(service: Service, user: User, body: ChatDeleteBody) -> ChatDeleteReply:
    """Delete a chat for good: its messages, recordings, grades and notes; an attempt goes with its last chat."""
    await service.practice.removal.remove_chat(user.id, body.chat_id)
    return ChatDeleteReply(chat_id=body.chat_id)


async def chat_refresh(service: Service, _user: User, body: ChatRefreshBody) -> ChatRefreshReply:
    """Refresh views: packs and documents that have changed on disk are read again, and open calls take them on."""
    done = await service.practice.refreshing.refresh(body.targets or ())
    return ChatRefreshReply(
        success=not done.problems,
        refreshed_views=list(done.views),
        invalidated_tags=[view.removesuffix("_mv") for view in done.views],
        changed=[ChangedItem(kind=record.kind, id=record.id, name=record.name) for record in done.changed],
        problems=list(done.problems),
    )
