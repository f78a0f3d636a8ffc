"""The decision whether a passage answers a question, or is only about the same things.

The bounds are set on the tuning half of the questions of `glow bench search`: at most one in twenty without an answer
may get a citation. docs/benchmarks.md tells what that costs.
"""

import re

from pipeline.search.question import Query
from pipeline.search.ranking import Relevance

SIMILAR = 0.515
"""Least cosine of the meanings, where they are known."""

SPECIFIC, SPECIFIC_WORDS = 0.05, 0.25
"""What more either takes where a question asks for one particular thing: the right topic is easily found without it."""

COVERED, WORDED = 0.6, 1.2
"""Without meanings: least share of the terms, and least sum of the share and of BM25's relative score."""

CERTAIN = 0.9
"""BM25's relative score from which a passage with all of the terms answers, whatever the meanings."""

NEAR, NEAR_WORDS = 0.3, 0.3
"""Least similarity, or share of the terms, of a passage that is worth mentioning although it may not answer."""

_SPECIFIC = re.compile(r"\W*(?:who|which|what)\b", re.IGNORECASE)


def answers(question: Query, match: Relevance, text: str) -> bool:
    """Return whether a passage answers a question.

    Args:
        question: the question.
        match: how well the passage's best paragraph matches it.
        text: the passage.
    """
    if not question.fits(text):
        return False
    if match.coverage == 1 and match.words >= CERTAIN:
        return True
    is_specific = _SPECIFIC.match(question.text) is not None
    if match.similarity is not None:
        return match.similarity - SPECIFIC * is_specific >= SIMILAR
    return match.coverage >= COVERED and match.words + match.coverage - SPECIFIC_WORDS * is_specific >= WORDED


def is_near(match: Relevance) -> bool:
    """Return whether a passage is worth mentioning, although it may not answer."""
    return match.coverage >= NEAR_WORDS if match.similarity is None else match.similarity >= NEAR
