"""Transcripts of a chat as files: CSV, Markdown, subtitles, and the recorded call as a stereo WAV file."""

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import NotFound
from models.files import Files
from models.records.core import Chat, ChatContext, Message, User
from models.records.outcomes import Draft, Grade, Note, NoteKind, Response
from models.store import Store
from pipeline.call.recording import recording_of
from pipeline.conversation.events import STAGES
from pipeline.practice.own_chats import OwnChats

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
    *STAGES,
)
DRAFTS_LIMIT = 100
"""Most drafts of a chat in its export, the latest changed first."""

_LEAST_CUE_MS = 500
_TYPED_CUE_MS = 2_000
_RISKY = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BLANK = ("\t", "\r", "\n")
_MARKED = re.compile(r"[\\`*_\[\]]")
_INDENTED = re.compile(r"^[ \t]+", re.MULTILINE)
_MARKED_LINE = re.compile(r"^[#=+|~-]", re.MULTILINE)
_TAGS = str.maketrans("<>{}", "‹›()")
"""Subtitles have no escapes, and players read tags of HTML and of ASS in them."""

_UNNAMEABLE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class ChatTranscript:
    """The transcript of a chat.

    Attributes:
        speakers: the speaker's name of each message.
    """

    context: ChatContext
    speakers: tuple[str, ...]

    @property
    def chat(self) -> Chat:
        """The chat."""
        return self.context.chat

    @property
    def messages(self) -> Sequence[Message]:
        """The messages in order."""
        return self.context.messages

    @property
    def lines(self) -> Sequence[tuple[Message, str]]:
        """Each message with its speaker's name."""
        return list(zip(self.messages, self.speakers, strict=True))

    @property
    def file_stem(self) -> str:
        """The name of its file, without the extension."""
        stem = _UNNAMEABLE.sub("-", self.chat.name).strip("-.").lower()[:60] or "chat"
        return f"{stem}-{self.chat.id[:8]}"


@dataclass(frozen=True, slots=True)
class QuizAnswer:
    """An answer to a question of a chat, with its words."""

    response: Response
    question: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChatOutcome:
    """What has become of a chat, besides its messages: its newest grade, notes, answers to questions, and drafts."""

    grade: Grade | None
    notes: Sequence[Note]
    answers: Sequence[QuizAnswer]
    drafts: Sequence[Draft]

    def notes_of(self, kind: NoteKind) -> list[Note]:
        """Return the notes of one kind."""
        return [note for note in self.notes if note.kind == kind]


class Exports:
    """Reads transcripts and recordings for export.

    Args:
        store, files: where messages and recorded calls are kept.
        own: finds the chats.
    """

    def __init__(self, store: Store, files: Files, own: OwnChats) -> None:
        self._store = store
        self._files = files
        self._own = own

    async def transcript(self, user: User, chat_id: str | None = None, attempt_id: str | None = None) -> ChatTranscript:
        """Return the transcript of a chat, by default of the one in which something was said or begun last.

        Raises:
            NotFound: unknown, another user's, or of another attempt; or there is none yet.
        """
        if chat_id is None:
            chat = await self._store.last_chat(user.id, attempt_id)
        else:
            chat = await self._own.find(user.id, chat_id, attempt_id)
        context = await self._store.context(chat.id)
        names = {persona.id: persona.name for persona in context.speakers}
        speakers = (
            user.name if item.role == "user" else names.get(item.persona_id or "", "Persona")
            for item in context.messages
        )
        return ChatTranscript(context, tuple(speakers))

    async def outcome(self, user_id: str, chat: Chat, draft_id: str | None = None) -> ChatOutcome:
        """Return what has become of a chat.

        Args:
            draft_id: a draft to show besides those of the chat.

        Raises:
            NotFound: unknown draft, or another user's.
        """
        store = self._store
        drafts, _ = await store.drafts(user_id, chat_id=chat.id, limit=DRAFTS_LIMIT)
        if draft_id is not None and draft_id not in {draft.id for draft in drafts}:
            drafts.append(await store.draft(user_id, draft_id))
        responses = await store.responses(chat.id)
        ids = [ident for one in responses for ident in (one.question_id, *one.option_ids)]
        texts = {item.id: item.name for item in await store.resources(ids)}
        answers = [
            QuizAnswer(one, texts.get(one.question_id, ""), tuple(texts.get(ident, "") for ident in one.option_ids))
            for one in responses
        ]
        grades = await store.grades_of([chat.id])
        return ChatOutcome(grades.get(chat.id), await store.notes([chat.id]), answers, drafts)

    async def recording(self, chat: Chat) -> bytes:
        """Return the recorded calls of a chat as a WAV file.

        Raises:
            NotFound: nothing of it was recorded.
        """
        path = self._files.path(recording_of(chat.id))
        if not await asyncio.to_thread(path.is_file):
            raise NotFound("There is no recording of this chat: calls are recorded only where GLOW_RECORD_CALLS is on.")
        return await asyncio.to_thread(path.read_bytes)


def safe_cell(text: str) -> str:
    """Escape a text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_BLANK) or text.lstrip().startswith(_RISKY) else text


def csv_of(transcript: ChatTranscript) -> str:
    """Return a transcript as CSV, one row for each message."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for message, speaker in transcript.lines:
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
            *(str((message.latency or {}).get(stage, "")) for stage in STAGES),
        )
        writer.writerow([safe_cell(cell) for cell in cells])
    return file.getvalue()


def markdown_of(transcript: ChatTranscript, outcome: ChatOutcome | None = None) -> str:
    """Return a transcript as Markdown, in which words show as they were written: no links, pictures or HTML.

    Args:
        outcome: its grade, notes, answers and drafts, which follow the transcript.
    """
    lines = [f"# {_plain(_on_one_line(transcript.chat.name))}", ""]
    for message, speaker in transcript.lines:
        cut = " *(broken into)*" if message.interrupted else ""
        name, said = _plain(_on_one_line(speaker)), _plain(message.text)
        lines += [f"**{name}** ({message.created_at:%H:%M:%S}):", "", f"{said}{cut}", ""]
    if outcome is not None:
        lines += _outcome_lines(outcome)
    return "\n".join(lines)


def _outcome_lines(outcome: ChatOutcome) -> list[str]:
    lines: list[str] = []
    if (grade := outcome.grade) is not None:
        verdict = "passed" if grade.passed else "not passed"
        marks = f"{grade.score} of {grade.total_points} points, {verdict} ({grade.pass_points} are needed)"
        lines += ["## Grade", "", marks, "", _inline(grade.description), ""]
    lists = {
        "Feedback": [_points(note) + _inline(note.data.get("feedback")) for note in outcome.notes_of("feedback")],
        "Strengths": [_remark(note) for note in outcome.notes_of("strength")],
        "Improvements": [_remark(note) for note in outcome.notes_of("improvement")],
        "Analyses": [_inline(note.data.get("content")) for note in outcome.notes_of("analysis")],
        "Hints": [_inline(note.data.get("hint")) for note in outcome.notes_of("hint")],
        "Answers": [_quiz_answer(answer) for answer in outcome.answers],
        "Drafts": [_draft(draft) for draft in outcome.drafts],
    }
    for title, items in lists.items():
        if items:
            lines += [f"## {title}", "", *(f"- {item}" for item in items), ""]
    return lines


def _points(note: Note) -> str:
    total = note.data.get("total")
    return "" if total is None else f"({total}) "


def _remark(note: Note) -> str:
    data = note.data
    said = [f"“{_inline(part.get('section'))}”" for part in data.get("highlights", ())]
    said += [
        f"“{_inline(part.get('section'))}” → “{_inline(part.get('replace'))}”" for part in data.get("replacements", ())
    ]
    return f"**{_inline(data.get('name'))}** {' '.join([_inline(data.get('description')), *said])}".rstrip()


def _quiz_answer(answer: QuizAnswer) -> str:
    verdict = "right" if answer.response.is_correct else "wrong"
    return f"{_inline(answer.question)} {_inline('; '.join(answer.options))} ({verdict})"


def _draft(draft: Draft) -> str:
    chosen = {name: len(ids) for name, ids in draft.state.items() if name.endswith("_ids") and ids}
    counts = ", ".join(f"{count} {name.removesuffix('_ids').replace('_', ' ')}" for name, count in chosen.items())
    name = _inline(draft.state.get("name")) or draft.id
    return f"**{name}**, version {draft.version}, {draft.updated_at:%Y-%m-%d %H:%M}" + (f": {counts}" if counts else "")


def _inline(text: object) -> str:
    return _plain(_on_one_line(str(text or "")))


def srt_of(transcript: ChatTranscript) -> str:
    """Return a transcript as SubRip subtitles."""
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_cue(speaker, message)}\n"
        for number, (start, end, speaker, message) in enumerate(_timed(transcript), 1)
    ]
    return "\n".join(cues)


def vtt_of(transcript: ChatTranscript) -> str:
    """Return a transcript as WebVTT subtitles."""
    cues = []
    for start, end, speaker, message in _timed(transcript):
        said, name = _escaped(_on_one_line(message.text)), _escaped(_on_one_line(speaker))
        cues.append(f"{_clock(start, '.')} --> {_clock(end, '.')}\n<v {name}>{said}\n")
    return "\n".join(["WEBVTT\n", *cues])


def cue_spans(said: Sequence[tuple[int | None, int | None]]) -> list[tuple[int, int] | None]:
    """Return when each message is shown, in the order of the chat; None for one that is not.

    Times are relative to their call, so a time earlier than the one before it begins another call, which follows the
    one before as in the recording. A typed message has no time: it is shown for two seconds after the latest spoken
    one. Before the first call it is left out, unless there is no call at all.
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


def _timed(transcript: ChatTranscript) -> list[tuple[int, int, str, Message]]:
    """Return the messages with words, and when each was said."""
    said = [(message, speaker) for message, speaker in transcript.lines if message.text.strip()]
    spans = cue_spans([(message.started_ms, message.ended_ms) for message, _ in said])
    return [(*span, speaker, message) for span, (message, speaker) in zip(spans, said, strict=True) if span is not None]


def _cue(speaker: str, message: Message) -> str:
    return _on_one_line(f"{speaker}: {message.text}").replace("-->", "→").translate(_TAGS)


def _clock(milliseconds: int, point: str) -> str:
    seconds, left = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{left:03}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Escape what Markdown, or the HTML that it may hold, gives a meaning."""
    return _MARKED_LINE.sub(r"\\\g<0>", _MARKED.sub(r"\\\g<0>", _INDENTED.sub("", _escaped(text))))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
