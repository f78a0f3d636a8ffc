"""How well the words of a talk follow each other, whatever they are about: shuffled sentences are found by it.

Each pair of neighbouring words is compared with how often it would occur by chance (pointwise mutual information,
Church and Hanks 1990). Frequent words count themselves, others by their endings, so that a matter that the counts
have never seen, and a learner's mistakes, weigh little. The counts are of the packaged texts (`scripts/word_pairs.py`).
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.llm.reflection import normalised

BEGIN, END = "<", ">"
PART_END = re.compile(r"[,;:—–-]\s|\s[-–—]|[()\"“”.!?…]")

_PAIRS = Path(__file__).with_name("word_pairs.txt")
_ENDINGS = ("ing", "ed", "ly", "s", "er", "y")
_LEAST_STEM = 3
_LEAST_EXPECTED = 0.3
"""Fewest times that a pair would occur by chance; of rarer ones nothing is known."""

_LOWEST, _HIGHEST = -3.0, 1.0
_LEAST_WORDS = 20


@dataclass(frozen=True, slots=True)
class _Counts:
    pairs: Mapping[tuple[str, str], int]
    first: Counter[str]
    second: Counter[str]
    total: int


def fit(texts: Sequence[str]) -> float:
    """Return how well the words of sentences follow each other, from -3 to 1; 0 is by chance, or for few words."""
    fits = [fit for text in texts for fit in _fits(text)]
    return sum(fits) / len(fits) if len(fits) >= _LEAST_WORDS else 0.0


def word_class(word: str, own: Collection[str]) -> str:
    """Return what a word counts as: itself if it is one of `own`, else its ending."""
    if word in own:
        return word
    ending = next((end for end in _ENDINGS if word.endswith(end) and len(word) >= len(end) + _LEAST_STEM), "")
    return f"*{ending}"


def _fits(text: str) -> Iterator[float]:
    """Yield for each pair of words how well they follow each other, from -3 to 1; 0 is by chance."""
    counts = _counts()
    ended = any(mark in text for mark in ".!?")  # a transcript without punctuation ends sentences anywhere
    for part in PART_END.split(text):
        words = [word_class(word, counts.first) for word in normalised(part).split()]
        if not words:
            continue
        for pair in itertools.pairwise([BEGIN, *words, END] if ended else words):
            yield _fit(pair, counts)


def _fit(pair: tuple[str, str], counts: _Counts) -> float:
    expected = counts.first[pair[0]] * counts.second[pair[1]] / counts.total
    if expected <= _LEAST_EXPECTED:
        return 0.0
    found = counts.pairs.get(pair, 0)
    smooth = 0.05 * expected + 0.02
    return max(_LOWEST, min(_HIGHEST, math.log((found + smooth) / (expected + smooth))))


@cache
def _counts() -> _Counts:
    pairs: dict[tuple[str, str], int] = {}
    for row in _PAIRS.read_text("utf-8").splitlines():
        first, *following = row.split()
        for item in following:
            second, count = item.rsplit(":", 1)
            pairs[first, second] = int(count)
    firsts, seconds = Counter[str](), Counter[str]()
    for (before, after), often in pairs.items():
        firsts[before] += often
        seconds[after] += often
    return _Counts(pairs, firsts, seconds, sum(pairs.values()))
