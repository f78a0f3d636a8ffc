"""Which documents have been replaced by newer ones, as far as they say so themselves."""

import re
from collections.abc import Iterable, Mapping

from models.records.core import Document
from pipeline.search.words import stems

_SAYS_SO = re.compile(
    r"\b(?:has|have|had|was|were) been (?:replaced|superseded|withdrawn)|\bsuperseded\b"
    r"|\bno longer (?:in force|valid|applies)"
    r"|\b(?:was|were) (?:in force|valid)\b|\b(?:replaced|superseded) by\b"
    r"|\bolder (?:edition|version|rules|policy|warranty)\b"
    r"|\bout of date\b|\boutdated\b|\bobsolete\b",
    re.IGNORECASE,
)
_BEGINNING = 400
"""How many characters of a document are read: it says so at its head, or not at all."""

_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_EDITION = frozenset(
    stems(
        "edition version rules policy calendar plan january february march april may june july august "
        "september october november december"
    )
)


def outdated(documents: Iterable[Document]) -> set[str]:
    """Return the ids of documents that say they were replaced, or whose title is another's with an earlier year."""
    found: set[str] = set()
    years: dict[frozenset[str], dict[str, int]] = {}
    for document in documents:
        if _SAYS_SO.search(f"{document.name} {document.description} {document.text[:_BEGINNING]}"):
            found.add(document.id)
        named = [int(year) for year in _YEAR.findall(document.name)]
        if named:
            subject = frozenset(stem for stem in stems(document.name) if not stem[0].isdigit()) - _EDITION
            years.setdefault(subject, {})[document.id] = max(named)
    return found | {ident for editions in years.values() for ident in _earlier(editions)}


def _earlier(editions: Mapping[str, int]) -> list[str]:
    latest = max(editions.values())
    return [ident for ident, year in editions.items() if year < latest]
