"""The built-in search of a persona in the documents that it has at hand."""

from collections.abc import Sequence

from models.records.core import Document
from pipeline.search.editions import outdated
from pipeline.search.evidence import Candidate
from pipeline.search.passages import paragraphs_of
from pipeline.search.question import question_of
from pipeline.search.ranking import matches, rarity

PASSAGES = 3
"""Passages that one search finds."""

NOTHING = "Nothing about that is in the documents."


def look_up(documents: Sequence[Document], query: str) -> str:
    """Return the passages of documents that match a query best, each with its document's name. Blocking."""
    question = question_of(query)
    old = outdated(documents)
    entries = [
        Candidate(paragraph, document.id, document.name, "", document.id in old)
        for document in documents
        for paragraph in paragraphs_of(document.text, document.name)
    ]
    if not question.terms or not entries:
        return NOTHING
    rarities = rarity(entries, question.terms, float(len(entries)), {})
    found = [entries[match.entry] for match in matches(question, entries, rarities, {}) if match.coverage > 0][
        :PASSAGES
    ]
    if not found:
        return NOTHING
    return "\n\n".join(f"{one.name}: {one.paragraph.text}" for one in found)
