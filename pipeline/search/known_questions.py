"""Questions that come with documents: how much a new question is like those that a paragraph is known to answer.

Source: Nogueira et al. 2019, "Document Expansion by Query Prediction"; here they are written by hand, and also
such as a document does not answer.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.packs.question_loader import plain_words
from models.records.core import Document
from pipeline.search.meaning import Vectors
from pipeline.search.passages import Paragraph
from pipeline.search.word_vectors import packaged
from pipeline.search.words import stems

UNANSWERED = -1
"""The place of a question that the document does not answer."""

UNLIKE = 0.2
"""What counts as the likeness of a question where there is none to compare."""

CLOSE, SAME = 0.6, 0.75
"""Likenesses from which two questions are about the same, and ask the same; what is above counts twice."""

COMMON_WORDS = 0.5
"""What words in common count, beside their vectors, where questions are compared by their words."""


@dataclass(frozen=True)
class Stems:
    """The stems of a document's questions.

    Attributes:
        distinct: each stem that occurs.
        counts: in how many of the questions each of them occurs, shape (n,).
        questions, places: each occurrence: the number of the question, and of the stem among the distinct ones.
    """

    distinct: tuple[str, ...]
    counts: NDArray[np.intp]
    questions: NDArray[np.intp]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Take the stems of texts."""
        numbers: dict[str, int] = {}
        pairs = [
            (question, numbers.setdefault(stem, len(numbers)))
            for question, text in enumerate(texts)
            for stem in sorted(set(stems(text)))
        ]
        questions, places = np.array(pairs, np.intp).reshape(-1, 2).T
        return cls(tuple(numbers), np.bincount(places, minlength=len(numbers)), questions, places)


@dataclass(frozen=True)
class KnownQuestions:
    """The questions that come with a document.

    Attributes:
        texts: the questions.
        places: the number of the paragraph that answers each, or `UNANSWERED`; shape (k,).
    """

    texts: tuple[str, ...]
    places: NDArray[np.intp]

    @cached_property
    def stems(self) -> Stems:
        """Their stems."""
        return Stems.of(self.texts)

    @cached_property
    def vectors(self) -> Vectors:
        """The vector of each one's words, shape (k, d)."""
        return np.stack([packaged().of_text(text) for text in self.texts])


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How a question is like those that come with the documents at hand.

    Attributes:
        by_place: how like it is to the closest two that a paragraph answers, by document and number of the paragraph.
        unanswered: the most like it of each document that the document does not answer.
        leading: the two paragraphs with the closest questions, and how like these are; fewer where there are no more.
    """

    by_place: Mapping[tuple[str, int], tuple[float, float]]
    unanswered: Mapping[str, float]
    leading: Sequence[tuple[tuple[str, int], float]]

    def evidence(self, document: str, place: int) -> dict[str, float]:
        """Return the evidence that a paragraph answers, by name."""
        best, second = self.by_place.get((document, place), (UNLIKE, UNLIKE))
        refused = max(self.unanswered.values(), default=0.0)
        here = self.unanswered.get(document, UNLIKE)
        others = next((value for key, value in self.leading if key != (document, place)), 0.0)
        return {
            "known": best,
            "known_again": second,
            "known_refused": refused,
            "known_over_refused": best - refused,
            "known_refused_here": here,
            "known_over_refused_here": best - here,
            "known_ahead": best - others,
            "known_close": max(0.0, best - CLOSE),
            "known_same": max(0.0, best - SAME),
        }


def known_questions(document: Document, paragraphs: Sequence[Paragraph]) -> KnownQuestions | None:
    """Find where the questions that come with a document are answered; None where there are none."""
    if not document.questions:
        return None
    plain = [plain_words(paragraph.text) for paragraph in paragraphs]
    texts, places = [], []
    for question in document.questions:
        answer = plain_words(question.answer)
        place = next((number for number, text in enumerate(plain) if answer in text), None) if answer else UNANSWERED
        if place is not None:  # else the words stand across two paragraphs
            texts.append(question.text)
            places.append(place)
    return KnownQuestions(tuple(texts), np.array(places, np.intp)) if texts else None


def familiarity(known: Mapping[str, KnownQuestions], likeness: Mapping[str, NDArray[np.float32]]) -> Familiarity:
    """Return what the likenesses of the known questions say of each paragraph.

    Args:
        known: the questions by document.
        likeness: how like each of them is, shape (k,), by document.
    """
    by_place: dict[tuple[str, int], tuple[float, float]] = {}
    unanswered: dict[str, float] = {}
    for document, questions in known.items():
        near = likeness[document]
        for index in np.argsort(-near, kind="stable"):
            place, value = int(questions.places[index]), float(near[index])
            if place == UNANSWERED:
                unanswered.setdefault(document, value)
                continue
            before = by_place.get((document, place))
            if before is None:
                by_place[document, place] = (value, UNLIKE)
            elif before[1] == UNLIKE:
                by_place[document, place] = (before[0], value)
    nearest = sorted(((key, value) for key, (value, _) in by_place.items()), key=lambda item: -item[1])
    return Familiarity(by_place, unanswered, nearest[:2])


class Rarity:
    """How rare stems are among known questions.

    Args:
        known: the questions by document.
    """

    def __init__(self, known: Mapping[str, KnownQuestions]) -> None:
        self._counts: Counter[str] = Counter()
        for questions in known.values():
            for stem, count in zip(questions.stems.distinct, questions.stems.counts, strict=True):
                self._counts[stem] += int(count)
        self._total = sum(len(questions.texts) for questions in known.values())

    def of(self, stem: str) -> float:
        """Return the weight of a stem, the logarithm of one in how many questions it is in."""
        return math.log(1 + self._total / (self._counts[stem] + 0.5))


def likeness_by_words(text: str, known: Mapping[str, KnownQuestions]) -> dict[str, NDArray[np.float32]]:
    """Return how like a question is to the known ones by their words, shape (k,), by document; 0 to 1."""
    rarity = Rarity(known)
    asked = frozenset(stems(text))
    vector, whole = packaged().of_text(text), sum(rarity.of(stem) for stem in asked)
    found = {}
    for document, questions in known.items():
        held = questions.stems
        weights = np.array([rarity.of(stem) for stem in held.distinct])
        common = np.array([stem in asked for stem in held.distinct]) * weights
        size = len(questions.texts)
        both = np.bincount(held.questions, common[held.places], size)
        all_of_it = np.bincount(held.questions, weights[held.places], size)
        shared = 2 * both / np.maximum(whole + all_of_it, 1e-9)
        found[document] = (COMMON_WORDS * shared + (1 - COMMON_WORDS) * (questions.vectors @ vector)).astype(np.float32)
    return found
