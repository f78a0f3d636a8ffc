"""Partial transcripts that never retract a published word."""

from itertools import takewhile

_REACH = 24
"""Words of the newest hypotheses that are searched for the end of the published text."""


class StablePrefix:
    """Publishes the words on which two consecutive hypotheses agree (local agreement).

    A recogniser that decodes an utterance again, or settles a segment of a long one, may revise published words.
    They stay as published; the words that follow their place in both hypotheses are appended.

    Source: Liu, Spanakis, Niehues 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial
    Hypothesis Selection", section 3 (local agreement).
    """

    def __init__(self) -> None:
        self._previous: list[str] = []
        self._published: list[str] = []
        self._stands_for: list[str] = []  # the hypothesis that `_told` was taken from

    @property
    def published(self) -> str:
        """The stable words so far."""
        return " ".join(self._published)

    def update(self, hypothesis: str) -> str | None:
        """Take a new hypothesis; return the stable words so far, or None if there are no new ones."""
        words = hypothesis.split()
        agreed = [
            word for word, _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._previous, words, strict=False))
        ]
        self._previous = words
        known = len(self._stands_for)
        if agreed[:known] != self._stands_for:
            known = _end_of(self._stands_for, agreed)
        if len(agreed) <= known:
            return None
        self._published += agreed[known:]
        self._stands_for = agreed
        return self.published


def _end_of(published: list[str], agreed: list[str]) -> int:
    """Return how many words of `agreed` render `published`: the prefix of least edit distance, the longest such."""
    tail, begin = published[-_REACH:], max(0, len(published) - 2 * _REACH)
    reach = agreed[begin : len(published) + _REACH]
    changes = [0] * (len(reach) + 1) if begin else list(range(len(reach) + 1))
    for number, word in enumerate(tail, start=1):
        diagonal, changes[0] = changes[0], number
        for column, other in enumerate(reach, start=1):
            change = min(diagonal + (word != other), changes[column] + 1, changes[column - 1] + 1)
            diagonal, changes[column] = changes[column], change
    fewest = min(changes)
    return begin + max(column for column, change in enumerate(changes) if change == fewest)
