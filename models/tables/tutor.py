"""The tables of tutoring: nodes, edges, progress, exercises, diagnostics and hints."""

from dataclasses import fields
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.records.external import Branch, Diagnostic, Edge, ExerciseResult, Hint, Node, Progress
from models.tables.base import Base


class BranchRow(Base):
    __tablename__ = "branches"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    created_at: Mapped[datetime]

    def record(self) -> Branch:
        return Branch(self.id, self.user_id, self.title, self.created_at)


class NodeRow(Base):
    __tablename__ = "nodes"

    # Ids are unique per user: each user has a map of their own.
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    title: Mapped[str]
    description: Mapped[str | None]
    branch_id: Mapped[str | None]
    parent_id: Mapped[str | None]
    lesson: Mapped[str | None]
    accuracy: Mapped[float]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def record(self) -> Node:
        return Node(**{field.name: getattr(self, field.name) for field in fields(Node)})


class NodeEdgeRow(Base):
    __tablename__ = "node_edges"
    __table_args__ = (UniqueConstraint("user_id", "source_id", "target_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    source_id: Mapped[str]
    target_id: Mapped[str]

    def record(self) -> Edge:
        return Edge(self.id, self.user_id, self.source_id, self.target_id)


class ProgressRow(Base):
    __tablename__ = "node_progress"
    __table_args__ = (UniqueConstraint("user_id", "node_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    node_id: Mapped[str]
    mastery: Mapped[float]
    attempts: Mapped[int]
    completed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]

    def record(self) -> Progress:
        return Progress(**{field.name: getattr(self, field.name) for field in fields(Progress)})


class ExerciseResultRow(Base):
    __tablename__ = "exercise_results"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    node_id: Mapped[str]
    session_id: Mapped[str] = mapped_column(ForeignKey("external_chats.id"))
    prompt: Mapped[str]
    answer: Mapped[str]
    is_correct: Mapped[bool]
    score: Mapped[float]
    feedback: Mapped[str]
    created_at: Mapped[datetime]

    def record(self) -> ExerciseResult:
        return ExerciseResult(self.prompt, self.answer, self.is_correct, self.score, self.feedback)


class DiagnosticRow(Base):
    __tablename__ = "diagnostics"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    node_id: Mapped[str]
    score: Mapped[float]
    total_questions: Mapped[int]
    incorrect_questions: Mapped[int]
    weak_areas: Mapped[list[str]]
    created_at: Mapped[datetime]

    def record(self) -> Diagnostic:
        values = {field.name: getattr(self, field.name) for field in fields(Diagnostic)}
        return Diagnostic(**values | {"weak_areas": tuple(self.weak_areas)})


class HintRow(Base):
    __tablename__ = "hints"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    node_id: Mapped[str]
    session_id: Mapped[str | None] = mapped_column(ForeignKey("external_chats.id"))
    # No foreign keys: clients of this dialect may use ids of messages that are not stored here.
    request_message_id: Mapped[str | None]
    response_message_id: Mapped[str | None]
    referenced_message_ids: Mapped[list[str]]
    created_at: Mapped[datetime]

    def record(self) -> Hint:
        values = {field.name: getattr(self, field.name) for field in fields(Hint)}
        return Hint(**values | {"referenced_message_ids": tuple(self.referenced_message_ids)})
