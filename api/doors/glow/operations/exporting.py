"""chat_export: a transcript as CSV, JSON, Markdown, subtitles, or the recorded call as a stereo WAV file."""

import base64
import json

from api.doors.glow.operations.message_data import message_data
from api.doors.glow.operations.shapes_chats import ChatExportBody, ChatExportReply
from api.service import Service
from models.records.core import User
from pipeline.practice.exporting import ChatTranscript, csv_of, markdown_of, srt_of, vtt_of


async def chat_export(service: Service, user: User, body: ChatExportBody) -> ChatExportReply:
    """Export a transcript: CSV by default, one row for each message."""
    exports = service.practice.exports
    transcript = await exports.transcript(user, body.chat_entry_id, body.attempt_id)
    match body.format:
        case "csv":
            content, ending, kind = csv_of(transcript), "csv", "text/csv"
        case "json":
            content, ending, kind = await _json(service, user, transcript), "json", "application/json"
        case "markdown" | "md":
            content, ending, kind = markdown_of(transcript), "md", "text/markdown"
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


async def _json(service: Service, user: User, transcript: ChatTranscript) -> str:
    chat = transcript.chat
    notes = await service.store.notes([chat.id], "hint", "feedback")
    items = message_data(transcript.messages, notes, transcript.context.speakers, user.name)
    data = {
        "chat_id": chat.id,
        "attempt_id": chat.attempt_id,
        "name": chat.name,
        "messages": [item.model_dump() for item in items],
    }
    return json.dumps(data, ensure_ascii=False, indent=2)
