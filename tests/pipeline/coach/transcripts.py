"""Written conversations at the packaged desks, as a coach's tasks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from models.packs import DEMO_PACK, load_pack
from models.packs.loader import Pack
from models.records.core import Chat, ChatContext, Message
from models.records.criteria import criterion_of
from models.records.resources import Rubric, rubric_of
from pipeline.coach.coach import CoachingTask, QuizItem

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@cache
def pack() -> Pack:
    """The pack of the desks."""
    return load_pack(DEMO_PACK)


@cache
def rubric() -> Rubric:
    """The desks' rubric."""
    (found,) = (item for item in pack().resources if item.kind == "rubric")
    return rubric_of(found)


def read(name: str) -> list[Mapping[str, Any]]:
    """The conversations of a file, as they stand there."""
    found: list[Mapping[str, Any]] = yaml.safe_load((Path(__file__).parent / name).read_text("utf-8"))
    return found


def read_talks(name: str, kind: str) -> list[Mapping[str, Any]]:
    """The learners' sides of conversations of a file, under one of its keys."""
    found: list[Mapping[str, Any]] = yaml.safe_load((Path(__file__).parent / name).read_text("utf-8"))[kind]
    return found


def answered(talk: Mapping[str, Any], ranked: Sequence[Mapping[str, Any]]) -> CoachingTask:
    """A learner's side, with what the persona said in other conversations of its scenario between the lines."""
    said = [
        line["p"] for item in ranked if item["scenario"] == talk["scenario"] for line in item["lines"] if "p" in line
    ]
    lines = [
        {who: text} for pair in zip(talk["lines"], said, strict=False) for who, text in zip("lp", pair, strict=True)
    ]
    return task_of(talk["scenario"], lines)


def task_of(scenario: str, lines: Sequence[Mapping[str, str]], right: Sequence[bool | None] = ()) -> CoachingTask:
    """A conversation as a task.

    Args:
        scenario: its key in the pack.
        lines: each the learner's (`l`) or the persona's (`p`).
        right: whether the questions were answered rightly; without it none was answered.
    """
    name = {"records-office": "The records office", "clinic": "The clinic", "repair-desk": "The repair desk"}[scenario]
    found = next(item for item in pack().scenarios if item.name == name)
    by_id = {item.id: item for item in pack().resources}
    messages = tuple(
        Message(f"m{place}", "c", "user" if who == "l" else "assistant", text, "typed", NOON)
        for place, line in enumerate(lines)
        for who, text in line.items()
    )
    personas = tuple(item for item in pack().personas if item.id in found.persona_ids)
    documents = tuple(item for item in pack().documents if item.id in found.document_ids)
    questions = [by_id[ident].name for ident in found.resources["question"]]
    answers = [*right, *[None] * (len(questions) - len(right))]
    return CoachingTask(
        ChatContext(Chat("c", "a", "u", name, found.id, 0, NOON), personas, found, documents, messages),
        rubric(),
        criteria=tuple(criterion_of(by_id[ident]) for ident in found.resources["criterion"]),
        quiz=tuple(QuizItem(question, answer) for question, answer in zip(questions, answers, strict=True)),
    )
