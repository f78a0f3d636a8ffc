"""Retrieval of the passages that answer a question, within a caller's filters."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from models.records.core import Document
from models.records.external import DocumentOrigin
from models.store import Store
from pipeline.grounded.known_documents import KnownDocuments
from pipeline.grounded.meaning_index import AskedMeaning, MeaningIndex, text_of
from pipeline.search.alignment import Alignment, align
from pipeline.search.answerable import answering, expected, is_near
from pipeline.search.editions import outdated
from pipeline.search.evidence import Candidate, Likeness
from pipeline.search.meaning import Pieces
from pipeline.search.passages import paragraphs_of
from pipeline.search.question import Query, question_of
from pipeline.search.ranking import Aligned, Relevance, matches, rarity
from pipeline.search.word_vectors import packaged
from pipeline.search.words import stem

CANDIDATES_LIMIT = 40
"""Maximum number of documents whose paragraphs are ranked, besides those that are near by meaning."""

PER_DOCUMENT = 2
"""Maximum number of passages of one document."""

SIMILAR_WEIGHT, SIMILAR_LIMIT = 0.5, 24
"""Words of about the same meaning whose documents are candidates, too: their worth, and how many altogether."""

BEGINNING_CHARS = 400
"""How many characters at the beginning of a document may say of which year it is."""

CACHED_CHARS = 20_000_000
"""Characters of documents whose paragraphs are kept with the vectors of their words, the latest ones."""


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """A filter of documents. Each non-empty inclusion narrows the result; exclusions always apply.

    Attributes:
        document_ids, publishers, datasources: a document must match every non-empty one.
        without_documents, without_datasources: exclusions.
    """

    document_ids: frozenset[str] = frozenset()
    publishers: frozenset[str] = frozenset()
    datasources: frozenset[str] = frozenset()
    without_documents: frozenset[str] = frozenset()
    without_datasources: frozenset[str] = frozenset()

    def lets(self, document: Document, origin: DocumentOrigin) -> bool:
        """Return whether a document passes the filter; its URL counts as an id, too."""
        names = {document.id, origin.url} - {""}
        if names & self.without_documents or origin.datasource.lower() in self.without_datasources:
            return False
        return (
            (not self.document_ids or bool(names & self.document_ids))
            and (not self.publishers or origin.publisher.lower() in self.publishers)
            and (not self.datasources or origin.datasource.lower() in self.datasources)
        )


EVERYTHING = SourceFilter()


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that matches a question.

    Attributes:
        start, end: span of the passage in the document's text.
        score: relevance; meaningful only for ranking.
        focus: the paragraph of it that matches best.
        outdated: whether the document has been replaced.
    """

    document: Document
    origin: DocumentOrigin
    text: str
    start: int
    end: int
    score: float
    focus: str = ""
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of a question, best first.

    Attributes:
        answering: the passages that answer it.
        near: passages about the same things, which may not.
    """

    answering: tuple[Source, ...] = ()
    near: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class _Corpus:
    """What is searched: documents with their origins and paragraphs, and how frequent terms are beyond them."""

    documents: Sequence[tuple[Document, DocumentOrigin]]
    counts: Mapping[str, int]
    total: int


class Sources:
    """Searches the documents that a user may see, deterministically.

    Args:
        store: the documents.
        index: compares them by meaning, too; None for words alone.
    """

    def __init__(self, store: Store, index: MeaningIndex | None = None) -> None:
        self._store = store
        self._index = index
        self._cutting = Lock()  # searches run in threads, several at once
        self._cut: OrderedDict[tuple[str, int], tuple[int, list[Candidate]]] = OrderedDict()
        self._known = KnownDocuments(index)

    async def find(
        self,
        user_id: str,
        text: str,
        *,
        limit: int,
        allowed: SourceFilter = EVERYTHING,
        more: Sequence[Document] = (),
    ) -> Findings:
        """Return the passages that answer a question, and the others that are near it.

        Args:
            user_id: whose documents are searched, with the public ones.
            text: the question; of a long one only the end is read.
            limit: maximum number of passages.
            allowed: the filter of documents.
            more: documents in addition to those of the store, such as the files of a chat; not filtered.
        """
        question = question_of(text)
        found = await self.ranked(user_id, question, limit=limit, allowed=allowed, more=more)
        added = {document.id for document in more}
        found = [
            (source, expected(match) if allowed.document_ids or source.document.id in added else match)
            for source, match in found
        ]
        fitting = answering(question, [(match, source.outdated) for source, match in found])
        return Findings(
            tuple(source for (source, _), fits in zip(found, fitting, strict=True) if fits),
            tuple(source for (source, match), fits in zip(found, fitting, strict=True) if not fits and is_near(match)),
        )

    async def ranked(
        self,
        user_id: str,
        question: Query,
        *,
        limit: int,
        allowed: SourceFilter = EVERYTHING,
        more: Sequence[Document] = (),
    ) -> list[tuple[Source, Relevance]]:
        """Return the passages that match a question best, whether they answer it or not."""
        if limit <= 0 or not question.text:
            return []
        asked = await self._index.question(question.text) if self._index is not None else None
        if not question.terms and asked is None:
            return []
        corpus = await self._corpus(user_id, question, asked, allowed, more)
        if self._index is not None:
            self._index.note(document for document, _ in corpus.documents)
        return await asyncio.to_thread(self._best, corpus, question, asked, limit)

    async def weighed(self, user_id: str, question: Query) -> list[tuple[Candidate, Relevance]]:
        """Return the paragraphs that match a question best, with the evidence for each, to fit its weights."""
        asked = await self._index.question(question.text) if self._index is not None else None
        corpus = await self._corpus(user_id, question, asked, EVERYTHING, ())
        entries, found = self._weighed(corpus, question, asked)
        return [(entries[match.entry], match) for match in found]

    async def visible(
        self, user_id: str, allowed: SourceFilter = EVERYTHING, more: Sequence[Document] = ()
    ) -> list[Document]:
        """Return every document that may be searched, by name, and those in addition."""
        origins = await self._store.document_origins()
        documents = await self._store.find_documents(user_id)
        kept = (one for one in documents if allowed.lets(one, origins.get(one.id) or DocumentOrigin(one.id, "", "")))
        return [*kept, *more]

    async def candidate_titles(self, user_id: str, question: Query) -> set[str]:
        """Return the titles of the documents whose paragraphs are ranked: with its rarest words, or near by meaning."""
        asked = await self._index.question(question.text) if self._index is not None else None
        corpus = await self._corpus(user_id, question, asked, EVERYTHING, ())
        return {document.name for document, _ in corpus.documents}

    async def _candidates(
        self, user_id: str, question: Query, asked: AskedMeaning | None
    ) -> tuple[list[str], dict[str, int]]:
        similar = _similar(question)
        found = await self._store.documents_with(user_id, [*question.words, *similar])
        weights: dict[str, float] = {}
        counts: dict[str, int] = {}
        for word, term in zip(question.words, question.terms, strict=True):
            counts[term] = len(found[word])
            for document_id in found[word]:
                weights[document_id] = weights.get(document_id, 0.0) + question.weight(term) / len(found[word])
        for word, worth in similar.items():
            for document_id in found[word]:
                weights[document_id] = weights.get(document_id, 0.0) + worth / len(found[word])
        ids = sorted(weights, key=lambda document_id: (-weights[document_id], document_id))[:CANDIDATES_LIMIT]
        if asked is not None and self._index is not None:
            ids += await asyncio.to_thread(self._index.nearest, asked.vector, user_id)
        return list(dict.fromkeys(ids)), counts

    async def _corpus(
        self,
        user_id: str,
        question: Query,
        asked: AskedMeaning | None,
        allowed: SourceFilter,
        more: Sequence[Document],
    ) -> _Corpus:
        ids, counts = await self._candidates(user_id, question, asked)
        visible = {item.id: item for item in await self._store.find_documents(user_id, "", ids)} if ids else {}
        origins = await self._store.document_origins()
        chosen = [
            (visible[ident], origins.get(ident) or DocumentOrigin(ident, "", "")) for ident in ids if ident in visible
        ]
        chosen = [(document, origin) for document, origin in chosen if allowed.lets(document, origin)]
        chosen += [(document, DocumentOrigin(document.id, "", "upload")) for document in more]
        return _Corpus(chosen, counts, await self._store.count_documents(user_id) + len(more))

    def _best(
        self, corpus: _Corpus, question: Query, asked: AskedMeaning | None, limit: int
    ) -> list[tuple[Source, Relevance]]:
        entries, weighed = self._weighed(corpus, question, asked)
        found: dict[tuple[str, int], Relevance] = {}
        for match in weighed:
            place = (entries[match.entry].document, entries[match.entry].paragraph.passage)
            if place not in found and sum(document == place[0] for document, _ in found) < PER_DOCUMENT:
                found[place] = match
                if len(found) == limit:
                    break
        spans = _spans(entries, found)
        known = {document.id: (document, origin) for document, origin in corpus.documents}
        return [(_source(*known[place[0]], *spans[place], match, entries), match) for place, match in found.items()]

    def _weighed(
        self, corpus: _Corpus, question: Query, asked: AskedMeaning | None
    ) -> tuple[list[Candidate], list[Relevance]]:
        old = outdated(document for document, _ in corpus.documents)
        entries: list[Candidate] = []
        likenesses: dict[int, Likeness] = {}
        for document, _ in corpus.documents:
            near = self._index.likenesses(document, asked.vector) if self._index and asked is not None else None
            if near is not None:
                likenesses |= dict(enumerate(near, len(entries)))
            entries += self._candidates_of(document, document.id in old)
        rarities, total = _rarities(corpus, entries, question.terms)
        is_fitted = self._index is None or self._index.is_fitted
        aligned = self._aligned(corpus, question, asked, entries)
        familiar = self._known.familiar([document for document, _ in corpus.documents], question, asked, entries)
        found = matches(
            question, entries, rarities, likenesses, total, is_fitted=is_fitted, aligned=aligned, familiar=familiar
        )
        return entries, found

    def _aligned(
        self, corpus: _Corpus, question: Query, asked: AskedMeaning | None, entries: Sequence[Candidate]
    ) -> Aligned | None:
        """Return what compares a paragraph's words with the question's, if the model has pieces of words."""
        if self._index is None or asked is None or (pieces := asked.pieces) is None:
            return None
        held: dict[str, tuple[Document, Sequence[Pieces]]] = {
            document.id: (document, self._index.pieces(document)) for document, _ in corpus.documents
        }
        first: dict[str, int] = {}
        for index, entry in enumerate(entries):
            first.setdefault(entry.document, index)

        def aligned(index: int, weights: Mapping[str, float]) -> Alignment | None:
            entry = entries[index]
            document, known = held[entry.document]
            if not known:
                return None
            begins = len(text_of(document, entry.paragraph)) - len(entry.paragraph.text)
            number = index - first[entry.document]
            return align(question, pieces, entry.paragraph, known[number], begins, weights)

        return aligned

    def _candidates_of(self, document: Document, is_old: bool) -> list[Candidate]:
        key = (document.id, hash((document.name, document.text, is_old)))
        with self._cutting:
            held = self._cut.get(key)
        if held is None:
            beginning = document.text[:BEGINNING_CHARS]
            cut = paragraphs_of(document.text, document.name)
            held = (
                len(document.text),
                [Candidate(item, document.id, document.name, beginning, is_old) for item in cut],
            )
        with self._cutting:
            self._cut[key] = held
            self._cut.move_to_end(key)
            while sum(size for size, _ in self._cut.values()) > CACHED_CHARS and len(self._cut) > 1:
                self._cut.popitem(last=False)
        return held[1]


def _similar(question: Query) -> dict[str, float]:
    """Return words of about the same meaning as the question's, with what they are worth."""
    found: dict[str, float] = {}
    for word, term in zip(question.words, question.terms, strict=True):
        for other in packaged().similar(word):
            if stem(other) not in question.terms and len(found) < SIMILAR_LIMIT:
                found.setdefault(other, SIMILAR_WEIGHT * question.weight(term))
    return found


def _rarities(corpus: _Corpus, entries: Sequence[Candidate], terms: Sequence[str]) -> tuple[dict[str, float], float]:
    """Return the weight of each term, with what the index knows of documents that are not at hand.

    The number of paragraphs altogether comes second.
    """
    here = len(corpus.documents)
    having = {term: {entry.document for entry in entries if entry.has(term)} for term in terms}
    beyond = {term: max(1.0, corpus.counts.get(term, 0) / max(1, len(documents))) for term, documents in having.items()}
    total = len(entries) * max(1.0, corpus.total / max(1, here))
    return rarity(entries, terms, total, beyond), total


def _spans(
    entries: Sequence[Candidate], places: Mapping[tuple[str, int], Relevance]
) -> dict[tuple[str, int], tuple[int, int]]:
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    for entry in entries:
        place = (entry.document, entry.paragraph.passage)
        if place in places:
            start = spans[place][0] if place in spans else entry.paragraph.start
            spans[place] = (start, entry.paragraph.end)
    return spans


def _source(
    document: Document, origin: DocumentOrigin, start: int, end: int, match: Relevance, entries: Sequence[Candidate]
) -> Source:
    best = entries[match.entry]
    return Source(
        document, origin, document.text[start:end], start, end, match.score, best.paragraph.text, best.outdated
    )
