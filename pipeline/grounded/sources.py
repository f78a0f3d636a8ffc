"""Retrieval of the passages that match a question, within a caller's filters."""

import asyncio
import math
import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from models.records.core import Document
from models.records.external import DocumentOrigin
from models.store import Store
from pipeline.grounded.prose import lead_ins, sentences

TERMS_LIMIT = 10
"""Maximum number of search terms of a question; more add little."""

CANDIDATES_LIMIT = 20
"""Maximum number of documents whose passages are ranked."""

PASSAGE_CHARS = 600
"""Maximum length of a passage: a paragraph, or a part of a long one."""

CACHED_DOCUMENTS = 256

TITLE_WEIGHT = 0.5
"""Weight of a match in a document's name, relative to one in the passage."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_STOP_WORDS = frozenset(
    (
        "a about after again all also am an and another any are as ask at be because been before being but by "
        "can cannot come could did do does doing done each else ever every few find first for from get give go had "
        "has have having he hello help her here hers him his how i if in into is it its just know let like long "
        "make many may me might more most much must my need no not now of off on once one only or other our "
        "out over own please say she should so some such take tell than thank thanks that the their them then "
        "there these they thing things this those to too under until up us very want was we well were what "
        "when where which while who whom whose why will with without would yes yet you your "
    ).split()
)


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
    """

    document: Document
    origin: DocumentOrigin
    text: str
    start: int
    end: int
    score: float


class Sources:
    """Searches the documents that a user may see, deterministically."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._passages: OrderedDict[tuple[str, int], list[_Passage]] = OrderedDict()

    async def find(
        self,
        user_id: str,
        question: str,
        *,
        limit: int,
        allowed: SourceFilter = EVERYTHING,
        more: Sequence[Document] = (),
    ) -> list[Source]:
        """Return the best passage of each document, best first.

        Args:
            limit: maximum number of passages.
            allowed: the filter of documents.
            more: documents in addition to those of the store, such as the files of a chat; not filtered.
        """
        terms = _terms(question)
        if not terms or limit <= 0:
            return []
        documents = await self._candidates(user_id, terms)
        origins = await self._store.document_origins()
        chosen = [
            (document, origin)
            for document in documents
            if allowed.lets(document, origin := origins.get(document.id) or DocumentOrigin(document.id, "", ""))
        ]
        chosen += [(document, DocumentOrigin(document.id, "", "upload")) for document in more]
        return await asyncio.to_thread(self._best, chosen, terms, limit)

    async def _candidates(self, user_id: str, terms: Sequence[str]) -> list[Document]:
        weights: dict[str, float] = {}
        for term in terms:
            found = await self._store.document_snippets(term)
            for document_id in found:
                weights[document_id] = weights.get(document_id, 0.0) + 1 / len(found)
        ids = sorted(weights, key=lambda document_id: (-weights[document_id], document_id))[: CANDIDATES_LIMIT * 5]
        visible = {item.id: item for item in await self._store.find_documents(user_id, "", ids)} if ids else {}
        return [visible[document_id] for document_id in ids if document_id in visible][:CANDIDATES_LIMIT]

    def _best(
        self, chosen: Sequence[tuple[Document, DocumentOrigin]], terms: Sequence[str], limit: int
    ) -> list[Source]:
        passages = [(document, origin, passage) for document, origin in chosen for passage in self._cut(document)]
        wanted = {_stem(term) for term in terms}
        rarity = {
            term: math.log(1 + len(passages) / (1 + sum(term in passage.stems for _, _, passage in passages)))
            for term in wanted
        }
        named = {document.id: _stems(document.name) for document, _ in chosen}
        best: dict[str, Source] = {}
        for document, origin, passage in passages:
            found = {term for term in wanted if term in passage.stems}
            titled = {term for term in wanted if term in named[document.id]}
            # A single common word out of many is chance.
            if not found or len(found | titled) < math.ceil(len(wanted) / 3):
                continue
            score = sum(rarity[term] * passage.stems[term] / (passage.stems[term] + 1.0) for term in found)
            score += TITLE_WEIGHT * sum(rarity[term] for term in titled)
            if document.id not in best or score > best[document.id].score:
                best[document.id] = Source(
                    document, origin, passage.text, passage.start, passage.start + len(passage.text), score
                )
        return sorted(best.values(), key=lambda source: (-source.score, source.document.id))[:limit]

    def _cut(self, document: Document) -> list["_Passage"]:
        key = (document.id, hash(document.text))
        passages = self._passages.get(key)
        if passages is None:
            passages = _passages(document.text)
            self._passages[key] = passages
            while len(self._passages) > CACHED_DOCUMENTS:
                self._passages.popitem(last=False)
        return passages


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    start: int
    stems: Counter[str]


def _passages(text: str) -> list[_Passage]:
    cut = []
    for paragraph in re.finditer(r"\S[\s\S]*?(?=\n\s*\n|\Z)", text):
        body, start = paragraph.group().rstrip(), paragraph.start()
        while body:
            end = len(body)
            if end > PASSAGE_CHARS:
                ends = [found.end() for found in re.finditer(r"[.!?](?=\s)|\s", body[:PASSAGE_CHARS])]
                end = ends[-1] if ends else PASSAGE_CHARS
            piece = body[:end].rstrip()
            if _WORD.search(piece) and not (piece.startswith("#") and "\n" not in piece):
                cut.append(_Passage(piece, start, _stems(piece)))
            rest = body[end:]
            start += end + len(rest) - len(rest.lstrip())
            body = rest.lstrip()
    return cut


def _terms(question: str) -> list[str]:
    words = [word for word in _WORD.findall(question.lower()) if word not in _STOP_WORDS and len(word) > 1]
    return list(dict.fromkeys(words))[:TERMS_LIMIT]


def _stems(text: str) -> Counter[str]:
    return Counter(_stem(word) for word in _WORD.findall(text.lower()))


def _stem(word: str) -> str:
    """Stem a word by its commonest suffixes, enough to match "students" with "student"."""
    for ending in ("ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def fitting_sentences(question: str, sources: Sequence[Source], limit: int) -> list[tuple[str, Source]]:
    """Select the most relevant sentences of these passages, in reading order.

    Each is chosen for the question's words that the ones before do not cover, so that all its parts are answered.
    """
    missing = wanted = {_stem(term) for term in _terms(question)}
    listed = [
        (-place, -order, wanted & (set(_stems(sentence)) | about), sentence, source)
        for place, source in enumerate(sources)
        for about in [set(_stems(lead_ins(source.text)))]
        for order, sentence in enumerate(sentences(source.text))
    ]
    left, chosen = [item for item in listed if item[2]], listed[:0]
    while left and len(chosen) < limit:
        best = max(left, key=lambda item: (len(item[2] & missing), len(item[2]), item[:2]))
        left.remove(best)
        chosen.append(best)
        missing = missing - best[2]
    return [(item[3], item[4]) for item in sorted(chosen, key=lambda item: item[:2], reverse=True)]
