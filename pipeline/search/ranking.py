"""Ranking of paragraphs for a question: by BM25 and meaning first, and the best of them by all the evidence there is.

Source: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", sections 3.4 and 3.5.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.search.alignment import Alignment
from pipeline.search.evidence import Candidate, Corpus, Likeness, evidence
from pipeline.search.known_questions import UNLIKE
from pipeline.search.logistic import Logistic
from pipeline.search.question import Query
from pipeline.search.weights import ALIGNED, KNOWN_ALIGNED, KNOWN_WORDS, SENTENCES, WORDS
from pipeline.search.word_vectors import packaged

K1, B = 1.2, 0.5

HEADING_WEIGHT, TITLE_WEIGHT = 1.0, 1.2
"""Weight of an occurrence in a heading and in the title, relative to one in the text."""

WORDS_WEIGHT = 0.8
"""Weight of BM25 beside the meaning where the paragraphs are chosen that are weighed."""

WEIGHED = 14
"""Maximum number of paragraphs that are weighed by all the evidence."""


OPPOSED = 2.0
"""What it takes to be under a heading that says the opposite: log odds. Too rare among the questions to be fitted."""

HEADED = 3.0
"""What it adds to be under a heading that is the question, as "What to bring" is what to bring: log odds."""

SAME, OVER, ASKED_BEFORE = 0.9, 0.05, 3.0
"""How like a known question one has to be to be the same, by how much more than any that is not answered, and what it
adds: log odds. The fitted weights prefer one answer, and a question may have several."""

OTHERS = Logistic({"like": 10.0, "close": 2.0, "outdated": -3.0}, bias=-6.15, threshold=0.0)
"""For the embeddings of a server, whose cosines nobody has fitted: from about 0.5 on a passage answers."""


@dataclass(frozen=True, slots=True)
class Familiar:
    """What is known of the questions that come with documents.

    Attributes:
        evidence: by index of the entry, for entries of such documents; see `Familiarity.evidence`.
        by_meaning: whether the questions were compared by their meaning, or by their words.
    """

    evidence: Mapping[int, Mapping[str, float]]
    by_meaning: bool


Aligned = Callable[[int, Mapping[str, float]], Alignment | None]

COMPARED = 2000
"""Maximum number of paragraphs whose words' meanings are compared: 30 microseconds each, the first time."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """How well a paragraph matches a question.

    Attributes:
        entry: index of the entry.
        coverage: the share of the question's terms that it has, by weight, 0 to 1.
        similarity: cosine of the meanings, as the sentence model has it; None if it is not known.
        score: how much likelier it answers the question than it has to be to count as an answer, as a logarithm of
            odds; matches are ordered by it.
        threshold: the score from which it counts as an answer: 0, or less where an answer is expected.
        evidence: what the score was computed of.
    """

    entry: int
    coverage: float
    similarity: float | None
    score: float
    threshold: float
    evidence: Mapping[str, float] = field(default_factory=dict)


def rarity(
    entries: Sequence[Candidate], terms: Sequence[str], total: float, beyond: Mapping[str, float]
) -> dict[str, float]:
    """Return the inverse document frequency of each term, over paragraphs.

    Args:
        entries: the paragraphs at hand.
        terms: stems.
        total: how many paragraphs there are altogether, with those that are not at hand.
        beyond: by how much more frequent a term is altogether than among those at hand, where it is.
    """
    found = {}
    for term in terms:
        count = min(total, sum(entry.has(term) for entry in entries) * beyond.get(term, 1.0))
        found[term] = math.log(1 + (total - count + 0.5) / (count + 0.5))
    return found


def matches(
    question: Query,
    entries: Sequence[Candidate],
    rarities: Mapping[str, float],
    likenesses: Mapping[int, Likeness],
    total: float | None = None,
    *,
    is_fitted: bool = True,
    aligned: Aligned | None = None,
    familiar: Familiar | None = None,
) -> list[Relevance]:
    """Weigh the paragraphs that match a question, best first; at most `WEIGHED`.

    Args:
        question: the question.
        entries: the paragraphs.
        rarities: the weight of each of its terms, as `rarity` returns it.
        likenesses: the sentence model's cosines, by index of the entry, as far as they are known.
        total: how many paragraphs there are altogether; those at hand by default.
        is_fitted: whether the cosines are those of the packaged sentence model.
        aligned: compares the words of an entry with the question's, by its index and the terms' weights; None where
            nothing is known.
        familiar: what the questions that come with documents say.
    """
    weights = {term: question.weight(term) * rarities[term] for term in question.terms}
    worded = _bm25(entries, weights)
    vector = packaged().of_text(question.text)
    near = _near(entries, vector, worded)
    rough = {}
    for index in range(len(entries)):
        like = likenesses.get(index)
        known = familiar.evidence.get(index, {}).get("known", 0.0) if familiar is not None else 0.0
        if worded[index] or like is not None or near[index] > 0 or known > UNLIKE:
            meant = like.paragraph + like.sentence if like is not None else near[index]
            rough[index] = meant + WORDS_WEIGHT * worded[index] + known
    chosen = sorted(rough, key=lambda index: (-rough[index], index))[:WEIGHED]
    corpus = Corpus(entries, weights, near, likenesses, total or len(entries))
    found = []
    for index in chosen:
        like = likenesses.get(index)
        seen = evidence(question, vector, index, worded[index], corpus)
        model = WORDS if like is None else SENTENCES if is_fitted else OTHERS
        if aligned is not None and model is SENTENCES and (alignment := aligned(index, weights)) is not None:
            seen |= {"aligned": alignment.paragraph, "aligned_sentence": alignment.sentence}
            model = ALIGNED
        if familiar is not None and (known_of := familiar.evidence.get(index)) is not None:
            seen |= known_of
            model = KNOWN_ALIGNED if familiar.by_meaning and model is ALIGNED else KNOWN_WORDS
        score = model.log_odds(seen) - model.threshold + HEADED * seen["headed"] - OPPOSED * seen["opposed"]
        if seen.get("known", 0.0) >= SAME and seen["known_over_refused"] >= OVER:
            score += ASKED_BEFORE
        similarity = None if like is None else like.paragraph
        found.append(Relevance(index, seen["covered"], similarity, score, 0.0, seen))
    return sorted(found, key=lambda match: (-match.score, match.entry))


def _near(entries: Sequence[Candidate], vector: NDArray[np.float32], worded: Sequence[float]) -> list[float]:
    """Return how close each paragraph's words are to the question's; of many, of those that share words with it."""
    near = [0.0] * len(entries)
    chosen = sorted(range(len(entries)), key=lambda index: -worded[index])[:COMPARED]
    for index in chosen:
        near[index] = float(entries[index].vector @ vector)
    return near


def _bm25(entries: Sequence[Candidate], weights: Mapping[str, float]) -> list[float]:
    """Return BM25's score of each paragraph relative to the highest possible one, 0 to 1."""
    whole = sum(weights.values()) or 1.0
    average = sum(entry.paragraph.length for entry in entries) / max(1, len(entries)) or 1.0
    found = []
    for entry in entries:
        paragraph = entry.paragraph
        length = 1 - B + B * paragraph.length / average
        score = 0.0
        for term, weight in weights.items():
            often = (
                paragraph.stems[term] / length
                + HEADING_WEIGHT * (term in paragraph.heading_stems)
                + TITLE_WEIGHT * (term in entry.title)
            )
            score += weight * often / (often + K1)
        found.append(score / whole)
    return found
