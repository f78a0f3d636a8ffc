"""Late interaction: how close each word of a question is to the closest one of a paragraph, in their contexts.

Source: Khattab & Zaharia 2020, "ColBERT", section 3.3, with the question's words weighted by their rarity.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.search.meaning import Pieces
from pipeline.search.passages import Paragraph
from pipeline.search.question import Query
from pipeline.search.words import plain, stem

FUNCTION = 0.3
"""Weight of a word that says little about a topic, beside the rarity of the others."""

TOPIC = 0.9
"""Worth of a word of the headings or the title to a sentence below, relative to one in it."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Alignment:
    """How close the words of a question are to those of a paragraph, and of its closest sentence: mean cosines."""

    paragraph: float
    sentence: float


def align(
    question: Query, asked: Pieces, paragraph: Paragraph, held: Pieces, begins: int, weights: Mapping[str, float]
) -> Alignment | None:
    """Compare word by word; None where there are no words.

    Args:
        question: the question.
        asked: the pieces of its text.
        paragraph: the paragraph.
        held: the pieces of the paragraph's text, with its title and headings before it.
        begins: where in that the paragraph begins.
        weights: the weight of each of the question's terms.
    """
    shares = worth(question.text, asked, lambda term: weights.get(term, FUNCTION))
    if not shares.any() or not len(held.spans):
        return None
    near = asked.vectors @ held.vectors.T
    places = held.spans[:, 0] - begins
    above = near[:, places < 0].max(1, initial=-1.0) * TOPIC
    best, at = -1.0, 0
    for sentence, _ in paragraph.sentences:
        at = paragraph.text.find(sentence, at)
        inside = (places >= at) & (places < at + len(sentence))
        at += len(sentence)
        if inside.any():
            best = max(best, float(np.maximum(near[:, inside].max(1), above) @ shares))
    return Alignment(float(near.max(1) @ shares), best)


def worth(text: str, pieces: Pieces, weight: Callable[[str], float]) -> NDArray[np.float32]:
    """Return the share of each piece of a text in a comparison, shape (n,).

    Args:
        weight: returns the weight of a word by its stem.
    """
    found = np.zeros(len(pieces.spans), np.float32)
    for begins, ends, stemmed in stems_at(text):
        found[(pieces.spans[:, 0] >= begins) & (pieces.spans[:, 1] <= ends)] = weight(stemmed)
    return found / max(float(found.sum()), 1e-9)


@lru_cache(maxsize=50_000)
def stems_at(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return where each word of a text begins and ends, and its stem."""
    return tuple((word.start(), word.end(), stem(plain(word.group()))) for word in _WORD.finditer(text))
