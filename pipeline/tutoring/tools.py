"""The tutor's six tools: their schemas for a language model, and their implementation."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from models.records.external import ExerciseResult, Node
from models.records.lessons import Chunk, Lesson, Question
from models.store import Store

MASTERED = 0.7
"""Mean score from which a node counts as mastered."""

LEAST_ATTEMPTS = 2
"""Minimum number of answers for a meaningful mean."""

TEXT_LIMIT = 4_000
"""Maximum number of characters of an argument."""

Author = Callable[[str], Awaitable[str]]
"""Writes a text by an instruction; raises ResponderFailed."""

_EXAMPLE_ORDER = ("simple", "moderate", "challenging")
_EXERCISE_ORDER = ("easy", "medium", "hard")
_STYLES = ("diagram", "table", "flowchart", "comparison")


def _schema(name: str, description: str, **parameters: Mapping[str, Any]) -> dict[str, Any]:
    required = [key for key, value in parameters.items() if not value.get("optional")]
    properties = {key: {k: v for k, v in value.items() if k != "optional"} for key, value in parameters.items()}
    shape = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": shape}}


SCHEMAS: tuple[dict[str, Any], ...] = (
    _schema("check_student_progress", "Load what tests found out about the student in the parent concept."),
    _schema("check_prerequisite_mastery", "See whether the student has mastered what must come before this topic."),
    _schema(
        "generate_example",
        "Get a worked example to show to the student.",
        topic={"type": "string"},
        difficulty={"type": "string", "enum": list(_EXAMPLE_ORDER)},
    ),
    _schema(
        "create_exercise",
        "Get a practice problem to ask the student.",
        topic={"type": "string"},
        difficulty={"type": "string", "enum": list(_EXERCISE_ORDER)},
    ),
    _schema(
        "visualize_concept",
        "Get a picture made of letters to show to the student.",
        what={"type": "string"},
        style={"type": "string", "enum": list(_STYLES)},
    ),
    _schema(
        "record_exercise_result",
        "Keep how the student answered, and learn whether to move on. Run it once for each answer that you judge.",
        exercise_prompt={"type": "string"},
        student_answer={"type": "string"},
        is_correct={"type": "boolean"},
        score={"type": "number", "minimum": 0, "maximum": 1},
        feedback={"type": "string", "optional": True},
    ),
)
NAMES = tuple(schema["function"]["name"] for schema in SCHEMAS)


class LessonToolFailed(Exception):
    """The tool call is invalid; the message is for the caller."""


class Toolbox:
    """The tools of one turn. Their side effects are collected, and stored only with the turn.

    Args:
        store: the student's progress.
        node: the node that is taught; its user is the student.
        lesson: the first source of examples, exercises and diagrams.
        author: writes what the lesson lacks; None without a model.

    Attributes:
        used: the tools that ran, in order, each once.
        results: the exercise results that were recorded.
    """

    def __init__(self, store: Store, node: Node, lesson: Lesson | None, author: Author | None = None) -> None:
        self._store = store
        self._node = node
        self._lesson = lesson
        self._author = author
        self.used: list[str] = []
        self.results: list[ExerciseResult] = []

    async def run(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a tool.

        Raises:
            LessonToolFailed: there is no such tool, or the arguments do not match its schema.
        """
        if name not in NAMES:
            raise LessonToolFailed(f"There is no tool '{name}'; the tools are {', '.join(NAMES)}.")
        _check(name, arguments)
        result: dict[str, Any] = await getattr(self, f"_{name}")(**arguments)
        if name not in self.used:
            self.used.append(name)
        return result

    async def _check_student_progress(self) -> dict[str, Any]:
        concept = self._node.parent_id or self._node.id
        found = await self._store.diagnostics(self._node.user_id, concept)
        if not found:
            return {"diagnosticScore": None, "message": "The student has taken no test in the parent concept yet."}
        latest = found[0]
        return {
            "diagnosticScore": latest.score,
            "totalQuestions": latest.total_questions,
            "incorrectQuestions": latest.incorrect_questions,
            "weakAreas": list(latest.weak_areas),
        }

    async def _check_prerequisite_mastery(self) -> dict[str, Any]:
        found = await self._store.prerequisites(self._node.user_id, self._node.id)
        listed = [
            {"title": node.title, "mastered": mastery >= MASTERED, "masteryScore": mastery} for node, mastery in found
        ]
        return {"prerequisites": listed, "allMastered": all(item["mastered"] for item in listed)}

    async def _generate_example(self, topic: str, difficulty: str) -> dict[str, Any]:
        for chunk in self._chunks_on(topic):
            examples = {str(name): text for name, text in chunk.examples}
            if examples:
                nearest = _nearest(difficulty, examples, _EXAMPLE_ORDER)
                return {"topic": topic, "difficulty": nearest, "example": examples[nearest]}
        written = await self._write(f"Write one worked example of {topic}, {difficulty}, in at most six sentences.")
        return {"topic": topic, "difficulty": difficulty, "example": written}

    async def _create_exercise(self, topic: str, difficulty: str) -> dict[str, Any]:
        for chunk in self._chunks_on(topic):
            exercises: dict[str, Question] = {question.difficulty: question for question in chunk.exercises}
            if exercises:
                chosen = exercises[_nearest(difficulty, exercises, _EXERCISE_ORDER)]
                return {
                    "topic": topic,
                    "difficulty": chosen.difficulty,
                    "exercise": chosen.ask,
                    "questionType": chosen.type,
                    "answer": chosen.answer,
                }
        written = await self._write(f"Write one practice problem on {topic}, {difficulty}, and no solution.")
        return {"topic": topic, "difficulty": difficulty, "exercise": written}

    async def _visualize_concept(self, what: str, style: str) -> dict[str, Any]:
        for chunk in self._chunks_on(what):
            if chunk.diagram:
                return {"what": what, "style": style, "diagram": chunk.diagram}
        written = await self._write(f"Draw {what} as a {style}, with plain letters and lines only, 70 columns wide.")
        return {"what": what, "style": style, "diagram": written}

    async def _record_exercise_result(
        self, exercise_prompt: str, student_answer: str, is_correct: bool, score: float, feedback: str = ""
    ) -> dict[str, Any]:
        self.results.append(ExerciseResult(exercise_prompt, student_answer, is_correct, float(score), feedback))
        known = await self._store.exercise_results(self._node.user_id, self._node.id)
        every = [*known, *self.results]
        average = sum(result.score for result in every) / len(every)
        return {
            "recorded": True,
            "totalAttempts": len(every),
            "correctCount": sum(result.is_correct for result in every),
            "averageScore": round(average, 4),
            "shouldMoveOn": average >= MASTERED and len(every) >= LEAST_ATTEMPTS,
        }

    def _chunks_on(self, topic: str) -> list[Chunk]:
        """Return the lesson's chunks that match the topic, the one with most words in common first."""
        asked = _words(topic)
        chunks = self._lesson.chunks if self._lesson else ()
        if named := [chunk for chunk in chunks if chunk.title == topic]:
            return named[:1]
        shared = [(len(asked & _words(f"{chunk.id} {chunk.title} {chunk.teach}")), chunk) for chunk in chunks]
        return [chunk for count, chunk in sorted(shared, key=lambda pair: -pair[0]) if count][:1]

    async def _write(self, instruction: str) -> str:
        if self._author is None:
            raise LessonToolFailed("The lesson has nothing on this, and no language model is configured to write it.")
        return await self._author(f"The lesson is on {self._node.title}. {instruction}")


def _check(name: str, arguments: Mapping[str, Any]) -> None:
    shape = next(schema["function"]["parameters"] for schema in SCHEMAS if schema["function"]["name"] == name)
    for key in shape["required"]:
        if key not in arguments:
            raise LessonToolFailed(f"'{name}' needs '{key}'.")
    for key, value in arguments.items():
        wanted = shape["properties"].get(key)
        if wanted is None:
            raise LessonToolFailed(f"'{name}' takes no '{key}'.")
        if not _fits(value, wanted):
            raise LessonToolFailed(f"'{key}' of '{name}' must be {wanted.get('enum') or wanted['type']}.")


def _fits(value: object, wanted: Mapping[str, Any]) -> bool:
    match wanted["type"]:
        case "string":
            return isinstance(value, str) and len(value) <= TEXT_LIMIT and value in wanted.get("enum", (value,))
        case "boolean":
            return isinstance(value, bool)
        case _:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and bool(wanted["minimum"] <= value <= wanted["maximum"])


def _nearest(wanted: str, there: Mapping[str, Any], order: tuple[str, ...]) -> str:
    return min(there, key=lambda name: abs(order.index(name) - order.index(wanted)))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) > 2}
