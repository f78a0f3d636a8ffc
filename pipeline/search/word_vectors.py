"""Vectors of English words, packaged: how close two words are in meaning, where no sentence model reads the texts.

scripts/word_vectors.py computes words.npz of MiniLM (Apache-2.0).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.search.meaning import Vectors
from pipeline.search.words import NEGATIONS, STOP_WORDS, words

_FILE = Path(__file__).with_name("words.npz")

COMMON = 1e-3
"""A word is worth COMMON / (COMMON + its frequency), as in Arora et al. 2017: frequent words say little."""


class WordVectors:
    """Unit vectors of words in lower case, and of texts: the weighted mean of their words.

    Args:
        names: the words, the most frequent ones first.
        vectors: their unit vectors.
        close: for each word the numbers of those of about the same meaning, filled up with its own number.
    """

    def __init__(self, names: Sequence[str], vectors: Vectors, close: NDArray[np.uint16]) -> None:
        self._names = names
        self._place = {name: place for place, name in enumerate(names)}
        self._vectors = vectors
        self._close = close
        frequency = 1 / (np.arange(len(names)) + 10) / np.log(len(names))  # Zipf's law
        self._weight = (COMMON / (COMMON + frequency)).astype(np.float32)

    @property
    def width(self) -> int:
        """The number of components."""
        return int(self._vectors.shape[1])

    def of_words(self, said: Iterable[str]) -> Vectors:
        """Return the vectors of those words that are known, shape (n, width)."""
        return self._vectors[[self._place[word] for word in said if word in self._place]]

    def of_text(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a text, shape (width,): zero if it has no known word."""
        said = [word for word in words(text) if word not in STOP_WORDS and word not in NEGATIONS]
        places = [self._place[word] for word in said if word in self._place]
        total = self._weight[places] @ self._vectors[places]
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)

    def closeness(self, word: str, others: Vectors) -> float:
        """Return the cosine of a word and the closest of these vectors, 0 to 1; 0 where nothing is known."""
        place = self._place.get(word)
        if place is None or not len(others):
            return 0.0
        return max(0.0, float((others @ self._vectors[place]).max()))

    def similar(self, word: str) -> list[str]:
        """Return up to three words of about the same meaning, closest first."""
        place = self._place.get(word)
        return [] if place is None else [self._names[other] for other in self._close[place] if other != place]


@lru_cache(maxsize=1)
def packaged() -> WordVectors:
    """Return the packaged vectors. Loads them the first time: 0.1 s, 8 MB."""
    with np.load(_FILE) as held:
        names = held["words"].tobytes().decode("ascii").split("\n")
        vectors, close = held["vectors"].astype(np.float32), held["close"]
    return WordVectors(names, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), close)
