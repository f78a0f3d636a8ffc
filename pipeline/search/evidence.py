"""The evidence that a paragraph answers a question, as numbers: by words, by meaning, and by what is asked for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.search.expectations import expectations
from pipeline.search.meaning import Vectors
from pipeline.search.passages import Paragraph
from pipeline.search.question import WEAK_TERMS, Query
from pipeline.search.word_vectors import packaged
from pipeline.search.words import content_stems, content_words, is_negated, stem, stems, words

TERMS_WHOLE = 8
"""Number of terms of a long question."""

_WHAT_IS = frozenset(stems("what is"))
_IT = frozenset(stems("what it is"))

TITLED = 0.5
"""What it is worth to stand under a title that is the question, beside a heading."""

BARE_WORDS, LEAST_PHRASED = 2, 0.6
"""A question of so few words only names a topic; otherwise it has to have so much of a heading's words."""

LENGTH_WHOLE = 120
"""Number of words of a long paragraph."""


@lru_cache(maxsize=1024)
def _stems_of(name: str) -> frozenset[str]:
    return frozenset(stems(name))


@dataclass(frozen=True)
class Candidate:
    """A paragraph with what counts of its document.

    Attributes:
        document: the id of its document.
        name: the document's title.
        beginning: the document's first lines, which may say of which year it is.
        outdated: whether the document has been replaced.
    """

    paragraph: Paragraph
    document: str
    name: str
    beginning: str = ""
    outdated: bool = False

    @cached_property
    def title(self) -> frozenset[str]:
        """The stems of the document's title."""
        return _stems_of(self.name)

    @cached_property
    def vector(self) -> NDArray[np.float32]:
        """The vector of its words, with those of the headings and the title."""
        return packaged().of_text(f"{self.name} {self.paragraph.heading} {self.paragraph.text}")

    @cached_property
    def topic(self) -> str:
        """The title and the headings."""
        return f"{self.name} {self.paragraph.heading}"

    @cached_property
    def sentence_vectors(self) -> Vectors:
        """The vector of each sentence's words, with those of the topic."""
        topic = f"{self.topic} {self.paragraph.lead_in}"
        return np.stack([packaged().of_text(f"{topic} {said}") for said, _ in self.paragraph.sentences])

    @cached_property
    def topic_words(self) -> Vectors:
        """The vectors of the words of the topic."""
        return packaged().of_words(content_words(f"{self.topic} {self.paragraph.lead_in}"))

    @cached_property
    def sentence_words(self) -> tuple[Vectors, ...]:
        """The vectors of the words of each sentence and the topic."""
        return tuple(
            np.concatenate([packaged().of_words(content_words(said)), self.topic_words])
            for said, _ in self.paragraph.sentences
        )

    @cached_property
    def words(self) -> Vectors:
        """The vectors of the words of the text and the topic."""
        return np.concatenate([packaged().of_words(content_words(self.paragraph.text)), self.topic_words])

    def has(self, term: str) -> bool:
        """Return whether a stem occurs in the text, the headings or the title."""
        return term in self.paragraph.stems or term in self.paragraph.heading_stems or term in self.title


@dataclass(frozen=True, slots=True)
class Likeness:
    """How close in meaning a question is to a paragraph, its closest sentence, and its title: cosines."""

    paragraph: float
    sentence: float
    title: float


@dataclass(frozen=True)
class Corpus:
    """What the evidence is weighed against.

    Attributes:
        entries: the paragraphs that are searched.
        weights: the weight of each of the question's terms.
        near: closeness of each paragraph's words to the question's.
        likenesses: what the sentence model says, by index of the entry, as far as it is known.
        total: how many paragraphs there are altogether.
    """

    entries: Sequence[Candidate]
    weights: Mapping[str, float]
    near: Sequence[float]
    likenesses: Mapping[int, Likeness]
    total: float

    @cached_property
    def nearest(self) -> dict[str, float]:
        """The closeness of each document's nearest paragraph, by words."""
        return self._nearest(dict(enumerate(self.near)))

    @cached_property
    def likest(self) -> dict[str, float]:
        """The cosine of each document's nearest paragraph, by the sentence model."""
        return self._nearest({index: like.paragraph for index, like in self.likenesses.items()})

    @property
    def rarest(self) -> float:
        """The weight of a term that occurs nowhere."""
        return math.log(1 + (self.total + 0.5) / 0.5)

    def _nearest(self, values: Mapping[int, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for index, value in values.items():
            document = self.entries[index].document
            found[document] = max(value, found.get(document, -1.0))
        return found


def evidence(
    question: Query, vector: NDArray[np.float32], index: int, worded: float, corpus: Corpus
) -> dict[str, float]:
    """Return the evidence for a paragraph by name; what is not there is 0.

    Args:
        question: the question.
        vector: the vector of its words.
        index: index of the paragraph in the corpus.
        worded: its score by BM25.
        corpus: what it is weighed against.
    """
    entry = corpus.entries[index]
    paragraph = entry.paragraph
    found = _by_words(question, entry, corpus)
    found |= {
        "bm25": worded,
        "near": corpus.near[index],
        "near_sentence": float((entry.sentence_vectors @ vector).max(initial=-1.0)),
        "near_document": corpus.nearest[entry.document],
        "near_ahead": _ahead(corpus.nearest, entry.document),
        "terms": min(len(question.terms), TERMS_WHOLE) / TERMS_WHOLE,
        "long": min(paragraph.length, LENGTH_WHOLE) / LENGTH_WHOLE,
        "outdated": float(entry.outdated and not question.looks_back),
        "negated": float(question.negated and paragraph.is_negated),
        "heading": _phrasing(question, paragraph),
        "defined": float(_is_definition(question, entry)),
        "headed": _headed(question, entry),
        "opposed": float(_is_opposed(question, paragraph)),
    }
    if (like := corpus.likenesses.get(index)) is not None:
        found |= {
            "like": like.paragraph,
            "like_sentence": like.sentence,
            "like_title": like.title,
            "like_document": corpus.likest[entry.document],
            "like_ahead": _ahead(corpus.likest, entry.document),
        }
    said = paragraph.text

    def closest(word: str, others: Sequence[str]) -> float:
        if any(stem(word) == stem(other) for other in others):
            return 1.0
        return packaged().closeness(word, packaged().of_words(others))

    return found | expectations(question, entry.topic, said, entry.beginning, closest)


def _by_words(question: Query, entry: Candidate, corpus: Corpus) -> dict[str, float]:
    """Return how much of the question the paragraph has in the same or similar words."""
    weights = [corpus.weights[term] for term in question.terms]
    whole = sum(weights) or 1.0
    has = [entry.has(term) for term in question.terms]
    close = [
        1.0 if held else packaged().closeness(word, entry.words) for word, held in zip(question.words, has, strict=True)
    ]
    gaps = [(1 - near) * weight for near, weight in zip(close, weights, strict=True)]
    return {
        "covered": sum(weight for weight, held in zip(weights, has, strict=True) if held) / whole,
        "close": sum(near * weight for near, weight in zip(close, weights, strict=True)) / whole,
        "close_sentence": _closest_sentence(question, entry, weights) / whole,
        "weakest": 1 - max(gaps, default=0.0) / max(weights, default=1.0),
        "missing": max(gaps, default=corpus.rarest) / corpus.rarest,
    }


def _closest_sentence(question: Query, entry: Candidate, weights: Sequence[float]) -> float:
    topical = entry.title | entry.paragraph.heading_stems
    best = 0.0
    for (_, held), others in zip(entry.paragraph.sentences, entry.sentence_words, strict=True):
        covered = 0.0
        for term, word, weight in zip(question.terms, question.words, weights, strict=True):
            covered += weight * (1.0 if term in held or term in topical else packaged().closeness(word, others))
        best = max(best, covered)
    return best


def _ahead(nearest: Mapping[str, float], document: str) -> float:
    """Return by how much a document is nearer than any other; 0 where there is no other."""
    others = [value for other, value in nearest.items() if other != document]
    return nearest[document] - max(others) if others else 0.0


def _phrasing(question: Query, paragraph: Paragraph) -> float:
    heading = paragraph.heading_stems
    return len(question.stems & heading) / len(heading) if heading else 0.0


def _headed(question: Query, entry: Candidate) -> float:
    """Return 1 where the innermost heading or the lead-in is the question, but for words of the title.

    It is half of that for the title, under which all of the document stands.
    """
    paragraph = entry.paragraph
    asked = {term for term in question.terms if term not in WEAK_TERMS} or set(question.terms)
    if question.negated != is_negated(f"{paragraph.heading} {paragraph.lead_in}") or not asked:
        return 0.0
    titled = 1.0 if len(words(question.text)) <= BARE_WORDS else TITLED
    above = ((paragraph.heading.rpartition(" / ")[2], 1.0), (paragraph.lead_in, 1.0), (entry.name, titled))
    for heading, worth in above:
        named = {term for term in content_stems(heading) if term not in WEAK_TERMS and not term.isdigit()}
        if named and named <= asked <= named | entry.title and (len(asked) > 1 or _is_phrased(question, heading)):
            return worth
    return 0.0


def _is_phrased(question: Query, heading: str) -> bool:
    """Return whether a heading about one thing asks what the question asks, as "What to bring" does."""
    if len(words(question.text)) <= BARE_WORDS:
        return True
    held = set(stems(heading))
    return len(held) > 1 and len(question.stems & held) / len(held) >= LEAST_PHRASED


def _is_opposed(question: Query, paragraph: Paragraph) -> bool:
    """Return whether the heading is most of the question with a negation too many or too few, or of another time."""
    if _time_of(question.text) * _time_of(f"{paragraph.heading} {paragraph.lead_in}") < 0:
        return True
    is_other = question.negated != is_negated(f"{paragraph.heading} {paragraph.lead_in}")
    return is_other and _phrasing(question, paragraph) >= LEAST_PHRASED


def _time_of(text: str) -> int:
    """Return -1 for what is before something, 1 for what is after it, 0 for neither or both."""
    said = set(words(text))
    return ("after" in said) - ("before" in said)


def _is_definition(question: Query, entry: Candidate) -> bool:
    """Return whether one asks what a thing is that has a document, and the paragraph begins to say it."""
    if not (question.stems >= _WHAT_IS and question.terms and entry.title.issuperset(question.terms)):
        return False
    heading = entry.paragraph.heading_stems
    return not heading if entry.paragraph.start == 0 else heading >= _WHAT_IS and len(heading) <= len(_IT)
