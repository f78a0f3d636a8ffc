"""Grades, coaching notes, and answers to questions."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from models.errors import NotFound
from models.records.outcomes import Grade, NewNote, Note, NoteKind, Response, Source
from models.store.attempts import CHAT_NOT_FOUND
from models.store.database import Database, shielded
from models.tables.conversations import ChatRow, MessageRow
from models.tables.practice import GradeRow, NoteRow, ResponseRow


class CoachingStore(Database):
    @shielded
    async def add_grade(
        self,
        chat_id: str,
        *,
        score: int,
        passed: bool,
        description: str,
        time_taken_s: int,
        total_points: int,
        pass_points: int,
        source: Source,
        notes: Sequence[NewNote] = (),
    ) -> tuple[Grade, tuple[Note, ...]]:
        """Add a grade to a chat. Its notes replace those of the coach's earlier grading; notes by hand stay.

        Args:
            chat_id: a chat that the caller may use.

        Raises:
            NotFound: no such chat.
        """
        async with self._writing() as session:
            if await session.get(ChatRow, chat_id, with_for_update=True) is None:
                raise NotFound(CHAT_NOT_FOUND)
            number = await session.scalar(select(func.count()).where(GradeRow.chat_id == chat_id)) or 0
            grade = GradeRow(
                id=self._new_id(),
                chat_id=chat_id,
                number=number + 1,
                score=score,
                passed=passed,
                description=description,
                time_taken_s=time_taken_s,
                total_points=total_points,
                pass_points=pass_points,
                source=source,
                created_at=self._now(),
            )
            session.add(grade)
            if notes:
                kinds = {note.kind for note in notes}
                await session.execute(
                    delete(NoteRow).where(
                        NoteRow.chat_id == chat_id, NoteRow.source == "coach", NoteRow.kind.in_(kinds)
                    )
                )
            rows = self._rows(chat_id, notes, source, 0)
            session.add_all(rows)
            return grade.record(), tuple(row.record() for row in rows)

    @shielded
    async def grade_of(self, chat_id: str) -> Grade | None:
        """Return the chat's newest grade."""
        return (await self._grades([chat_id])).get(chat_id)

    @shielded
    async def grades_of(self, chat_ids: Sequence[str]) -> dict[str, Grade]:
        """Return the newest grade of each chat that has one."""
        return await self._grades(chat_ids)

    @shielded
    async def add_notes(
        self, chat_id: str, notes: Sequence[NewNote], source: Source, *, unless_any: bool = False
    ) -> tuple[Note, ...]:
        """Add notes to a chat.

        Args:
            chat_id: a chat that the caller may use.
            unless_any: if there are notes of the first one's kind already, add none and return those.

        Raises:
            NotFound: no such chat, or a message is not in it.
        """
        async with self._writing() as session:
            if await session.get(ChatRow, chat_id, with_for_update=True) is None:
                raise NotFound(CHAT_NOT_FOUND)
            wanted = {note.message_id for note in notes if note.message_id is not None}
            known = select(MessageRow.id).where(MessageRow.chat_id == chat_id, MessageRow.id.in_(wanted))
            if wanted and wanted != set(await session.scalars(known)):
                raise NotFound("Message not found in this chat: use the id of one of its messages.")
            if unless_any and notes:
                of_kind = select(NoteRow).where(NoteRow.chat_id == chat_id, NoteRow.kind == notes[0].kind)
                if notes[0].kind == "hint":
                    of_kind = of_kind.where(NoteRow.message_id == notes[0].message_id)
                there = (await session.scalars(of_kind.order_by(NoteRow.position, NoteRow.id))).all()
                if there:
                    return tuple(row.record() for row in there)
            last = await session.scalar(select(func.max(NoteRow.position)).where(NoteRow.chat_id == chat_id))
            rows = self._rows(chat_id, notes, source, 0 if last is None else last + 1)
            session.add_all(rows)
            return tuple(row.record() for row in rows)

    @shielded
    async def notes(self, chat_ids: Sequence[str], *kinds: NoteKind) -> tuple[Note, ...]:
        """List the notes of these chats, of these kinds or of all, in order."""
        async with self._reading() as session:
            query = select(NoteRow).where(NoteRow.chat_id.in_(list(chat_ids)))
            if kinds:
                query = query.where(NoteRow.kind.in_(kinds))
            rows = await session.scalars(query.order_by(NoteRow.created_at, NoteRow.position, NoteRow.id))
            return tuple(row.record() for row in rows)

    @shielded
    async def add_response(
        self, chat_id: str, question_id: str, option_ids: Sequence[str], is_correct: bool
    ) -> Response:
        """Store an answer to a question; it supersedes earlier ones to the same question.

        Raises:
            NotFound: no such chat.
        """
        async with self._writing() as session:
            if await session.get(ChatRow, chat_id) is None:
                raise NotFound(CHAT_NOT_FOUND)
            row = ResponseRow(
                id=self._new_id(),
                chat_id=chat_id,
                question_id=question_id,
                option_ids=list(option_ids),
                is_correct=is_correct,
                created_at=self._now(),
            )
            session.add(row)
            return row.record()

    @shielded
    async def responses(self, chat_id: str) -> tuple[Response, ...]:
        """List the answers, oldest first."""
        async with self._reading() as session:
            query = select(ResponseRow).where(ResponseRow.chat_id == chat_id)
            rows = await session.scalars(query.order_by(ResponseRow.created_at, ResponseRow.id))
            return tuple(row.record() for row in rows)

    async def _grades(self, chat_ids: Sequence[str]) -> dict[str, Grade]:
        async with self._reading() as session:
            rows = await session.scalars(
                select(GradeRow).where(GradeRow.chat_id.in_(list(chat_ids))).order_by(GradeRow.number)
            )
            return {row.chat_id: row.record() for row in rows}

    def _rows(self, chat_id: str, notes: Sequence[NewNote], source: Source, first: int) -> list[NoteRow]:
        now = self._now()
        return [
            NoteRow(
                id=self._new_id(),
                chat_id=chat_id,
                kind=note.kind,
                source=source,
                position=first + place,
                message_id=note.message_id,
                data=dict(note.data),
                created_at=now,
            )
            for place, note in enumerate(notes)
        ]
