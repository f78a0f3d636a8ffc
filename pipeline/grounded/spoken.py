"""Calls on external chats: their own answers, spoken, and their own log of messages."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, Unpack

from models.errors import ModelError
from models.records.core import Chat, ChatContext, Message, Origin, Persona, Role, Scenario
from models.records.external import ExternalChat, ExternalDraft, ExternalMessage
from models.store import MessageChanges, Store
from pipeline.conversation.conversation import Conversation, OpenConversation
from pipeline.conversation.reply import ReplyContext
from pipeline.errors import ResponderFailed

PREPARED_LIMIT = 8
"""Maximum number of prepared answers that have not begun; most are speculative ones that were discarded."""


class SpokenAnswer(Protocol):
    """A speculative answer, without any effect before `begun`.

    Attributes:
        student_kind: the dialect's message type of the learner's message that it answers.
        student_data: the dialect's fields of that message.
    """

    student_kind: str

    @property
    def student_data(self) -> Mapping[str, Any]: ...

    def stream(self) -> AsyncIterator[str]:
        """Stream the spoken text.

        Raises:
            PipelineError: the answer failed.
        """
        ...

    async def begun(self, draft: ExternalDraft) -> None:
        """Commit the answer, since its playback begins: store the message and its side effects."""
        ...

    def written(self) -> str | None:
        """Return the text to store once all of it was heard; None for the spoken text."""
        ...


class Answering(Protocol):
    """Answers in a dialect's chats."""

    name: str

    async def answer(self, chat: ExternalChat, said: str, context: ReplyContext) -> SpokenAnswer:
        """Prepare an answer to `said`; an empty text asks for the opening, or for a repetition.

        Raises:
            PipelineError, ModelError: the answer failed.
        """
        ...


class SpokenChat:
    """The `Responder` and the `MessageLog` of a call on an external chat."""

    def __init__(self, chat: ExternalChat, answering: Answering, store: Store) -> None:
        self.name = answering.name
        self._chat = chat
        self._answering = answering
        self._store = store
        self._prepared: OrderedDict[str, SpokenAnswer] = OrderedDict()
        self._heard: dict[str, SpokenAnswer] = {}
        self._begun: SpokenAnswer | None = None
        self._question: tuple[str | None, str] = (None, "")

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """Stream the answer to the last history entry.

        Raises:
            ResponderFailed: the answer failed.
        """
        said = context.history[-1].text if context.history and context.history[-1].role == "user" else ""
        try:
            answer = await self._answering.answer(self._chat, said, context)
        except ModelError as error:
            raise ResponderFailed(str(error)) from None
        self._prepared[said] = answer
        self._prepared.move_to_end(said)
        while len(self._prepared) > PREPARED_LIMIT:
            self._prepared.popitem(last=False)
        async for delta in answer.stream():
            yield delta

    async def add_message(
        self,
        chat_id: str,
        role: Role,
        text: str,
        *,
        origin: Origin,
        id: str | None = None,  # noqa: A002
        persona_id: str | None = None,  # noqa: ARG002  # these chats have no personas of the store's
        completed: bool = True,
    ) -> None:
        """Store a message of the learner, or the answer when its playback begins."""
        if role == "user":
            await self._store.add_external_messages(chat_id, [ExternalDraft("user", text, "", origin, id)])
            self._question = (id, text)
            return
        question_id, question = self._question
        draft = ExternalDraft("assistant", text, "", origin, id, parent_id=question_id, completed=completed)
        answer = self._prepared.get(question)
        if answer is None:  # an apology, without side effects
            await self._store.add_external_messages(chat_id, [draft])
            self._question = (None, "")
            return
        if answer is not self._begun:  # attempted again where the database was away
            await answer.begun(draft)
            self._begun = answer
        if question_id is not None and answer.student_kind:
            # The learner's words are final only now: the turn may have grown since they were stored.
            await self._store.update_external_message(question_id, kind=answer.student_kind, data=answer.student_data)
        self._prepared.pop(question, None)
        self._question = (None, "")
        if id is not None:
            self._heard[id] = answer

    async def update_message(self, message_id: str, **changes: Unpack[MessageChanges]) -> None:
        """Update a message: the learner's text of a reopened turn, or how much of an answer was heard."""
        answer = self._heard.pop(message_id, None) if changes.get("completed") else None
        if answer is not None and not changes.get("interrupted") and (written := answer.written()) is not None:
            changes = {**changes, "full_text": None, "text": written}
        if answer is None and set(changes) == {"text"}:
            self._question = (message_id, changes["text"])
        await self._store.update_external_message(message_id, **changes)


def open_spoken(
    chat: ExternalChat,
    messages: Sequence[ExternalMessage],
    answering: Answering,
    store: Store,
    *,
    persona: Persona,
    about: str = "",
) -> OpenConversation:
    """Open an external chat for a call.

    Args:
        about: its topic, in words that are likely to be spoken.
    """
    lines = [
        Message(
            id=message.id,
            chat_id=chat.id,
            role="user" if message.role == "user" else "assistant",
            text=message.text,
            origin=message.origin,
            created_at=message.created_at,
        )
        for message in messages
        if message.role != "system"
    ]
    context = ChatContext(
        chat=Chat(chat.id, chat.id, chat.user_id, chat.title, None, 0, chat.created_at),
        personas=(persona,),
        scenario=Scenario("", about) if about else None,
        documents=(),
        messages=tuple(lines),
    )
    spoken = SpokenChat(chat, answering, store)
    return OpenConversation(Conversation(context), spoken, spoken)
