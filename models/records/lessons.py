"""Lessons as the content packs give them: a node taught chunk by chunk, each chunk with a question."""

from dataclasses import dataclass, field
from typing import Literal

QuestionType = Literal["text", "code", "draw"]
Difficulty = Literal["easy", "medium", "hard"]
ExampleDifficulty = Literal["simple", "moderate", "challenging"]

LEAST_CHUNKS, MOST_CHUNKS = 4, 8
"""A lesson in a pack has this many chunks. No lesson, whoever teaches it, has more than `CHUNK_LIMIT`."""

CHUNK_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what counts as an answer.

    Attributes:
        accept: groups of patterns, each found in the answer (lower case, no punctuation); code is also searched as
            it is written. An answer is right when every group has a pattern that is found.
        answer: a good answer, in words.
        difficulty: how hard, among the exercises of a chunk.
    """

    type: QuestionType
    ask: str
    accept: tuple[tuple[str, ...], ...]
    answer: str
    difficulty: Difficulty = "medium"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One step of a lesson.

    Attributes:
        explain: the same in simpler words, for who asks; the last one stays.
        hints: given one after the other to wrong answers; the last one stays.
        examples: worked examples by difficulty.
        diagram: a picture made of letters; empty where there is none.
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
        slug: its name among all lessons; a node names its lesson by it.
        node_ids: nodes that are given this lesson when they are made.
        closing: said at the end.
    """

    slug: str
    title: str
    description: str
    closing: str
    chunks: tuple[Chunk, ...]
    node_ids: tuple[str, ...] = field(default=())
