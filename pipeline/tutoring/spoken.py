"""Lessons as calls: the tutor asks, and an utterance is an answer unless it asks something back."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.errors import NotFound
from models.records.core import Persona
from models.records.external import ExternalChat, ExternalDraft
from models.store import Store
from pipeline.conversation.conversation import OpenConversation
from pipeline.conversation.reply import ReplyContext
from pipeline.grounded.spoken import open_spoken
from pipeline.llm.reflection import normalised
from pipeline.tutoring.turns import MESSAGE_KIND, StudentTurn, TutorTurn, asks_back, state_of, student_turn
from pipeline.tutoring.tutor import Opened, Tutor

TUTOR = Persona(id="", name="Tutor", description="A patient tutor.")


def spoken_turn(said: str, *, begun: bool) -> StudentTurn:
    """Classify a student's spoken words: an answer, or a request for clarification."""
    if not said.strip():
        return StudentTurn("start", "", "")
    written = student_turn(said)  # a message typed during the call may have the written prefixes
    if written.kind != "learning":
        return written
    if not begun:
        return StudentTurn("learning", said, said)
    if asks_back(normalised(said)):
        return StudentTurn("clarification", said, said)
    return StudentTurn("answer", said, said)


@dataclass(slots=True)
class _TutorAnswer:
    tutor: Tutor
    opened: Opened
    turn: TutorTurn
    student_kind: str

    @property
    def student_data(self) -> Mapping[str, Any]:
        return self.turn.verdict.data() if self.turn.verdict else {}

    async def stream(self) -> AsyncIterator[str]:
        yield self.turn.speech

    async def begun(self, draft: ExternalDraft) -> None:
        trace = {"toolsUsed": list(self.turn.tools_used), "reasoning": list(self.turn.reasoning)}
        message = replace(draft, kind=self.turn.kind, data=trace)
        async with self.tutor.turn_of(self.opened.session.user_id, self.opened.session.id):
            await self.tutor.keep(self.opened.session, self.turn, drafts=[message])

    def written(self) -> str | None:
        return self.turn.message


class SpokenTutor:
    """Answers in tutor sessions, and opens them for calls."""

    def __init__(self, tutor: Tutor, store: Store) -> None:
        self.name = tutor.name
        self._tutor = tutor
        self._store = store

    async def open(self, user_id: str, chat_id: str) -> OpenConversation | None:
        """Open the session as a conversation; None unless it is one of the user's and can be taught."""
        try:
            session = await self._store.external_chat(user_id, chat_id, "tutor")
        except NotFound:
            return None
        opened = await self._tutor.open(user_id, session.id)
        messages = await self._store.external_messages(chat_id)
        return open_spoken(session, messages, self, self._store, persona=TUTOR, about=opened.node.title)

    async def answer(self, chat: ExternalChat, said: str, context: ReplyContext) -> _TutorAnswer:  # noqa: ARG002
        """Plan the next turn of the lesson.

        Raises:
            NotFound, NoNode, NothingToTeach, ResponderFailed: as in `Tutor.open` and `Tutor.plan`.
        """
        opened = await self._tutor.open(chat.user_id, chat.id)
        student = spoken_turn(said, begun=state_of(opened.session.data).begun)
        turn = await self._tutor.plan(opened, student)
        return _TutorAnswer(self._tutor, opened, turn, MESSAGE_KIND[student.kind])
