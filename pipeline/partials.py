"""Partial transcripts that never take back what they told."""

from itertools import takewhile


class StablePrefix:
    """Tells the words on which two consecutive hypotheses agree (local agreement).

    Source: Liu, Spanakis, Niehues 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial
    Hypothesis Selection", section 3 (local agreement).
    """

    def __init__(self) -> None:
        self._previous: list[str] = []
        self._told: list[str] = []

    def update(self, hypothesis: str) -> str | None:
        """The stable words so far, or None when there are no more of them than before."""
        words = hypothesis.split()
        agreed = [
            word for word, _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._previous, words, strict=False))
        ]
        self._previous = words
        if len(agreed) <= len(self._told) or agreed[: len(self._told)] != self._told:
            return None
        self._told = agreed
        return " ".join(agreed)
