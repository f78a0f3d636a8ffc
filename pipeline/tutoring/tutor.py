"""The tutor: plans a turn of a session's lesson, and keeps it once it is said."""

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.errors import Conflict, NotFound
from models.records.external import ExternalChat, ExternalDraft, ExternalMessage, Node
from models.records.lessons import Lesson
from models.store import Store
from pipeline.errors import PipelineError
from pipeline.tutoring.modelled import modelled_turn, write
from pipeline.tutoring.scripted import scripted_turn
from pipeline.tutoring.tools import Toolbox
from pipeline.tutoring.turns import MESSAGE_KIND, StudentTurn, TutorTurn, state_of

if TYPE_CHECKING:
    from pipeline.llm.chat_model import ChatModel

DEMO_NODE, DEMO_SESSION = "abc123", "session123"
"""What the interface's own examples name; a new learner finds them there."""


class NoNode(PipelineError):
    """The session is about nothing, so nothing can be taught in it."""

    code = "no_node"


class NothingToTeach(PipelineError):
    """No lesson teaches the node, and no model is there to make one up."""

    code = "nothing_to_teach"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with what teaching in it takes."""

    session: ExternalChat
    node: Node
    lesson: Lesson | None


class Tutor:
    """Teaches. One turn of a session at a time: hold `turn_of(session_id)` from `plan` to `keep`.

    Args:
        store: sessions, nodes, progress.
        lessons: the lessons of the packs.
        model: the language model; None has the lessons taught as they are written.
    """

    def __init__(self, store: Store, lessons: Sequence[Lesson], model: "ChatModel | None" = None) -> None:
        self._store = store
        self._by_slug = {lesson.slug: lesson for lesson in lessons}
        self._by_node = {node_id: lesson for lesson in lessons for node_id in lesson.node_ids}
        self._model = model
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @property
    def name(self) -> str:
        """Who teaches."""
        return "scripted" if self._model is None else "openai"

    def turn_of(self, session_id: str) -> AbstractAsyncContextManager[None]:
        """Return the session's turn: who holds it is alone with the session."""
        lock = self._turns.get(session_id)
        if lock is None:
            lock = self._turns[session_id] = asyncio.Lock()
        return lock

    async def node(self, user_id: str, node_id: str) -> Node:
        """Return the user's node of this id; an unknown one is made, with the lesson that names it if there is one.

        Raises:
            NotFound: no such user.
        """
        try:
            return await self._store.node(user_id, node_id)
        except NotFound:
            lesson = self._by_node.get(node_id)
            return await self._store.add_node(
                user_id,
                id=node_id,
                title=lesson.title if lesson else node_id,
                description=lesson.description if lesson else None,
                lesson=lesson.slug if lesson else None,
            )

    async def welcome(self, user_id: str) -> None:
        """Give a new learner the session that the interface's examples speak of, unless somebody has it."""
        await self.node(user_id, DEMO_NODE)
        if not await self._store.external_chats(user_id, "tutor"):
            with suppress(Conflict):
                await self._store.add_external_chat(user_id, "tutor", id=DEMO_SESSION, subject_id=DEMO_NODE)

    def lesson_of(self, node: Node) -> Lesson | None:
        """Return the lesson that teaches a node."""
        return self._by_slug.get(node.lesson or "") or self._by_node.get(node.id)

    async def open(self, user_id: str, session_id: str) -> Opened:
        """Return a session of the user's with its node and lesson.

        Raises:
            NotFound: unknown, another user's, or its node is gone.
            NoNode: the session has none.
            NothingToTeach: there is neither a lesson nor a model.
        """
        try:
            session = await self._store.external_chat(user_id, session_id, "tutor")
        except NotFound:
            raise NotFound("Session not found") from None
        if session.subject_id is None:
            raise NoNode("Session has no linked node")
        node = await self._store.node(user_id, session.subject_id)
        lesson = self.lesson_of(node)
        if lesson is None and self._model is None:
            raise NothingToTeach(
                f"No lesson teaches '{node.title}', and no language model is configured to teach without one; add a "
                "lesson, or set OPENAI_API_KEY or OPENAI_BASE_URL."
            )
        return Opened(session, node, lesson)

    async def plan(
        self, opened: Opened, student: StudentTurn, history: Sequence[ExternalMessage] | None = None
    ) -> TutorTurn:
        """Return what the tutor says to this; nothing is stored.

        Args:
            opened: the session as it stands.
            history: what was said, where the caller has read it already.

        Raises:
            ResponderFailed: the model failed.
        """
        session, node, lesson = opened.session, opened.node, opened.lesson
        state = state_of(session.data)
        if (model := self._model) is not None:

            async def author(instruction: str) -> str:
                return await write(model, instruction)

            tools = Toolbox(self._store, node, lesson, author)
            said = history if history is not None else await self._store.external_messages(session.id)
            return await modelled_turn(student, state, node, lesson, said, tools, model)
        assert lesson is not None
        return await scripted_turn(student, state, node, lesson, Toolbox(self._store, node, lesson))

    async def keep(
        self, session: ExternalChat, turn: TutorTurn, *, drafts: Sequence[ExternalDraft] = ()
    ) -> tuple[ExternalMessage, ...]:
        """Make a planned turn true: where the lesson stands, what was judged, the end of the session, its messages."""
        return await self._store.keep_tutor_turn(
            session.id,
            drafts=drafts,
            state={**session.data, **turn.state.data()},
            results=turn.results,
            complete=turn.complete,
        )

    async def answer(self, user_id: str, session_id: str, student: StudentTurn) -> TutorTurn:
        """Return one written turn: planned, kept, and said.

        Raises:
            NotFound, NoNode, NothingToTeach, ResponderFailed: as `open` and `plan` have it; nothing was stored.
        """
        async with self.turn_of(session_id):
            opened = await self.open(user_id, session_id)
            turn = await self.plan(opened, student)
            drafts = [ExternalDraft("assistant", turn.message, turn.kind, data=_trace(turn))]
            if student.kind != "start":
                drafts.insert(0, ExternalDraft("user", student.content, MESSAGE_KIND[student.kind]))
            await self.keep(opened.session, turn, drafts=drafts)
            return turn


def _trace(turn: TutorTurn) -> Mapping[str, Any]:
    return {"toolsUsed": list(turn.tools_used), "reasoning": list(turn.reasoning)}
