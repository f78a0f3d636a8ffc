"""Records of lessons from content packs: a node is taught chunk by chunk, each chunk with a question."""

from dataclasses import dataclass, field
from typing import Literal

QuestionType = Literal["text", "code", "draw"]
Difficulty = Literal["easy", "medium", "hard"]
ExampleDifficulty = Literal["simple", "moderate", "challenging"]

LEAST_CHUNKS, MOST_CHUNKS = 4, 8
"""Limits for a lesson in a pack. No lesson, not even a model's, has more than `CHUNK_LIMIT` chunks."""

CHUNK_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Point:
    """Something that a right answer says.

    Attributes:
        patterns: one of them must match the answer (lower case, no punctuation; code also verbatim), not negated.
        even_negated: a negated match counts, too.
    """

    patterns: tuple[str, ...]
    even_negated: bool = False


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that no right answer says.

    Attributes:
        patterns: an answer is wrong if one of them matches it, not negated.
        say: what the tutor replies to it; empty for nothing in particular.
    """

    patterns: tuple[str, ...]
    say: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its accepted answers.

    Attributes:
        accept: all that a right answer says.
        answer: a model answer, in words.
        difficulty: its difficulty among the exercises of a chunk.
        reject: what makes any answer wrong.
        right, wrong: examples, which the patterns are checked by when the lesson is loaded.
    """

    type: QuestionType
    ask: str
    accept: tuple[Point, ...]
    answer: str
    difficulty: Difficulty = "medium"
    reject: tuple[Mistake, ...] = ()
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """One step of a lesson.

    Attributes:
        explain: simpler explanations, given in order on request; the last one repeats.
        hints: given in order after wrong answers, the first three of them.
        examples: worked examples by difficulty.
        diagram: an ASCII diagram; empty if there is none.
        exercises: further questions on the same step.
    """

    id: str
    title: str
    teach: str
    question: Question
    praise: str = ""
    explain: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    examples: tuple[tuple[ExampleDifficulty, str], ...] = ()
    diagram: str = ""
    exercises: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson on one node.

    Attributes:
        slug: unique name, by which a node refers to its lesson.
        node_ids: nodes that get this lesson when they are created.
        closing: said at the end.
    """

    slug: str
    title: str
    description: str
    closing: str
    chunks: tuple[Chunk, ...]
    node_ids: tuple[str, ...] = field(default=())
