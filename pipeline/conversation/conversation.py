"""The history of a chat in memory: its persona and subject, and what was said and heard."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, Unpack

from models.records.core import ChatContext, Message, Origin, Persona, Role
from models.store import MessageChanges
from pipeline.conversation.reply import HistoryEntry, ReplyContext, Responder
from pipeline.conversation.tools import FunctionCall, Tool
from voice.tts.base import VoiceStyle, with_rate

RESULT_LIMIT = 8_000
"""Most characters of a tool's result that a model gets."""

VOCABULARY_LIMIT = 200
"""Longest prompt of the recogniser, in characters."""


@dataclass(frozen=True, slots=True)
class ReplyWishes:
    """What the client wants of one reply, in place of what holds for the whole call.

    Attributes:
        instructions, tools, tool_choice, text_only, max_tokens: None for those of the call.
        history: what it is written from; None for the conversation so far.
    """

    instructions: str | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: str | None = None
    text_only: bool | None = None
    max_tokens: int | None = None
    history: tuple[HistoryEntry, ...] | None = None


@dataclass(slots=True)
class _Entry:
    line: HistoryEntry
    message_id: str
    spoken_turn: int | None = None
    aside: bool = False


@dataclass(frozen=True, slots=True)
class SaidLine:
    """A message's id and text."""

    id: str
    text: str


class Conversation:
    """The history of a chat, in memory during a call.

    Args:
        context: the chat with its persona, scenario, documents and messages.
        persona_id: the persona that answers, by default the chat's first; a plain one answers in a chat without any.

    Attributes:
        tools, tool_choice: the persona's tools during the call, and whether it has to use them.
        instructions: the client's, which are added to the persona's own.
        voice: the client's choice of a voice; None for the persona's own.
        rate: the client's, which multiplies the persona's own.
        max_tokens: of one reply; None for the responder's own bound.
        expected_words: those that the client expects to be said.
        wishes: what the client wants of the next reply.
        earlier: the chat's messages before the call.
    """

    def __init__(self, context: ChatContext, persona_id: str | None = None) -> None:
        self.chat_id = context.chat.id
        self.attempt_id = context.chat.attempt_id
        self.user_id = context.chat.user_id
        self.tools: tuple[Tool, ...] = ()
        self.tool_choice = "auto"
        self.instructions = ""
        self.voice: VoiceStyle | None = None
        self.rate = 1.0
        self.max_tokens: int | None = None
        self.expected_words = ""
        self.wishes = ReplyWishes()
        self._persona_id = persona_id
        self.take_context(context)
        self.earlier = context.messages
        self._entries = [
            _Entry(HistoryEntry(message.role, message.text, _was_cut(message)), message.id)
            for message in context.messages
        ]

    def take_context(self, context: ChatContext) -> None:
        """Take on the chat's persona, scenario and documents as they are now; what was said stays."""
        chosen = next((persona for persona in context.personas if persona.id == self._persona_id), None)
        self.persona = chosen or (context.personas[0] if context.personas else Persona(id="", name="Assistant"))
        self._scenario = context.scenario
        self._documents = context.documents

    def taken_on(self, context: ReplyContext) -> ReplyContext:
        """Return the context of a reply with the persona, scenario and documents as they are now."""
        return replace(context, persona=self.persona, scenario=self._scenario, documents=self._documents)

    @property
    def is_new(self) -> bool:
        """Whether nothing has been said yet."""
        return not self._entries

    @property
    def last_said(self) -> str:
        """The persona's latest words, as far as they were heard; empty before its first."""
        said = (entry.line.text for entry in reversed(self._entries) if entry.line.role == "assistant")
        return next((text for text in said if text), "")

    def has(self, message_id: str) -> bool:
        """Return whether this message was said or typed already."""
        return any(entry.message_id == message_id for entry in self._entries)

    @property
    def last_exchange(self) -> tuple[SaidLine | None, SaidLine | None]:
        """The learner's latest spoken words of this call, and the persona's answer as far as it was heard."""
        said: SaidLine | None = None
        answer: SaidLine | None = None
        for entry in self._entries:
            line = SaidLine(entry.message_id, entry.line.text)
            if entry.line.role == "user":
                said, answer = (line, None) if entry.spoken_turn is not None else (None, None)
            elif said is not None and entry.line.text and not entry.aside:
                answer = line
        return said, answer

    @property
    def awaits_answer(self) -> bool:
        """Whether the learner's words are the last ones that were said."""
        said = next((entry.line for entry in reversed(self._entries) if entry.line.text), None)
        return said is not None and said.role == "user"

    @property
    def style(self) -> VoiceStyle:
        """The persona's voice, for the synthesizer."""
        voice = self.persona.voice
        own = VoiceStyle(names=voice.names, rate=voice.rate, pitch=voice.pitch, language=voice.language)
        return with_rate(self.voice or own, self.rate)

    @property
    def vocabulary(self) -> str:
        """Names and terms that are likely to occur, for the recogniser."""
        scenario = self._scenario
        own = [self.persona.name, scenario.name if scenario else "", *(document.name for document in self._documents)]
        terms = [self.expected_words, *own]
        return ", ".join(term for term in terms if term)[:VOCABULARY_LIMIT]

    def context(self, turn: int | None = None, said: str = "") -> ReplyContext:
        """Return the context of a reply, as if the learner's spoken words in `turn` were `said`."""
        lines = [
            entry.line
            for entry in self._entries
            if (entry.line.text and not entry.aside and not (said and turn is not None and entry.spoken_turn == turn))
            or entry.line.calls
        ]
        lines = [line for entry in lines if (line := _with_results(entry))]
        if said:
            lines.append(HistoryEntry("user", said))
        wishes, persona = self.wishes, self.persona
        history = tuple(lines) if wishes.history is None else wishes.history
        asked = self.instructions if wishes.instructions is None else wishes.instructions
        if asked:
            persona = replace(persona, instructions=f"{persona.instructions}\n\n{asked}".strip())
        tools = self.tools if wishes.tools is None else wishes.tools
        choice = wishes.tool_choice or self.tool_choice
        tokens = self.max_tokens if wishes.max_tokens is None else wishes.max_tokens
        return ReplyContext(persona, self._scenario, self._documents, history, tools, choice, self.chat_id, tokens)

    def spoken(self, turn: int, text: str, new_id: str) -> tuple[str, bool]:
        """Record the learner's spoken words of a turn; return the message's id, and whether it is new."""
        for entry in self._entries:
            if entry.spoken_turn == turn and entry.line.role == "user":
                entry.line = HistoryEntry("user", text)
                return entry.message_id, False
        self._entries.append(_Entry(HistoryEntry("user", text), new_id, turn))
        return new_id, True

    def granting(self) -> Callable[[], None]:
        """Return what ends the present wishes, when the reply that is prepared now is over."""
        wishes = self.wishes

        def granted() -> None:
            if self.wishes is wishes:
                self.wishes = ReplyWishes()

        return granted

    def typed(self, text: str, message_id: str, role: Role = "user", after: str | None = None) -> None:
        """Record typed words: the learner's, or words that the client puts into the persona's mouth.

        Args:
            after: the id of the message that they follow, "" for none: they come first; None for the latest one.
        """
        entry = _Entry(HistoryEntry(role, text), message_id)
        place = next((at for at, known in enumerate(self._entries, 1) if known.message_id == after), len(self._entries))
        self._entries.insert(0 if after == "" else place, entry)

    def forget(self, message_id: str) -> None:
        """Leave a message, or the call of a tool, out of every further context; the chat keeps it."""
        self._entries = [entry for entry in self._entries if entry.message_id != message_id]

    def called(self, calls: tuple[FunctionCall, ...]) -> None:
        """Record calls of the client's tools, each of which may be forgotten by its id."""
        self._entries += [_Entry(HistoryEntry("assistant", "", calls=(call,)), call.id) for call in calls]

    def answer_call(self, call_id: str, result: str) -> bool:
        """Record the result of a call of a tool; return False if there was no such call."""
        for entry in self._entries:
            if entry.message_id == call_id and entry.line.calls:
                entry.line = replace(entry.line, calls=(replace(entry.line.calls[0], result=result[:RESULT_LIMIT]),))
                return True
        return False

    def said(self, text: str, message_id: str, *, aside: bool = False, interrupted: bool = False) -> None:
        """Record the persona's words as far as they were heard; called again as more is heard.

        Words said `aside`, such as that the call is recorded, are not the persona's own: no context of a reply.
        """
        for entry in reversed(self._entries):
            if entry.message_id == message_id:
                entry.line = HistoryEntry("assistant", text, interrupted)
                return
        self._entries.append(_Entry(HistoryEntry("assistant", text, interrupted), message_id, aside=aside))


def _with_results(line: HistoryEntry) -> HistoryEntry | None:
    """Return an entry as a model takes it: no call of a tool without its result."""
    if not line.calls:
        return line
    answered = tuple(call for call in line.calls if call.result is not None)
    return replace(line, calls=answered) if answered else None


def _was_cut(message: Message) -> bool:
    """Return whether a message was interrupted before its last word."""
    return message.interrupted and (message.origin != "spoken" or message.full_text is not None)


def conversation_of(context: ChatContext, persona_id: str | None = None) -> Conversation:
    """Make the conversation of a chat with one of its personas, by default the first; with a plain one without any."""
    return Conversation(context, persona_id)


class MessageLog(Protocol):
    """Keeps the messages of a spoken conversation, as the store does."""

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
        """Update a message that was added.

        Raises:
            ModelError: it cannot be stored.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A chat ready for a call.

    Attributes:
        conversation: its history.
        log: keeps its messages.
        responder: answers it; None for the service's own.
    """

    conversation: Conversation
    log: MessageLog
    responder: Responder | None = None


class ConversationSource(Protocol):
    """A source of chats that are not Glow's own, such as external chats."""

    async def open(self, user_id: str, chat_id: str) -> OpenConversation | None:
        """Open the chat if it is one of this source's and the user's; return None otherwise."""
        ...
