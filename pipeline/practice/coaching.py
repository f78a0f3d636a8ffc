"""Hints, feedback, strengths, improvements and analyses of a chat.

A given list is stored; without one the stored notes are read, and if there are none the coach generates them, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.errors import Invalid, NotFound
from models.records.core import Chat, Message
from models.records.outcomes import NewNote, Note, NoteKind
from models.store import Store
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub
from pipeline.coach.coach import Coach, notes_of
from pipeline.practice.grading import lesson_of, rubric_for
from pipeline.practice.own_chats import OwnChats

RemarkKind = Literal["strength", "improvement"]

MESSAGE_NOT_FOUND = "Message not found in this chat: use the id of one of its messages."


@dataclass(frozen=True, slots=True)
class WrittenHint:
    """A hint by a person; `place` is its number among the hints of the message, None for its place in the list."""

    text: str
    message_id: str | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenFeedback:
    """Feedback by a person, on one standard of the rubric or on none."""

    text: str
    points: int | None = None
    standard_id: str | None = None


@dataclass(frozen=True, slots=True)
class WrittenPassage:
    """A verbatim quotation of a message; for an improvement with better words."""

    section: str
    replace: str = ""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenRemark:
    """A strength or an improvement by a person."""

    name: str
    description: str = ""
    message_id: str | None = None
    passages: tuple[WrittenPassage, ...] = ()


def hint_payload(note: Note) -> dict[str, Any]:
    """Render a hint as the payload of the chat's event."""
    data = note.data
    return {
        "id": note.id,
        "hint": str(data.get("hint") or ""),
        "message_id": note.message_id or "",
        "idx": data.get("idx") or 0,
    }


class Coaching:
    """Reads, writes and generates the notes on a chat.

    Args:
        store: where notes are kept.
        coach: generates them.
        hub: takes the events.
        own: finds the chats.
    """

    def __init__(self, store: Store, coach: Coach, hub: Hub, own: OwnChats) -> None:
        self._store = store
        self._coach = coach
        self._hub = hub
        self._own = own

    # ---------------------------------------------------------------- hints

    async def hints(self, user_id: str, chat_id: str, written: Sequence[WrittenHint] | None = None) -> Sequence[Note]:
        """Write hints, or read those of the persona's latest message, and publish them to the chat's channel.

        Raises:
            NotFound: unknown chat or message, or another user's.
            Invalid: the list is empty, or a hint refers to no message.
        """
        chat = await self._own.find(user_id, chat_id)
        notes = await self._latest_hints(chat) if written is None else await self._write_hints(chat, written)
        channel, hints = ChatChannel(self._hub, chat.id, user_id), [hint_payload(note) for note in notes]
        channel.publish("attempt_assistant_hints", {"hints": hints})
        if hints:
            about = {"message_id": hints[0]["message_id"], "type": "complete"}
            channel.publish("attempt_hint_progress", about | {"hints_count": len(hints), "hints": hints})
        return notes

    async def _write_hints(self, chat: Chat, written: Sequence[WrittenHint]) -> Sequence[Note]:
        if not written:
            raise Invalid("At least one hint is required")
        if any(not hint.message_id for hint in written):
            raise Invalid("message_id is required for each hint")
        notes = [
            NewNote("hint", {"hint": hint.text, "idx": place if hint.place is None else hint.place}, hint.message_id)
            for place, hint in enumerate(written)
        ]
        return await self._store.add_notes(chat.id, notes, "hand")

    async def _latest_hints(self, chat: Chat) -> Sequence[Note]:
        lesson = await lesson_of(self._store, chat)
        messages = lesson.chat.messages
        latest: Message | None = next((item for item in reversed(messages) if item.role == "assistant"), None)
        latest = latest or (messages[-1] if messages else None)
        if latest is None:
            return []  # without a message there is nothing to hint at
        there = [note for note in await self._store.notes([chat.id], "hint") if note.message_id == latest.id]
        if there:
            return there
        hints = await self._coach.hints(lesson)
        made = [NewNote("hint", {"hint": hint, "idx": place}, latest.id) for place, hint in enumerate(hints)]
        return await self._store.add_notes(chat.id, made, "coach", unless_any=True)

    # --------------------------------------------- feedback and what follows

    async def feedback(
        self, user_id: str, chat_id: str, written: Sequence[WrittenFeedback] | None = None
    ) -> Sequence[Note]:
        """Write feedback on standards, or read it.

        Raises:
            NotFound: unknown chat, or another user's.
            Invalid: the list is empty, or a standard is none of the rubric's.
        """
        chat = await self._own.find(user_id, chat_id)
        if written is None:
            return await self._read(chat, "feedback")
        if not written:
            raise Invalid("At least one feedback is required")
        attempt = await self._store.attempt(user_id, chat.attempt_id)
        rubric = await rubric_for(self._store, attempt.simulation_id)
        groups = {standard.id: standard.group_id for standard in rubric.standards}
        if any(item.standard_id is not None and item.standard_id not in groups for item in written):
            raise Invalid("The standard is none of this rubric's: use one that attempt/get lists.")
        notes = [
            NewNote(
                "feedback",
                {
                    "feedback": item.text,
                    "total": item.points,
                    "standard_id": item.standard_id,
                    "standard_group_id": groups.get(item.standard_id or ""),
                },
            )
            for item in written
        ]
        return await self._store.add_notes(chat.id, notes, "hand")

    async def strengths(
        self, user_id: str, chat_id: str, written: Sequence[WrittenRemark] | None = None
    ) -> Sequence[Note]:
        """Write strengths with their highlights, or read them.

        Raises:
            NotFound: unknown chat or message, or another user's.
            Invalid: the list is empty, or a highlight's section does not stand in its message.
        """
        return await self._remarks(user_id, chat_id, "strength", written)

    async def improvements(
        self, user_id: str, chat_id: str, written: Sequence[WrittenRemark] | None = None
    ) -> Sequence[Note]:
        """Write improvements with their replacements, or read them.

        Raises:
            NotFound: unknown chat or message, or another user's.
            Invalid: the list is empty, or a replacement's section does not stand in its message.
        """
        return await self._remarks(user_id, chat_id, "improvement", written)

    async def analyses(self, user_id: str, chat_id: str, written: Sequence[str] | None = None) -> Sequence[Note]:
        """Write analyses of the whole chat, or read them.

        Raises:
            NotFound: unknown chat, or another user's.
            Invalid: the list is empty.
        """
        chat = await self._own.find(user_id, chat_id)
        if written is None:
            return await self._read(chat, "analysis")
        if not written:
            raise Invalid("At least one analysis is required")
        notes = [NewNote("analysis", {"content": content}) for content in written]
        return await self._store.add_notes(chat.id, notes, "hand")

    async def _read(self, chat: Chat, kind: NoteKind) -> Sequence[Note]:
        """Read the notes of a kind; the coach generates them first, once, if it has not yet."""
        notes = await self._store.notes([chat.id], kind)
        if notes:
            return notes
        everything = await self._store.notes([chat.id], "feedback", "strength", "improvement", "analysis")
        if any(note.source == "coach" for note in everything):
            return []  # the coach found none of this kind
        lesson = await lesson_of(self._store, chat)
        if not lesson.learner:
            return []
        made = notes_of(await self._coach.assess(lesson))
        for other in {note.kind for note in made}:
            of_kind = [note for note in made if note.kind == other]
            await self._store.add_notes(chat.id, of_kind, "coach", unless_any=True)
        return await self._store.notes([chat.id], kind)

    async def _remarks(
        self, user_id: str, chat_id: str, kind: RemarkKind, written: Sequence[WrittenRemark] | None
    ) -> Sequence[Note]:
        chat = await self._own.find(user_id, chat_id)
        if written is None:
            return await self._read(chat, kind)
        if not written:
            raise Invalid(f"At least one {kind} is required")
        said = {message.id: message.text for message in await self._store.messages(chat.id)}
        for remark in written:
            _check_passages(remark, said)
        return await self._store.add_notes(chat.id, [_remark_note(kind, remark) for remark in written], "hand")


def _check_passages(remark: WrittenRemark, said: Mapping[str, str]) -> None:
    if remark.message_id is None:
        if remark.passages:
            raise Invalid("message_id is required for highlights and replacements")
        return
    if remark.message_id not in said:
        raise NotFound(MESSAGE_NOT_FOUND)
    text = said[remark.message_id]
    if any(not passage.section or passage.section not in text for passage in remark.passages):
        raise Invalid("A section must be words of the message, exactly as they stand in it.")


def _remark_note(kind: RemarkKind, remark: WrittenRemark) -> NewNote:
    passages = [
        {"section": passage.section, "idx": place if passage.place is None else passage.place}
        | ({"replace": passage.replace} if kind == "improvement" else {})
        for place, passage in enumerate(remark.passages)
    ]
    listed = "highlights" if kind == "strength" else "replacements"
    return NewNote(kind, {"name": remark.name, "description": remark.description, listed: passages}, remark.message_id)
