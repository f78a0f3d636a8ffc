"""One chat as its persona remembers it: who speaks to whom about what, and what was said and heard."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, Unpack

from models.records.core import ChatContext, Origin, Persona, Role
from models.store import MessageChanges
from pipeline.conversation.reply import HistoryEntry, ReplyContext, Responder
from pipeline.conversation.tools import Tool
from voice.tts.base import VoiceStyle

VOCABULARY_LIMIT = 200
"""Characters of the recogniser's prompt."""


@dataclass(slots=True)
class _Entry:
    line: HistoryEntry
    message_id: str
    spoken_turn: int | None = None
    aside: bool = False


class Conversation:
    """The history of a chat, kept in memory while somebody talks to it.

    Args:
        context: the chat with its persona, scenario, documents and messages.
        persona: who answers; the chat's first persona unless another is asked for.

    Attributes:
        tools: what the persona can do besides speaking, while somebody talks to it.
    """

    def __init__(self, context: ChatContext, persona: Persona) -> None:
        self.chat_id = context.chat.id
        self.attempt_id = context.chat.attempt_id
        self.user_id = context.chat.user_id
        self.persona = persona
        self.tools: tuple[Tool, ...] = ()
        self._scenario = context.scenario
        self._documents = context.documents
        self._entries = [_Entry(HistoryEntry(message.role, message.text), message.id) for message in context.messages]

    @property
    def is_new(self) -> bool:
        """Whether nothing has been said yet."""
        return not self._entries

    @property
    def last_said(self) -> str:
        """What the persona said last, as far as it was heard; empty before its first words."""
        said = (entry.line.text for entry in reversed(self._entries) if entry.line.role == "assistant")
        return next((text for text in said if text), "")

    @property
    def style(self) -> VoiceStyle:
        """The persona's voice, for the synthesizers."""
        voice = self.persona.voice
        return VoiceStyle(names=voice.names, rate=voice.rate, pitch=voice.pitch, language=voice.language)

    @property
    def vocabulary(self) -> str:
        """Names and terms that are likely to be said, for the recogniser."""
        scenario = self._scenario
        terms = [self.persona.name, scenario.name if scenario else "", *(document.name for document in self._documents)]
        return ", ".join(term for term in terms if term)[:VOCABULARY_LIMIT]

    def context(self, turn: int | None = None, said: str = "") -> ReplyContext:
        """What a reply is made from, as if the learner's spoken words in `turn` were `said`."""
        lines = [
            entry.line
            for entry in self._entries
            if entry.line.text and not entry.aside and not (said and turn is not None and entry.spoken_turn == turn)
        ]
        if said:
            lines.append(HistoryEntry("user", said))
        return ReplyContext(self.persona, self._scenario, self._documents, tuple(lines), self.tools)

    def spoken(self, turn: int, text: str, new_id: str) -> tuple[str, bool]:
        """The learner's spoken words of a turn; returns the message's id, and whether it is a new message."""
        for entry in self._entries:
            if entry.spoken_turn == turn and entry.line.role == "user":
                entry.line = HistoryEntry("user", text)
                return entry.message_id, False
        self._entries.append(_Entry(HistoryEntry("user", text), new_id, turn))
        return new_id, True

    def typed(self, text: str, message_id: str) -> None:
        """The learner's typed words."""
        self._entries.append(_Entry(HistoryEntry("user", text), message_id))

    def said(self, text: str, message_id: str, *, aside: bool = False) -> None:
        """The persona's words as far as they were heard; called again as more is heard.

        What is said `aside`, such as that the call is recorded, is not the persona's own: no reply is made from it.
        """
        for entry in reversed(self._entries):
            if entry.message_id == message_id:
                entry.line = HistoryEntry("assistant", text)
                return
        self._entries.append(_Entry(HistoryEntry("assistant", text), message_id, aside=aside))


def conversation_of(context: ChatContext, persona_id: str | None = None) -> Conversation:
    """The conversation of a chat, answered by one of its personas; by somebody plain if it has none."""
    chosen = next((persona for persona in context.personas if persona.id == persona_id), None)
    persona = chosen or (context.personas[0] if context.personas else Persona(id="", name="Assistant"))
    return Conversation(context, persona)


class MessageLog(Protocol):
    """Where the messages of a spoken conversation are kept; the store is one."""

    def add_message(
        self,
        chat_id: str,
        role: Role,
        text: str,
        *,
        origin: Origin,
        id: str | None = None,  # noqa: A002
        persona_id: str | None = None,
        completed: bool = True,
    ) -> Awaitable[object]:
        """Add a message at the chat's end: the learner's when its turn is over, the persona's when it is first heard.

        Raises:
            ModelError: it cannot be stored.
        """
        ...

    def update_message(self, message_id: str, **changes: Unpack[MessageChanges]) -> Awaitable[object]:
        """Say what became of a message that was added.

        Raises:
            ModelError: it cannot be stored.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A chat ready to be spoken to.

    Attributes:
        conversation: what is remembered of it.
        log: where what is said goes.
        responder: who answers; None for the service's own.
    """

    conversation: Conversation
    log: MessageLog
    responder: Responder | None = None


class ConversationSource(Protocol):
    """Chats that are not Glow's own, such as those of another system's clients."""

    async def open(self, user_id: str, chat_id: str) -> OpenConversation | None:
        """The chat, if it is one of this source's and the user's; None otherwise."""
        ...
