"""chat_export: a transcript as CSV, JSON, Markdown, subtitles, or the recorded call as a stereo WAV file."""

import asyncio
import base64
import csv
import io
import json
import re
from collections.abc import Sequence

from api.doors.glow.operations.message_data import message_data
from api.doors.glow.operations.shapes_chats import ChatExportBody, ChatExportReply
from api.service import Service
from models.errors import NotFound
from models.records.core import Message, User
from pipeline.call.recording import recording_of

COLUMNS = (
    "message_id",
    "type",
    "speaker",
    "content",
    "created_at",
    "origin",
    "parent_message_id",
    "started_ms",
    "ended_ms",
    "interrupted",
    "full_text",
    "audios_id",
)
_LEAST_CUE_MS = 500
_TYPED_CUE_MS = 2_000
_RISKY = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BLANK = ("\t", "\r", "\n")
_UNNAMEABLE = re.compile(r"[^\w.-]+")


async def chat_export(service: Service, user: User, body: ChatExportBody) -> ChatExportReply:
    """Export a transcript: CSV by default, one row for each message."""
    chat = await service.practice.own.find(user.id, body.chat_entry_id, body.attempt_id)
    context = await service.store.context(chat.id)
    names = {persona.id: persona.name for persona in context.personas}
    messages = context.messages
    speakers = [user.name if item.role == "user" else names.get(item.persona_id or "", "Persona") for item in messages]
    stem = _UNNAMEABLE.sub("-", chat.name).strip("-.").lower()[:60] or "chat"
    match body.format:
        case "csv":
            content, ending, kind = _csv(messages, speakers), "csv", "text/csv"
        case "json":
            notes = await service.store.notes([chat.id], "hint", "feedback")
            items = message_data(messages, notes, context.personas, user.name)
            data = {
                "chat_id": chat.id,
                "attempt_id": chat.attempt_id,
                "name": chat.name,
                "messages": [item.model_dump() for item in items],
            }
            content, ending, kind = json.dumps(data, ensure_ascii=False, indent=2), "json", "application/json"
        case "markdown" | "md":
            content, ending, kind = _markdown(chat.name, messages, speakers), "md", "text/markdown"
        case "srt":
            content, ending, kind = _srt(messages, speakers), "srt", "application/x-subrip"
        case "vtt":
            content, ending, kind = _vtt(messages, speakers), "vtt", "text/vtt"
        case "wav":
            content, ending, kind = await _wav(service, chat.id), "wav", "audio/wav"
    return ChatExportReply(
        content=content, file_name=f"{stem}-{chat.id[:8]}.{ending}", mime_type=kind, row_count=len(messages)
    )


def safe_cell(text: str) -> str:
    """The text as a spreadsheet shows it and never runs it."""
    return f"'{text}" if text.startswith(_BLANK) or text.lstrip().startswith(_RISKY) else text


def _csv(messages: Sequence[Message], speakers: Sequence[str]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for message, speaker in zip(messages, speakers, strict=True):
        cells = (
            message.id,
            "query" if message.role == "user" else "response",
            speaker,
            message.text,
            message.created_at.isoformat(),
            message.origin,
            message.parent_id or "",
            "" if message.started_ms is None else str(message.started_ms),
            "" if message.ended_ms is None else str(message.ended_ms),
            "true" if message.interrupted else "false",
            message.full_text or "",
            message.audio_ref or "",
        )
        writer.writerow([safe_cell(cell) for cell in cells])
    return file.getvalue()


def _markdown(name: str, messages: Sequence[Message], speakers: Sequence[str]) -> str:
    lines = [f"# {' '.join(name.split())}", ""]
    for message, speaker in zip(messages, speakers, strict=True):
        cut = " *(broken into)*" if message.interrupted else ""
        lines += [f"**{speaker}** ({message.created_at:%H:%M:%S}):", "", f"{message.text}{cut}", ""]
    return "\n".join(lines)


def _srt(messages: Sequence[Message], speakers: Sequence[str]) -> str:
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_cue(speaker, message)}\n"
        for number, (start, end, speaker, message) in enumerate(_timed(messages, speakers), 1)
    ]
    return "\n".join(cues)


def _vtt(messages: Sequence[Message], speakers: Sequence[str]) -> str:
    cues = []
    for start, end, speaker, message in _timed(messages, speakers):
        said = _escaped(" ".join(message.text.split()))
        cues.append(f"{_clock(start, '.')} --> {_clock(end, '.')}\n<v {_escaped(speaker)}>{said}\n")
    return "\n".join(["WEBVTT\n", *cues])


def _timed(messages: Sequence[Message], speakers: Sequence[str]) -> list[tuple[int, int, str, Message]]:
    """The messages that have words, with when each was said."""
    said = [(message, speaker) for message, speaker in zip(messages, speakers, strict=True) if message.text.strip()]
    spans = cue_spans([(message.started_ms, message.ended_ms) for message, _ in said])
    return [(*span, speaker, message) for span, (message, speaker) in zip(spans, said, strict=True) if span is not None]


def cue_spans(said: Sequence[tuple[int | None, int | None]]) -> list[tuple[int, int] | None]:
    """When each message is shown, in the order of the chat; None for one that is not.

    The times of a call begin with it, so where they go back another call began: it follows the one before, as it does
    in the recording. What was typed has no time and stands for two seconds after what was said last; before the first
    call nothing was said yet, so there it is left out, unless there is no call at all.
    """
    spoken = any(started is not None for started, _ in said)
    spans: list[tuple[int, int] | None] = []
    call_at, last_start, last_end = 0, 0, 0
    heard_any = False
    for started, ended in said:
        if started is None:
            if spoken and not heard_any:
                spans.append(None)
                continue
            start, end = last_end, last_end + _TYPED_CUE_MS
        else:
            if heard_any and call_at + started < last_start:
                call_at = last_end
            heard_any = True
            start = last_start = call_at + started
            end = max(call_at + (started if ended is None else ended), start + _LEAST_CUE_MS)
        spans.append((start, end))
        last_end = max(last_end, end)
    return spans


def _cue(speaker: str, message: Message) -> str:
    return f"{speaker}: {' '.join(message.text.split())}".replace("-->", "→")


def _clock(milliseconds: int, point: str) -> str:
    seconds, left = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{left:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def _wav(service: Service, chat_id: str) -> str:
    path = service.files.path(recording_of(chat_id))
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("There is no recording of this chat: calls are recorded only where GLOW_RECORD_CALLS is on.")
    return base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
