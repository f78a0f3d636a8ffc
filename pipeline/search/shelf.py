"""The passages of a few documents that match what was said, for prompts: by words, at once, without an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from models.records.core import Document
from pipeline.search.editions import outdated
from pipeline.search.evidence import Candidate
from pipeline.search.passages import paragraphs_of
from pipeline.search.question import question_of
from pipeline.search.ranking import matches, rarity

KEPT_DOCUMENTS = 32
"""Documents whose paragraphs are kept between two replies."""


@dataclass(frozen=True, slots=True)
class ShelfPlace:
    """A passage: the document's index, and the span in its text."""

    document: int
    start: int
    end: int


def places(documents: Sequence[Document], said: str) -> list[ShelfPlace]:
    """Return the passages that match what was said, best first.

    Blocking: the first time up to a second for 1 MB of text, then some milliseconds.
    """
    question = question_of(said)
    if not question.terms:
        return []
    old = outdated(documents)
    entries = [
        entry
        for index, document in enumerate(documents)
        for entry in _candidates(str(index), document.name, document.text, document.id in old)
    ]
    rarities = rarity(entries, question.terms, len(entries), {})
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    for entry in entries:
        place = (entry.document, entry.paragraph.passage)
        start = spans[place][0] if place in spans else entry.paragraph.start
        spans[place] = (start, entry.paragraph.end)
    found = [entries[match.entry] for match in matches(question, entries, rarities, {})]
    ranked = dict.fromkeys((entry.document, entry.paragraph.passage) for entry in found)
    return [ShelfPlace(int(document), *spans[(document, passage)]) for document, passage in ranked]


@lru_cache(maxsize=KEPT_DOCUMENTS)
def _candidates(number: str, name: str, text: str, is_old: bool) -> tuple[Candidate, ...]:
    return tuple(Candidate(item, number, name, "", is_old) for item in paragraphs_of(text, name))
