"""Known questions compared with a new one word by word, in their contexts: a question differs by one word often.

Source: Khattab & Zaharia 2020, "ColBERT", section 3.3; here both ways, with the words weighted by their rarity among
the known questions.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.search.alignment import stems_at, worth
from pipeline.search.known_questions import UNANSWERED, KnownQuestions, Rarity
from pipeline.search.meaning import Pieces
from pipeline.search.sentence_model import PACKAGED
from pipeline.search.word_vectors import packaged
from pipeline.search.words import plain

DIRECTIONS_FILE = "directions.npy"
"""The 96 directions in which pieces of words differ most: scripts/packaged_directions.py writes them."""

COMPARED = 100
"""How many of the known questions are compared word by word: those whose meaning as a whole is closest."""

BY_WORDS = 0.5
"""What the comparison word by word counts, beside that of the meanings as a whole."""

_BEYOND = 0.9  # what counts of the likeness of those that are not compared
_FEW = 6  # of a paragraph's closest questions, among which the one is sought that has all that is asked
_UNLIKE, _UNLIKE_WHOLE = 0.4, 0.2

_OTHERS = 64  # components for words that the packaged vectors lack


@dataclass(frozen=True, slots=True)
class WordsInCommon:
    """How close the words of two questions are, 0 to 1.

    Attributes:
        of_asked: mean cosine of the new question's words to the closest ones of the known one.
        of_known: the same the other way.
        least_of_asked: that of the new question's word that is missed most: 1 minus its distance by its weight.
        least_of_known: the same the other way.
        whole: cosine of the two as a whole.
    """

    of_asked: float = _UNLIKE
    of_known: float = _UNLIKE
    least_of_asked: float = 0.0
    least_of_known: float = 0.0
    whole: float = _UNLIKE_WHOLE

    @property
    def likeness(self) -> float:
        """How like the questions are altogether."""
        return (1 - BY_WORDS) * self.whole + BY_WORDS * (self.of_asked + self.of_known) / 2


_NOTHING = WordsInCommon()


@dataclass(frozen=True, slots=True)
class WordByWord:
    """The known questions that are closest to a new one, compared with it.

    Attributes:
        likeness: how like it each known question is, shape (k,), by document.
        evidence: what the comparisons say of each paragraph, by document and number of the paragraph; see
            `evidence_of`.
        refused: the same of the closest question that the document does not answer, by document.
    """

    likeness: Mapping[str, NDArray[np.float32]]
    evidence: Mapping[tuple[str, int], Mapping[str, float]]
    refused: Mapping[str, Mapping[str, float]]

    def evidence_of(self, document: str, place: int) -> dict[str, float]:
        """Return the evidence that a paragraph answers, by name."""
        found = self.evidence.get((document, place)) or _answered([])
        return {**found, **(self.refused.get(document) or _refused(_NOTHING))}


def reduced(pieces: Pieces) -> Pieces:
    """Return pieces in the directions in which they differ most: a quarter of the memory."""
    inside = pieces.vectors @ _directions()
    inside /= np.linalg.norm(inside, axis=1, keepdims=True) + 1e-9
    return Pieces.of(inside, pieces.spans)


@lru_cache(maxsize=5_000)
def without_context(text: str) -> Pieces:
    """Return the words of a text as pieces, where no model reads them; a word without a vector is like itself alone."""
    spans, vectors = list[tuple[int, int]](), list[NDArray[np.float32]]()
    width = packaged().width
    for begins, ends, stemmed in stems_at(text):
        vector = np.zeros(width + _OTHERS, np.float32)
        found = packaged().of_words([plain(text[begins:ends])])
        if len(found):
            vector[:width] = found[0]
        else:
            seed = int.from_bytes(hashlib.sha256(stemmed.encode()).digest()[:4])
            vector[width:] = np.random.default_rng(seed).standard_normal(_OTHERS)
            vector /= np.linalg.norm(vector)
        spans.append((begins, ends))
        vectors.append(vector)
    held = np.array(vectors, np.float32).reshape(len(vectors), width + _OTHERS)
    return Pieces.of(held, np.array(spans, np.int32).reshape(-1, 2))


def word_by_word(
    text: str,
    asked: Pieces,
    known: Mapping[str, KnownQuestions],
    near: Mapping[str, NDArray[np.float32]],
    pieces: Callable[[str, int], Pieces],
) -> WordByWord:
    """Compare a question with the known ones that are closest to it.

    Args:
        text: the question.
        asked: its pieces: `reduced`, or `without_context`.
        known: the questions by document.
        near: how close the meaning of each known question is as a whole, shape (k,), by document.
        pieces: returns those of a known question, like `asked`, by its document and number.
    """
    rarity = Rarity(known)
    own, own_worth = asked.vectors, worth(text, asked, rarity.of)
    places = [(document, index) for document, values in near.items() for index in range(len(values))]
    whole = np.concatenate([*near.values()]) if near else np.zeros(0, np.float32)
    likeness = {document: values * np.float32(_BEYOND) for document, values in near.items()}
    compared: list[tuple[str, int, WordsInCommon]] = []
    for at in np.argsort(-whole, kind="stable")[:COMPARED]:
        document, index = places[at]
        held = pieces(document, index)
        shares = worth(known[document].texts[index], held, rarity.of)
        comparison = _compared(own, own_worth, held.vectors, shares, float(whole[at]))
        compared.append((document, index, comparison))
    least = min((comparison.likeness for _, _, comparison in compared), default=0.0)
    for values in likeness.values():
        np.minimum(values, np.float32(least), out=values)
    for document, index, comparison in compared:
        likeness[document][index] = comparison.likeness
    by_place: dict[tuple[str, int], list[WordsInCommon]] = {}
    for document, index, comparison in compared:
        by_place.setdefault((document, int(known[document].places[index])), []).append(comparison)
    return WordByWord(
        likeness,
        {place: _answered(found) for place, found in by_place.items() if place[1] != UNANSWERED},
        {
            place[0]: _refused(max(found, key=lambda one: one.likeness))
            for place, found in by_place.items()
            if place[1] == UNANSWERED
        },
    )


def _answered(found: Sequence[WordsInCommon]) -> dict[str, float]:
    """Return the evidence of the questions that a paragraph answers, the closest by their meaning first."""
    best = max(found, key=lambda one: one.likeness, default=_NOTHING)
    return {
        "words_of_asked": best.of_asked,
        "words_of_known": best.of_known,
        "least_of_asked": best.least_of_asked,
        "least_of_known": best.least_of_known,
        "known_whole": best.whole,
        "least_of_asked_best": max((one.least_of_asked for one in found[:_FEW]), default=0.0),
        "words_of_asked_best": max((one.of_asked for one in found), default=_UNLIKE),
    }


def _refused(closest: WordsInCommon) -> dict[str, float]:
    return {"refused_words_of_asked": closest.of_asked, "refused_least_of_asked": closest.least_of_asked}


def _compared(
    own: NDArray[np.float32],
    own_worth: NDArray[np.float32],
    held: NDArray[np.float32],
    held_worth: NDArray[np.float32],
    whole: float,
) -> WordsInCommon:
    if not len(own) or not len(held):
        return WordsInCommon(0.0, 0.0, 0.0, 0.0, whole)
    near = own @ held.T
    forward, back = near.max(1), near.max(0)
    return WordsInCommon(
        float(forward @ own_worth),
        float(back @ held_worth),
        1 - float(((1 - forward) * own_worth).max() / max(float(own_worth.max()), 1e-9)),
        1 - float(((1 - back) * held_worth).max() / max(float(held_worth.max()), 1e-9)),
        whole,
    )


@cache
def _directions() -> NDArray[np.float32]:
    return np.asarray(np.load(PACKAGED / DIRECTIONS_FILE), np.float32)
