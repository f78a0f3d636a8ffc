"""Tutoring data: nodes and their prerequisites, exercises, mastery, diagnostics, hints, tutor turns."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.columns import clean
from models.errors import Conflict, Invalid, NotFound
from models.records.external import (
    Diagnostic,
    Edge,
    ExerciseResult,
    ExternalDraft,
    ExternalMessage,
    Hint,
    Node,
    Progress,
)
from models.store.database import Database, shielded
from models.store.external_chats import add_drafts
from models.store.messages import MAX_ID_LENGTH
from models.tables.accounts import UserRow
from models.tables.external import ExternalChatRow
from models.tables.tutor import DiagnosticRow, ExerciseResultRow, HintRow, NodeEdgeRow, NodeRow, ProgressRow

LISTED_LIMIT = 1000
"""Maximum number of rows in a listing."""


class NodeFilters(TypedDict, total=False):
    """Filters for listing nodes."""

    type: str
    branch_id: str
    parent_id: str


class NodeChanges(TypedDict, total=False):
    """The mutable fields of a node."""

    type: str
    title: str
    description: str | None
    branch_id: str | None
    parent_id: str | None
    lesson: str | None
    accuracy: float


class TutoringStore(Database):
    # ----------------------------------------------------------------- nodes

    @shielded
    async def add_node(
        self,
        user_id: str,
        *,
        title: str,
        type: str = "subconcept",  # noqa: A002
        id: str | None = None,  # noqa: A002
        description: str | None = None,
        branch_id: str | None = None,
        parent_id: str | None = None,
        lesson: str | None = None,
    ) -> Node:
        """Add a node to a user's map; return an existing one unchanged.

        Raises:
            NotFound: no such user.
            Invalid: the id is empty or too long.
        """
        if id is not None and not 0 < len(id) <= MAX_ID_LENGTH:
            raise Invalid(f"A node id is 1 to {MAX_ID_LENGTH} letters: use a UUID, or leave it out.")
        async with self._writing() as session:
            if await session.get(UserRow, user_id) is None:
                raise NotFound("User not found: create the user first.")
            if id is not None and (there := await session.get(NodeRow, (user_id, clean(id)))) is not None:
                return there.record()
            now = self._now()
            row = NodeRow(
                id=clean(id) if id is not None else self._new_id(),
                user_id=user_id,
                type=clean(type),
                title=clean(title),
                description=description,
                branch_id=branch_id,
                parent_id=parent_id,
                lesson=lesson,
                accuracy=0.0,
                created_at=now,
                updated_at=now,
            )
            session.add(row)
            return row.record()

    @shielded
    async def node(self, user_id: str, node_id: str) -> Node:
        """Return a node of the user.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            return (await _own_node(session, user_id, node_id)).record()

    @shielded
    async def nodes(self, user_id: str, **filters: Unpack[NodeFilters]) -> tuple[Node, ...]:
        """List the user's nodes, oldest first, at most `LISTED_LIMIT`."""
        chosen = select(NodeRow).where(NodeRow.user_id == user_id).filter_by(**filters)
        async with self._reading() as session:
            rows = await session.scalars(chosen.order_by(NodeRow.created_at, NodeRow.id).limit(LISTED_LIMIT))
            return tuple(row.record() for row in rows)

    @shielded
    async def change_node(self, user_id: str, node_id: str, **changes: Unpack[NodeChanges]) -> Node:
        """Update a node.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            row = await _own_node(session, user_id, node_id)
            for name, value in changes.items():
                setattr(row, name, value)
            row.updated_at = self._now()
            return row.record()

    @shielded
    async def remove_node(self, user_id: str, node_id: str) -> None:
        """Remove a node with its edges and progress; its sessions stay.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            await session.delete(await _own_node(session, user_id, node_id))
            await session.execute(
                delete(NodeEdgeRow).where(
                    NodeEdgeRow.user_id == user_id,
                    or_(NodeEdgeRow.source_id == node_id, NodeEdgeRow.target_id == node_id),
                )
            )
            for kind in (ProgressRow, ExerciseResultRow):
                await session.execute(delete(kind).where(kind.user_id == user_id, kind.node_id == node_id))

    @shielded
    async def add_edge(self, user_id: str, source_id: str, target_id: str) -> Edge:
        """Add a prerequisite edge: the source must be mastered before the target.

        Raises:
            NotFound: one of the nodes is unknown, or another user's.
            Conflict: the edge exists already.
            Invalid: source and target are the same node.
        """
        if source_id == target_id:
            raise Invalid("A node cannot come before itself: name two nodes.")
        async with self._writing() as session:
            for node_id in (source_id, target_id):
                await _own_node(session, user_id, node_id)
            there = await session.scalar(
                select(NodeEdgeRow.id).filter_by(user_id=user_id, source_id=source_id, target_id=target_id)
            )
            if there is not None:
                raise Conflict("There is such an edge already.")
            row = NodeEdgeRow(id=self._new_id(), user_id=user_id, source_id=source_id, target_id=target_id)
            session.add(row)
            return row.record()

    @shielded
    async def edges(self, user_id: str, node_id: str) -> tuple[Edge, ...]:
        """List the edges from and to a node."""
        async with self._reading() as session:
            rows = await session.scalars(
                select(NodeEdgeRow)
                .where(
                    NodeEdgeRow.user_id == user_id,
                    or_(NodeEdgeRow.source_id == node_id, NodeEdgeRow.target_id == node_id),
                )
                .order_by(NodeEdgeRow.id)
            )
            return tuple(row.record() for row in rows)

    @shielded
    async def prerequisites(self, user_id: str, node_id: str) -> tuple[tuple[Node, float], ...]:
        """List the prerequisites of a node, each with the user's mastery of it."""
        async with self._reading() as session:
            rows = await session.execute(
                select(NodeRow, ProgressRow.mastery)
                .join(NodeEdgeRow, (NodeEdgeRow.source_id == NodeRow.id) & (NodeEdgeRow.user_id == NodeRow.user_id))
                .outerjoin(ProgressRow, (ProgressRow.node_id == NodeRow.id) & (ProgressRow.user_id == NodeRow.user_id))
                .where(NodeRow.user_id == user_id, NodeEdgeRow.target_id == node_id)
                .order_by(NodeRow.created_at, NodeRow.id)
            )
            return tuple((node.record(), mastery or 0.0) for node, mastery in rows)

    # -------------------------------------------------------------- progress

    @shielded
    async def progress(self, user_id: str, node_id: str | None = None) -> tuple[Progress, ...]:
        """Return the user's progress on all nodes, or on one."""
        chosen = select(ProgressRow).where(ProgressRow.user_id == user_id)
        if node_id is not None:
            chosen = chosen.where(ProgressRow.node_id == node_id)
        async with self._reading() as session:
            rows = await session.scalars(chosen.order_by(ProgressRow.updated_at.desc()).limit(LISTED_LIMIT))
            return tuple(row.record() for row in rows)

    @shielded
    async def exercise_results(self, user_id: str, node_id: str) -> tuple[ExerciseResult, ...]:
        """List the user's exercise results on a node, oldest first."""
        async with self._reading() as session:
            rows = await session.scalars(
                select(ExerciseResultRow)
                .where(ExerciseResultRow.user_id == user_id, ExerciseResultRow.node_id == node_id)
                .order_by(ExerciseResultRow.created_at, ExerciseResultRow.id)
            )
            return tuple(row.record() for row in rows)

    @shielded
    async def add_diagnostic(
        self, user_id: str, node_id: str, *, score: float, total: int, incorrect: int, weak_areas: Sequence[str]
    ) -> Diagnostic:
        """Store the result of a diagnostic test, which becomes the node's accuracy.

        Raises:
            NotFound: the node is unknown, or another user's.
        """
        async with self._writing() as session:
            node = await _own_node(session, user_id, node_id)
            node.accuracy = score
            row = DiagnosticRow(
                id=self._new_id(),
                user_id=user_id,
                node_id=node_id,
                score=score,
                total_questions=total,
                incorrect_questions=incorrect,
                weak_areas=[clean(area) for area in weak_areas],
                created_at=self._now(),
            )
            session.add(row)
            return row.record()

    @shielded
    async def diagnostics(self, user_id: str, node_id: str | None = None) -> tuple[Diagnostic, ...]:
        """List the diagnostics, newest first."""
        chosen = select(DiagnosticRow).where(DiagnosticRow.user_id == user_id)
        if node_id is not None:
            chosen = chosen.where(DiagnosticRow.node_id == node_id)
        async with self._reading() as session:
            rows = await session.scalars(chosen.order_by(DiagnosticRow.created_at.desc()).limit(LISTED_LIMIT))
            return tuple(row.record() for row in rows)

    # ----------------------------------------------------------------- turns

    @shielded
    async def keep_tutor_turn(
        self,
        session_id: str,
        *,
        drafts: Sequence[ExternalDraft] = (),
        state: Mapping[str, Any],
        results: Sequence[ExerciseResult] = (),
        complete: bool = False,
    ) -> tuple[ExternalMessage, ...]:
        """Store a turn of a lesson atomically: its messages, the lesson's state and the exercise results.

        Args:
            session_id: a session that the caller may use (see `external_chat`).
            state: replaces the session's data.
            complete: the lesson is complete: end the session and mark the node as completed.

        Raises:
            NotFound: no such session.
        """
        async with self._writing() as session:
            chat = await session.get(ExternalChatRow, session_id)
            if chat is None:
                raise NotFound("Session not found")
            chat.data = dict(state)
            if complete and chat.ended_at is None:
                chat.ended_at = self._now()
            await session.flush()
            if chat.subject_id is not None and (results or complete):
                await self._count(session, chat, results, complete)
            return await add_drafts(self, session, session_id, drafts)

    async def _count(
        self, session: AsyncSession, chat: ExternalChatRow, results: Sequence[ExerciseResult], complete: bool
    ) -> None:
        user_id, node_id = chat.user_id, chat.subject_id
        assert node_id is not None
        for result in results:
            session.add(
                ExerciseResultRow(
                    id=self._new_id(),
                    user_id=user_id,
                    node_id=node_id,
                    session_id=chat.id,
                    prompt=clean(result.prompt),
                    answer=clean(result.answer),
                    is_correct=result.is_correct,
                    score=result.score,
                    feedback=clean(result.feedback),
                    created_at=self._now(),
                )
            )
        await session.flush()
        scores = (
            await session.scalars(
                select(ExerciseResultRow.score).where(
                    ExerciseResultRow.user_id == user_id, ExerciseResultRow.node_id == node_id
                )
            )
        ).all()
        row = await session.scalar(select(ProgressRow).filter_by(user_id=user_id, node_id=node_id))
        if row is None:
            row = ProgressRow(id=self._new_id(), user_id=user_id, node_id=node_id, completed_at=None)
            session.add(row)
        row.mastery = sum(scores) / len(scores) if scores else 0.0
        row.attempts = len(scores)
        row.updated_at = self._now()
        if complete:
            row.completed_at = row.completed_at or self._now()

    # ----------------------------------------------------------------- hints

    @shielded
    async def add_hint(
        self,
        user_id: str,
        node_id: str,
        *,
        session_id: str | None = None,
        request_message_id: str | None = None,
        response_message_id: str | None = None,
        referenced_message_ids: Sequence[str] = (),
    ) -> Hint:
        """Store a hint that was requested and given.

        Raises:
            NotFound: no such node of the user's, or no such session.
        """
        async with self._writing() as session:
            await _own_node(session, user_id, node_id)
            if session_id is not None:
                chat = await session.get(ExternalChatRow, session_id)
                if chat is None or chat.user_id != user_id:
                    raise NotFound("Session not found")
            row = HintRow(
                id=self._new_id(),
                user_id=user_id,
                node_id=node_id,
                session_id=session_id,
                request_message_id=request_message_id,
                response_message_id=response_message_id,
                referenced_message_ids=[clean(item) for item in referenced_message_ids],
                created_at=self._now(),
            )
            session.add(row)
            return row.record()

    @shielded
    async def hints(self, user_id: str, node_id: str | None = None) -> tuple[Hint, ...]:
        """List the user's hints, oldest first."""
        chosen = select(HintRow).where(HintRow.user_id == user_id)
        if node_id is not None:
            chosen = chosen.where(HintRow.node_id == node_id)
        async with self._reading() as session:
            rows = await session.scalars(chosen.order_by(HintRow.created_at, HintRow.id).limit(LISTED_LIMIT))
            return tuple(row.record() for row in rows)


async def _own_node(session: AsyncSession, user_id: str, node_id: str) -> NodeRow:
    row = await session.get(NodeRow, (user_id, node_id))
    if row is None:
        raise NotFound("Node not found")
    return row
