"""Loader of lessons, one YAML file each; reports every problem with its file and line."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

from models.errors import InvalidPack
from models.packs.located import Problems, Section, read_yaml
from models.packs.located_patterns import checked_pattern
from models.records.lessons import (
    LEAST_CHUNKS,
    MOST_CHUNKS,
    Chunk,
    Difficulty,
    ExampleDifficulty,
    Lesson,
    Mistake,
    Point,
    Question,
    QuestionType,
)

LESSONS = Path(__file__).parent / "lessons"
"""The lessons that ship with the service."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_QUESTION_TYPES = ("text", "code", "draw")
_DIFFICULTIES = ("easy", "medium", "hard")
_EXAMPLE_DIFFICULTIES = ("simple", "moderate", "challenging")

Judge = Callable[[Question, str], bool]
"""Decides whether an answer to a question is right."""


def load_lessons(path: Path | str = LESSONS, judge: Judge | None = None) -> tuple[Lesson, ...]:
    """Load the lessons of one YAML file, or of every YAML file of a folder, by file name.

    Args:
        judge: checks every question by its own examples of right and wrong answers; without one they are only read.

    Raises:
        InvalidPack: lists every problem as "file:line: reason".
    """
    path, problems = Path(path), Problems()
    files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
    if path.is_dir() and not files:
        problems.add(path, 1, "the folder holds no .yaml file; name the folder of the lessons")
    sections = [section for file in files if (section := read_yaml(file, problems)) is not None]
    lessons: dict[str, Lesson] = {}
    nodes: dict[str, str] = {}
    for section in sections:
        lesson = _lesson(section, judge)
        if lesson.slug in lessons:
            section.problem(
                f"another file has the lesson '{lesson.slug}' already; rename one", section.line_at("lesson")
            )
        lessons.setdefault(lesson.slug, lesson)
        for node_id in lesson.node_ids:
            if nodes.setdefault(node_id, lesson.slug) != lesson.slug:
                section.problem(
                    f"node '{node_id}' has the lesson '{nodes[node_id]}' already; keep one", section.line_at("nodes")
                )
    if problems.found:
        raise InvalidPack(problems.lines())
    return tuple(lessons.values())


def _lesson(section: Section, judge: Judge | None) -> Lesson:
    slug = section.text("lesson", required=True)
    if slug and not _SLUG.fullmatch(slug):
        section.problem(f"'lesson' is '{slug}'; use lower-case letters, digits and hyphens", section.line_at("lesson"))
    parts = section.sections("chunks")
    if not LEAST_CHUNKS <= len(parts) <= MOST_CHUNKS:
        section.problem(
            f"a lesson has {LEAST_CHUNKS} to {MOST_CHUNKS} chunks, and this one has {len(parts)}",
            section.line_at("chunks"),
        )
    lines: dict[str, int] = {}
    chunks = []
    for part in parts:
        chunk = _chunk(part, judge)
        if chunk.id in lines:
            part.problem(f"duplicate id '{chunk.id}' in chunks; line {lines[chunk.id]} has it already")
        lines.setdefault(chunk.id, part.line)
        chunks.append(chunk)
    lesson = Lesson(
        slug=slug,
        title=section.text("title", required=True),
        description=section.text("description", required=True),
        closing=section.text("closing", required=True),
        chunks=tuple(chunks),
        node_ids=tuple(node.value for node in section.texts("nodes")),
    )
    section.finish()
    return lesson


def _chunk(section: Section, judge: Judge | None) -> Chunk:
    question = section.section("question")
    if question is None:
        section.problem("'question' is missing; every chunk asks something")
    examples = section.pairs("examples")
    for name in examples:
        if name not in _EXAMPLE_DIFFICULTIES:
            section.problem(
                f"unknown difficulty '{name}'; choose {', '.join(_EXAMPLE_DIFFICULTIES)}", section.line_at("examples")
            )
    chunk = Chunk(
        id=section.text("id", required=True),
        title=section.text("title", required=True),
        teach=section.text("teach", required=True),
        praise=section.text("praise"),
        explain=_lines(section, "explain"),
        hints=_lines(section, "hints", required=True),
        examples=tuple((cast(ExampleDifficulty, name), text) for name, text in examples.items()),
        diagram=section.text("diagram"),
        question=_question(question, judge) if question else Question("text", "", (), ""),
        exercises=tuple(_question(exercise, judge) for exercise in section.sections("exercises")),
    )
    section.finish()
    return chunk


def _question(section: Section, judge: Judge | None) -> Question:
    points, known = section.sections("accept"), len(section.problems.found)
    if not points:
        section.problem("'accept' is missing; list what a right answer says, each item as '- any: [...]'")
    right, wrong = section.texts("right"), section.texts("wrong")
    question = Question(
        type=cast(QuestionType, section.choice("type", _QUESTION_TYPES, "text")),
        ask=section.text("ask", required=True),
        accept=tuple(_point(point) for point in points),
        answer=section.text("answer", required=True),
        difficulty=cast(Difficulty, section.choice("difficulty", _DIFFICULTIES, "medium")),
        reject=tuple(_mistake(mistake) for mistake in section.sections("reject")),
        right=tuple(text.value for text in right),
        wrong=tuple(text.value for text in wrong),
    )
    section.finish()
    if judge is None or len(section.problems.found) > known:
        return question  # patterns that cannot be read judge nothing
    if not judge(question, question.answer):
        section.problem("its own 'answer' is taken as wrong; change 'accept' or 'reject'", section.line_at("answer"))
    for text in right:
        if not judge(question, text.value):
            section.problem(f"'{text.value}' is taken as wrong; change 'accept' or 'reject'", text.line)
    for text in wrong:
        if judge(question, text.value):
            section.problem(f"'{text.value}' is taken as right; change 'accept' or 'reject'", text.line)
    return question


def _point(section: Section) -> Point:
    point = Point(_patterns(section), section.flag("even_negated"))
    section.finish()
    return point


def _mistake(section: Section) -> Mistake:
    mistake = Mistake(_patterns(section), section.text("say"))
    section.finish()
    return mistake


def _patterns(section: Section) -> tuple[str, ...]:
    return tuple(checked_pattern(section, pattern) for pattern in section.texts("any", required=True))


def _lines(section: Section, key: str, *, required: bool = False) -> tuple[str, ...]:
    return tuple(line.value for line in section.texts(key, required=required))
