"""Ranking of paragraphs for a question: BM25 over the text, its headings and the title, joined with meaning.

Source: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", sections 3.4 and 3.5.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.search.passages import Paragraph
from pipeline.search.question import Query
from pipeline.search.words import NEGATIONS, stem, stems

K1, B = 1.2, 0.5

HEADING_WEIGHT, TITLE_WEIGHT = 1.0, 1.2
"""Weight of an occurrence in a heading and in the title, relative to one in the text."""

PHRASED = 0.15
"""What it adds to be under a heading that is the question word by word, as "what is not covered" is."""

DEFINED = 0.4
"""What it adds to say what the title names, under a lead-in such as "What it is", where one asks what it is."""

TOGETHER = 0.15
"""What it adds to have all terms in one sentence that holds the sort of thing that is asked for."""

OPPOSED = 0.2
"""What it takes to be under a heading that says the opposite."""

ELSEWHERE = 0.3
"""Weight of the share of the terms that the whole document has, beside what the paragraph has."""

OUTDATED = 0.1
"""What it takes from a score to be in a document that another has replaced."""

UNFIT = 0.1
"""What it takes from a score not to hold the sort of thing that is asked for, such as a number."""

WORDS_WEIGHT = 0.35
"""Weight of the words beside the similarity of meanings."""

_WHAT_IS = frozenset(stems("what is"))
_IT = frozenset(stems("what it is"))
_NOT = frozenset(map(stem, NEGATIONS))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paragraph with what counts of its document.

    Attributes:
        document: the number of its document among those that are searched.
        title: the stems of the document's title.
        outdated: whether the document has been replaced.
    """

    paragraph: Paragraph
    document: int
    title: frozenset[str]
    outdated: bool = False

    def has(self, term: str) -> bool:
        """Return whether a stem occurs in the text, the headings or the title."""
        return term in self.paragraph.stems or term in self.paragraph.heading_stems or term in self.title


@dataclass(frozen=True, slots=True)
class Relevance:
    """How well a paragraph matches a question.

    Attributes:
        entry: index of the entry.
        words: BM25's score relative to the highest possible one, 0 to 1, and a little more for a heading that fits.
        coverage: the share of the question's terms that it has, by weight, 0 to 1.
        similarity: cosine of the meanings; None if it is not known.
        score: what matches are ordered by.
    """

    entry: int
    words: float
    coverage: float
    similarity: float | None
    score: float


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
    similarities: Mapping[int, float],
) -> list[Relevance]:
    """Compare each paragraph with the question, best first; those with neither a term nor a similarity are left out.

    Args:
        question: the question.
        entries: the paragraphs.
        rarities: the weight of each of its terms, as `rarity` returns it.
        similarities: cosines of the meanings, by index of the entry, as far as they are known.
    """
    weights = {term: question.weight(term) * rarities[term] for term in question.terms}
    whole = sum(weights.values()) or 1.0
    documents = _coverage_of_documents(entries, weights)
    average = sum(entry.paragraph.length for entry in entries) / max(1, len(entries)) or 1.0
    found = []
    for index, entry in enumerate(entries):
        paragraph = entry.paragraph
        length = 1 - B + B * paragraph.length / average
        score = covered = 0.0
        for term, weight in weights.items():
            often = (
                paragraph.stems[term] / length
                + HEADING_WEIGHT * (term in paragraph.heading_stems)
                + TITLE_WEIGHT * (term in entry.title)
            )
            if often:
                covered += weight
                score += weight * often * (K1 + 1) / (often + K1)
        similarity = similarities.get(index)
        if not covered and similarity is None:
            continue
        words = max(0.0, score / (whole * (K1 + 1)) + _phrasing(question, paragraph))
        if entry.title.issuperset(question.terms) and question.terms and _is_definition(question, paragraph):
            words += DEFINED
        words += TOGETHER * _together(question, paragraph, weights, covered)
        total = WORDS_WEIGHT * (words + ELSEWHERE * documents[entry.document]) + (similarity or 0.0)
        if not question.fits(paragraph.text):
            total -= UNFIT
        if entry.outdated and not question.looks_back:
            total -= OUTDATED
        found.append(Relevance(index, words, covered / whole, similarity, total))
    return sorted(found, key=lambda match: (-match.score, match.entry))


def _coverage_of_documents(entries: Sequence[Candidate], weights: Mapping[str, float]) -> dict[int, float]:
    found: dict[int, set[str]] = {}
    for entry in entries:
        found.setdefault(entry.document, set()).update(term for term in weights if entry.has(term))
    whole = sum(weights.values()) or 1.0
    return {document: sum(weights[term] for term in terms) / whole for document, terms in found.items()}


def _is_definition(question: Query, paragraph: Paragraph) -> bool:
    return (
        question.stems >= _WHAT_IS and paragraph.heading_stems >= _WHAT_IS and len(paragraph.heading_stems) <= len(_IT)
    )


def _together(question: Query, paragraph: Paragraph, weights: Mapping[str, float], covered: float) -> float:
    if not covered:
        return 0.0
    best = 0.0
    for text, held in paragraph.sentences:
        share = sum(weight for term, weight in weights.items() if term in held) / sum(weights.values())
        if share > best and question.fits(text):
            best = share
    return best


def _phrasing(question: Query, paragraph: Paragraph) -> float:
    heading = paragraph.heading_stems
    if not heading:
        return 0.0
    phrased = PHRASED * len(question.stems & heading) / len(heading)
    opposed = bool(_NOT & heading) != question.negated and not heading.isdisjoint(question.terms)
    return phrased - OPPOSED * opposed
