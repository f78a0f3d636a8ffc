"""The decision whether passages answer a question, or are only about the same things.

The weights are fitted, and the thresholds set, on the questions of `glow bench search` that are for tuning: at most one
in twenty without an answer may get a citation. docs/benchmarks.md tells what that costs.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.search.question import Query
from pipeline.search.ranking import Relevance

BESIDE = 1.0
"""By how much less likely than the threshold a passage may be to be cited beside one that answers: log odds."""

CHOSEN = 1.0
"""By how much likelier an answer is in a document that the asker has chosen: log odds, set by hand."""

NEAR, NEAR_WORDS = 0.3, 0.3
"""Least similarity, or share of the terms, of a passage that is worth mentioning although it may not answer."""


def answering(question: Query, found: Sequence[tuple[Relevance, bool]]) -> list[bool]:
    """Return which passages answer a question.

    Args:
        question: the question.
        found: how well each passage's best paragraph matches it, and whether the passage's document has been replaced.
    """
    if not any(answers(match) for match, _ in found):
        return [False] * len(found)
    fitting = [match.score >= match.threshold - BESIDE for match, _ in found]
    # What was replaced is cited only where nothing current answers, or one asks for what was so.
    if question.looks_back or all(old for (_, old), fits in zip(found, fitting, strict=True) if fits):
        return fitting
    return [fits and not old for (_, old), fits in zip(found, fitting, strict=True)]


def expected(match: Relevance) -> Relevance:
    """Return how well a passage matches if its document was chosen by who asks, and so is expected to answer."""
    return replace(match, threshold=match.threshold - CHOSEN)


def answers(match: Relevance) -> bool:
    """Return whether a passage by itself answers a question."""
    return match.score >= match.threshold


def is_near(match: Relevance) -> bool:
    """Return whether a passage is worth mentioning, although it may not answer."""
    return match.coverage >= NEAR_WORDS if match.similarity is None else match.similarity >= NEAR
