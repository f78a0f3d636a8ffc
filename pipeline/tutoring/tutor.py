"""The tutor: plans the turns of a session's lesson, and stores each once it is delivered."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from models.errors import Conflict, NotFound
from models.records.external import ExternalChat, ExternalDraft, ExternalMessage, Node
from models.records.jobs import Job
from models.records.lessons import Lesson
from models.store import Store
from pipeline.errors import PipelineError
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.jobs import Jobs
from pipeline.tutoring.modelled import modelled_turn, write
from pipeline.tutoring.scripted import scripted_turn
from pipeline.tutoring.tools import Toolbox
from pipeline.tutoring.turns import MESSAGE_KIND, StudentTurn, TutorTurn, state_of

if TYPE_CHECKING:
    from pipeline.llm.chat_model import ChatModel

DEMO_NODE, DEMO_SESSION = "abc123", "session123"
"""Ids from the examples of the interface's documentation; every learner has this session."""


class NoNode(PipelineError):
    """The session has no node to teach."""

    code = "no_node"


class NothingToTeach(PipelineError):
    """There is neither a lesson on the node nor a model to teach it without one."""

    code = "nothing_to_teach"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with its node and lesson."""

    session: ExternalChat
    node: Node
    lesson: Lesson | None


class Tutor:
    """Teaches lessons. Turns of a session are serial: hold `turn_of(session)` from `plan` to `keep`.

    Args:
        store: sessions, nodes, progress.
        lessons: the lessons of the packs; `take_lessons` replaces them.
        model: the language model; without one the lessons are taught as scripted.
        jobs: has the turns of a session follow one another in all processes; None for those of this store.
    """

    def __init__(
        self,
        store: Store,
        lessons: Sequence[Lesson],
        model: "ChatModel | None" = None,
        jobs: Jobs | None = None,
    ) -> None:
        self._store = store
        self._jobs = Jobs(store, LoopClock()) if jobs is None else jobs
        self._model = model
        self._by_slug: dict[str, Lesson] = {}
        self._by_node: dict[str, Lesson] = {}
        self.take_lessons(lessons)
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @property
    def name(self) -> str:
        """The name of the model, or of the scripted tutor."""
        return "scripted" if self._model is None else "openai"

    def take_lessons(self, lessons: Sequence[Lesson]) -> None:
        """Teach these lessons from the next turn on; sessions stay at the same part."""
        self._by_slug = {lesson.slug: lesson for lesson in lessons}
        self._by_node = {node_id: lesson for lesson in lessons for node_id in lesson.node_ids}

    @asynccontextmanager
    async def turn_of(self, user_id: str, session_id: str) -> AsyncIterator[None]:
        """Hold the turn of a session, which no other turn of it is in, in this process or another.

        Raises:
            Conflict: another process takes a turn, for a minute by now.
            StorageFailed: the store is away.
        """
        lock = self._turns.get(session_id)
        if lock is None:
            lock = self._turns[session_id] = asyncio.Lock()
        job = Job(str(uuid4()), "turn", user_id, session_id, f"lesson {session_id}")
        async with lock, self._jobs.doing(job):
            yield

    async def node(self, user_id: str, node_id: str) -> Node:
        """Return the user's node with this id; create an unknown one, with the lesson that names it, if any.

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
        """Create the example session of a learner, unless it exists."""
        await self.node(user_id, DEMO_NODE)
        try:
            await self._store.external_chat(user_id, DEMO_SESSION, "tutor")
        except NotFound:
            with suppress(Conflict):
                await self._store.add_external_chat(user_id, "tutor", id=DEMO_SESSION, subject_id=DEMO_NODE)

    def lesson_of(self, node: Node) -> Lesson | None:
        """Return the lesson of a node, or None."""
        return self._by_slug.get(node.lesson or "") or self._by_node.get(node.id)

    async def open(self, user_id: str, session_id: str) -> Opened:
        """Return a session of the user with its node and lesson.

        Raises:
            NotFound: the session is unknown or another user's, or its node was removed.
            NoNode: the session has no node.
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
        """Plan the tutor's next turn, without storing anything.

        Args:
            opened: the session.
            history: the session's messages, if the caller has read them already.

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
        """Store a planned turn: the lesson's state, exercise results, the end of the session, and its messages."""
        return await self._store.keep_tutor_turn(
            session.id,
            drafts=drafts,
            state={**session.data, **turn.state.data()},
            results=turn.results,
            complete=turn.complete,
        )

    async def answer(self, user_id: str, session_id: str, student: StudentTurn) -> TutorTurn:
        """Plan and store a written turn, and return it.

        Raises:
            NotFound, NoNode, NothingToTeach, ResponderFailed: as in `open` and `plan`; nothing was stored.
        """
        async with self.turn_of(user_id, session_id):
            opened = await self.open(user_id, session_id)
            turn = await self.plan(opened, student)
            drafts = [ExternalDraft("assistant", turn.message, turn.kind, data=_trace(turn))]
            if student.kind != "start":
                judged = turn.verdict.data() if turn.verdict else {}
                drafts.insert(0, ExternalDraft("user", student.content, MESSAGE_KIND[student.kind], data=judged))
            await self.keep(opened.session, turn, drafts=drafts)
            return turn


def _trace(turn: TutorTurn) -> Mapping[str, Any]:
    return {"toolsUsed": list(turn.tools_used), "reasoning": list(turn.reasoning)}
