"""The tables of resources, grades, notes, drafts, recordings, idempotency keys and tests."""

from datetime import datetime
from typing import Any, Self, cast

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.records.outcomes import (
    Audio,
    Draft,
    Grade,
    Note,
    NoteKind,
    Response,
    RunStatus,
    Source,
    StagedCall,
    Test,
    TestRun,
)
from models.records.resources import Resource, ResourceKind
from models.tables.base import Base


class ResourceRow(Base):
    __tablename__ = "resources"
    __table_args__ = (Index("ix_resources_kind", "kind"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    data: Mapped[dict[str, Any]]
    owner_id: Mapped[str | None]

    @classmethod
    def of(cls, item: Resource) -> Self:
        return cls(
            id=item.id,
            kind=item.kind,
            name=item.name,
            description=item.description,
            data=dict(item.data),
            owner_id=item.owner_id,
        )

    def record(self) -> Resource:
        kind = cast(ResourceKind, self.kind)
        return Resource(self.id, kind, self.name, self.description, self.data, self.owner_id)


class GradeRow(Base):
    __tablename__ = "grades"
    __table_args__ = (Index("ix_grades_chat_id", "chat_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id"))
    number: Mapped[int]
    score: Mapped[int]
    passed: Mapped[bool]
    description: Mapped[str]
    time_taken_s: Mapped[int]
    total_points: Mapped[int]
    pass_points: Mapped[int]
    source: Mapped[str]
    created_at: Mapped[datetime]

    def record(self) -> Grade:
        return Grade(
            self.id,
            self.chat_id,
            self.score,
            self.passed,
            self.description,
            self.time_taken_s,
            self.total_points,
            self.pass_points,
            cast(Source, self.source),
            self.created_at,
        )


class NoteRow(Base):
    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_chat_id", "chat_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id"))
    kind: Mapped[str]
    source: Mapped[str]
    position: Mapped[int]
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    def record(self) -> Note:
        return Note(
            self.id,
            self.chat_id,
            cast(NoteKind, self.kind),
            cast(Source, self.source),
            self.position,
            self.created_at,
            self.message_id,
            self.data,
        )


class ResponseRow(Base):
    __tablename__ = "responses"
    __table_args__ = (Index("ix_responses_chat_id", "chat_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id"))
    question_id: Mapped[str]
    option_ids: Mapped[list[str]]
    is_correct: Mapped[bool]
    created_at: Mapped[datetime]

    def record(self) -> Response:
        return Response(
            self.id, self.chat_id, self.question_id, tuple(self.option_ids), self.is_correct, self.created_at
        )


class DraftRow(Base):
    __tablename__ = "drafts"
    __table_args__ = (Index("ix_drafts_user_id", "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    chat_id: Mapped[str | None]
    version: Mapped[int]
    state: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def record(self) -> Draft:
        return Draft(self.id, self.user_id, self.chat_id, self.version, self.state, self.created_at, self.updated_at)


class DraftVersionRow(Base):
    __tablename__ = "draft_versions"

    draft_id: Mapped[str] = mapped_column(ForeignKey("drafts.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class AudioRow(Base):
    __tablename__ = "audios"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    file_name: Mapped[str]
    mime_type: Mapped[str]
    size: Mapped[int]
    created_at: Mapped[datetime]

    def record(self) -> Audio:
        return Audio(self.id, self.user_id, self.file_name, self.mime_type, self.size, self.created_at)


class KeyedCallRow(Base):
    """An operation with an idempotency key; `reply` is null while it is in progress."""

    __tablename__ = "keyed_calls"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    # Null means "no reply yet"; a reply is always an object.
    reply: Mapped[str | None]
    created_at: Mapped[datetime]


class StagedCallRow(Base):
    __tablename__ = "staged_calls"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    def record(self) -> StagedCall:
        return StagedCall(self.id, self.operation, self.chat_id, self.payload)


class TestRunRow(Base):
    __tablename__ = "test_runs"
    __table_args__ = (Index("ix_test_runs_test_id", "test_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    test_id: Mapped[str] = mapped_column(ForeignKey("tests.id"))
    position: Mapped[int]
    original_id: Mapped[str]
    status: Mapped[str]
    chat_id: Mapped[str | None]
    created_at: Mapped[datetime]
    # The process that runs it, or did.
    process_id: Mapped[str | None]

    def record(self) -> TestRun:
        status = cast(RunStatus, self.status)
        return TestRun(self.id, self.test_id, self.position, self.original_id, status, self.chat_id, self.created_at)


class TestRow(Base):
    __tablename__ = "tests"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    benchmark_id: Mapped[str]
    invocation_id: Mapped[str] = mapped_column(unique=True)
    infinite_mode: Mapped[bool]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    runs: Mapped[list[TestRunRow]] = relationship(order_by=TestRunRow.position, lazy="selectin")

    def record(self) -> Test:
        return Test(
            self.id,
            self.user_id,
            self.benchmark_id,
            self.invocation_id,
            self.infinite_mode,
            self.created_at,
            self.ended_at,
            tuple(run.record() for run in self.runs),
        )
