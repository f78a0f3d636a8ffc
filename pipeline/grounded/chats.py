"""Chats with grounded answers: written exchanges stored with their sources, and the same chats as calls."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from models.errors import NotFound
from models.records.core import Document, Persona, Role
from models.records.external import Dialect, ExternalChat, ExternalDraft, ExternalMessage
from models.store import Store
from pipeline.call.orders import WrittenLine
from pipeline.call.registry import Calls
from pipeline.conversation.conversation import OpenConversation
from pipeline.conversation.reply import HistoryEntry, ReplyContext
from pipeline.grounded.answers import DEFAULT_SOURCES, Grounded, GroundedAnswer, GroundedQuestion
from pipeline.grounded.sources import Source, SourceFilter
from pipeline.grounded.spoken import open_spoken

GROUNDED: tuple[Dialect, ...] = ("gloo", "glean")
PERSONAS: dict[str, Persona] = {
    "gloo": Persona(id="", name="Gloo", description="A helpful assistant."),
    "glean": Persona(id="", name="Glean", description="A helpful assistant."),
}

TITLE_CHARS = 80

_FILTERS = ("document_ids", "publishers", "datasources", "without_documents", "without_datasources")


def title_of(question: str) -> str:
    """Derive a chat's title from the beginning of its first question."""
    line = " ".join(question.split())
    return line if len(line) <= TITLE_CHARS else f"{line[:TITLE_CHARS].rpartition(' ')[0] or line[:TITLE_CHARS]}…"


def source_data(source: Source) -> dict[str, Any]:
    """Serialise a source for storage with an answer."""
    return {
        "id": source.document.id,
        "title": source.document.name,
        "publisher": source.origin.publisher,
        "datasource": source.origin.datasource,
        "url": source.origin.url,
        "snippet": source.text,
        "start": source.start,
        "end": source.end,
    }


def history_of(messages: Sequence[ExternalMessage]) -> tuple[HistoryEntry, ...]:
    """Convert stored messages to history entries."""
    lines = []
    for message in messages:
        role: Role = "user" if message.role == "user" else "assistant"
        if message.role != "system" and message.text.strip():
            lines.append(HistoryEntry(role, message.text, message.interrupted))
    return tuple(lines)


def habits(question: GroundedQuestion) -> dict[str, Any]:
    """Serialise the constraints of a chat's last question, which apply to spoken questions, too."""
    sets = {name: sorted(getattr(question.allowed, name)) for name in _FILTERS}
    return {**sets, "sources_limit": question.sources_limit, "files": [document.id for document in question.files]}


@dataclass(slots=True)
class _SpokenAnswer:
    store: Store
    chat: ExternalChat
    answer: GroundedAnswer
    student_kind: str = ""
    student_data: Mapping[str, Any] = field(default_factory=dict)

    def stream(self) -> AsyncIterator[str]:
        return self.answer.words

    async def begun(self, draft: ExternalDraft) -> None:
        sources = [source_data(source) for source in self.answer.sources]
        message = replace(draft, data={**draft.data, "sources": sources})
        await self.store.add_external_messages(self.chat.id, [message])

    def written(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class GroundedExchange:
    """A question and its answer for storage; `data` are the fields specific to their dialect."""

    question: str
    answer: str
    question_id: str | None = None
    answer_id: str | None = None
    question_data: Mapping[str, Any] = field(default_factory=dict)
    answer_data: Mapping[str, Any] = field(default_factory=dict)


class GroundedChats:
    """Stores grounded chats, and opens them for calls.

    Args:
        calls: the open calls, which also get the written exchanges of their chats.
    """

    def __init__(self, store: Store, grounded: Grounded, calls: Calls) -> None:
        self.name = grounded.name
        self.grounded = grounded
        self._store = store
        self._calls = calls

    async def keep(
        self, chat: ExternalChat, exchange: GroundedExchange, bounds: GroundedQuestion
    ) -> tuple[ExternalMessage, ExternalMessage]:
        """Store an exchange atomically, and add it to the history of an open call on the chat.

        Raises:
            NotFound: the chat was removed.
        """
        asked = ExternalDraft(
            "user", exchange.question, id=exchange.question_id or str(uuid.uuid4()), data=exchange.question_data
        )
        said = ExternalDraft(
            "assistant", exchange.answer, id=exchange.answer_id, parent_id=asked.id, data=exchange.answer_data
        )
        question, answer = await self._store.add_external_messages(chat.id, [asked, said])
        data = {**chat.data, "habits": habits(bounds)}
        await self._store.change_external_chat(chat.user_id, chat.id, data=data)
        lines = WrittenLine("user", question.text, question.id), WrittenLine("assistant", answer.text, answer.id)
        await self._calls.orders.note(chat.user_id, chat.id, *lines)
        return question, answer

    async def documents_of(self, user_id: str, file_ids: Sequence[str]) -> tuple[Document, ...]:
        """Convert the files of a chat to documents."""
        files = await self._store.chat_files(user_id, file_ids) if file_ids else ()
        return tuple(Document(file.id, file.name, text=file.text) for file in files if file.text)

    async def open(self, user_id: str, chat_id: str) -> OpenConversation | None:
        """Open the chat as a conversation; None if it is not one of the user's."""
        try:
            chat = await self._store.external_chat(user_id, chat_id)
        except NotFound:
            return None
        if chat.dialect not in GROUNDED:
            return None
        messages = await self._store.external_messages(chat_id)
        return open_spoken(chat, messages, self, self._store, persona=PERSONAS[chat.dialect], about=chat.title)

    async def answer(self, chat: ExternalChat, said: str, context: ReplyContext) -> _SpokenAnswer:
        """Answer a spoken question, under the constraints of the last written one."""
        kept = (await self._store.external_chat(chat.user_id, chat.id)).data.get("habits", {})
        allowed = SourceFilter(**{name: frozenset(kept.get(name, ())) for name in _FILTERS})
        question = GroundedQuestion(
            said,
            history=context.history[:-1] if said else context.history,
            sources_limit=int(kept.get("sources_limit", DEFAULT_SOURCES)),
            allowed=allowed,
            files=await self.documents_of(chat.user_id, kept.get("files", ())),
            spoken=True,
        )
        return _SpokenAnswer(self._store, chat, await self.grounded.answer(chat.user_id, question))
