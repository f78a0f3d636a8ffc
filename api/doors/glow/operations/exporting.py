"""chat_export: a transcript as CSV or subtitles, a whole chat as JSON or Markdown, a recorded call as stereo WAV."""

import base64
import json
from typing import Any

from api.doors.glow.operations.common import grade_data
from api.doors.glow.operations.drafts import draft_entry
from api.doors.glow.operations.message_data import (
    analysis_item,
    feedback_item,
    hint_item,
    improvement_item,
    message_data,
    strength_item,
)
from api.doors.glow.operations.shapes_chats import ChatExportBody, ChatExportReply
from api.service import Service
from models.records.core import User
from pipeline.practice.exporting import ChatTranscript, QuizAnswer, csv_of, markdown_of, srt_of, vtt_of


async def chat_export(service: Service, user: User, body: ChatExportBody) -> ChatExportReply:
    """Export a transcript: CSV by default, one row a message; JSON and Markdown hold grade, notes and drafts, too."""
    exports = service.practice.exports
    transcript = await exports.transcript(user, body.chat_entry_id, body.attempt_id)
    match body.format:
        case "csv":
            content, ending, kind = csv_of(transcript), "csv", "text/csv"
        case "json":
            told = await _json(service, user, transcript, body.draft_id)
            content, ending, kind = told, "json", "application/json"
        case "markdown" | "md":
            outcome = await exports.outcome(user.id, transcript.chat, body.draft_id)
            content, ending, kind = markdown_of(transcript, outcome), "md", "text/markdown"
        case "srt":
            content, ending, kind = srt_of(transcript), "srt", "application/x-subrip"
        case "vtt":
            content, ending, kind = vtt_of(transcript), "vtt", "text/vtt"
        case "wav":
            sound = await exports.recording(transcript.chat)
            content, ending, kind = base64.b64encode(sound).decode(), "wav", "audio/wav"
    return ChatExportReply(
        content=content,
        file_name=f"{transcript.file_stem}.{ending}",
        mime_type=kind,
        row_count=len(transcript.messages),
    )


async def _json(service: Service, user: User, transcript: ChatTranscript, draft_id: str | None) -> str:
    chat, context = transcript.chat, transcript.context
    outcome = await service.practice.exports.outcome(user.id, chat, draft_id)
    items = message_data(transcript.messages, outcome.notes, context.speakers, user.name)
    data = {
        "chat_id": chat.id,
        "attempt_id": chat.attempt_id,
        "name": chat.name,
        "completed_at": chat.completed_at.isoformat() if chat.completed_at else None,
        "messages": [item.model_dump() for item in items],
        "fields": dict(chat.fields),
        "tool_calls": [dict(call) for call in chat.tool_calls],
        "grade": grade_data(outcome.grade).model_dump() if outcome.grade else None,
        "feedbacks": [feedback_item(note).model_dump() for note in outcome.notes_of("feedback")],
        "strengths": [strength_item(note).model_dump() for note in outcome.notes_of("strength")],
        "improvements": [improvement_item(note).model_dump() for note in outcome.notes_of("improvement")],
        "analyses": [analysis_item(note).model_dump() for note in outcome.notes_of("analysis")],
        "hints": [hint_item(note).model_dump() for note in outcome.notes_of("hint")],
        "responses": [_response(answer) for answer in outcome.answers],
        "drafts": [draft_entry(draft).model_dump() for draft in outcome.drafts],
    }
    return json.dumps(data, ensure_ascii=False, indent=2)


def _response(answer: QuizAnswer) -> dict[str, Any]:
    given = answer.response
    return {
        "id": given.id,
        "question_id": given.question_id,
        "question_text": answer.question,
        "option_ids": list(given.option_ids),
        "option_texts": list(answer.options),
        "is_correct": given.is_correct,
        "created_at": given.created_at.isoformat(),
    }
