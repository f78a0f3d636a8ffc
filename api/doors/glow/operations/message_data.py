"""Rendering of messages and of the notes on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.doors.glow.operations.shapes import (
    AnalysisItem,
    ContentItem,
    FeedbackItem,
    HighlightItem,
    HintItem,
    ImprovementItem,
    MessageData,
    ReplacementItem,
    StrengthItem,
)
from models.records.core import Message, Persona
from models.records.outcomes import Note
from pipeline.practice.coaching import hint_payload


def message_data(
    messages: Sequence[Message], notes: Sequence[Note] = (), personas: Sequence[Persona] = (), user_name: str = ""
) -> list[MessageData]:
    """Render messages with their threads, hints and feedback.

    Args:
        messages: of one chat, in order.
        notes: of the same chat.
        personas: the chat's.
        user_name: the learner's.
    """
    siblings: dict[str | None, list[str]] = {}
    for message in messages:
        siblings.setdefault(message.parent_id, []).append(message.id)
    by_id = {persona.id: persona for persona in personas}
    return [
        MessageData(
            id=message.id,
            chat_id=message.chat_id,
            type="query" if message.role == "user" else "response",
            created_at=message.created_at.isoformat(),
            completed=message.completed,
            contents=[_content(message, by_id, user_name)],
            feedbacks=[feedback_item(note) for note in notes if _about(note, "feedback", message)],
            hints=[hint_item(note) for note in notes if _about(note, "hint", message)],
            parent_message_id=message.parent_id,
            sibling_index=siblings[message.parent_id].index(message.id),
            sibling_count=len(siblings[message.parent_id]),
            audios_id=message.audio_ref,
            persona_id=message.persona_id,
            origin=message.origin,
            full_text=message.full_text,
            heard_ms=message.heard_ms,
            interrupted=message.interrupted,
            started_ms=message.started_ms,
            ended_ms=message.ended_ms,
            latency=dict(message.latency) if message.latency else None,
        )
        for message in messages
    ]


def hint_item(note: Note) -> HintItem:
    """Render a hint."""
    return HintItem(**hint_payload(note))


def feedback_item(note: Note) -> FeedbackItem:
    """Render feedback on a standard."""
    data = note.data
    return FeedbackItem(
        id=note.id,
        standard_id=data.get("standard_id"),
        standard_group_id=data.get("standard_group_id"),
        total=data.get("total"),
        feedback=_text(data, "feedback"),
    )


def strength_item(note: Note) -> StrengthItem:
    """Render a strength with its highlights."""
    return StrengthItem(
        id=note.id,
        name=_text(note.data, "name"),
        description=_text(note.data, "description"),
        message_id=note.message_id,
        highlights=[HighlightItem(**item) for item in note.data.get("highlights", [])],
    )


def improvement_item(note: Note) -> ImprovementItem:
    """Render an improvement with its replacements."""
    return ImprovementItem(
        id=note.id,
        name=_text(note.data, "name"),
        description=_text(note.data, "description"),
        message_id=note.message_id,
        replacements=[ReplacementItem(**item) for item in note.data.get("replacements", [])],
    )


def analysis_item(note: Note) -> AnalysisItem:
    """Render an analysis, a sentence about the whole chat."""
    return AnalysisItem(id=note.id, content=_text(note.data, "content"))


def _content(message: Message, personas: Mapping[str, Persona], user_name: str) -> ContentItem:
    persona = personas.get(message.persona_id or "")
    return ContentItem(
        content=message.text,
        name=user_name if message.role == "user" else persona.name if persona else "",
        color=persona.color if persona else "",
        icon=persona.icon if persona else "",
        created_at=message.created_at.isoformat(),
    )


def _about(note: Note, kind: str, message: Message) -> bool:
    return note.kind == kind and note.message_id == message.id


def _text(data: Mapping[str, Any], key: str) -> str:
    return str(data.get(key) or "")
