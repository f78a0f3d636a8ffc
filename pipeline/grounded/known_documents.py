"""The questions that come with documents, kept ready, and compared with a new one by meaning or by words."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

from models.records.core import Document
from pipeline.grounded.meaning_index import AskedMeaning, MeaningIndex
from pipeline.search.evidence import Candidate
from pipeline.search.known_questions import KnownQuestions, familiarity, known_questions, likeness_by_words
from pipeline.search.question import Query
from pipeline.search.ranking import Familiar
from pipeline.search.word_by_word import WordByWord, reduced, without_context, word_by_word

KNOWN_LIMIT = 1000
"""Maximum number of documents whose questions are kept ready."""


class KnownDocuments:
    """The questions of the documents that were searched lately.

    Args:
        index: compares them by meaning; None for words alone.
    """

    def __init__(self, index: MeaningIndex | None) -> None:
        self._index = index
        self._making = Lock()  # searches run in threads, several at once
        self._known: OrderedDict[tuple[str, int], KnownQuestions | None] = OrderedDict()

    def familiar(
        self,
        documents: Iterable[Document],
        question: Query,
        asked: AskedMeaning | None,
        entries: Sequence[Candidate],
    ) -> Familiar | None:
        """Return what the questions that come with documents say of each paragraph; None where there are none.

        Args:
            documents: the documents that are searched.
            question: the question.
            asked: what the model makes of it, where there is one.
            entries: the documents' paragraphs.
        """
        places: dict[int, tuple[str, int]] = {}
        by_document: dict[str, list[Candidate]] = {}
        for index, entry in enumerate(entries):
            held = by_document.setdefault(entry.document, [])
            places[index] = (entry.document, len(held))
            held.append(entry)
        questioned = {document.id: document for document in documents if document.questions}
        known: dict[str, KnownQuestions] = {}
        for ident, document in questioned.items():
            if (found := self._known_of(document, by_document.get(ident, ()))) is not None:
                known[ident] = found
        if not known:
            return None
        compared = self._by_meaning(question, asked, questioned, known)
        by_meaning = compared is not None
        if compared is None:
            own = without_context(question.text)
            near = likeness_by_words(question.text, known)
            compared = word_by_word(
                question.text, own, known, near, lambda ident, index: without_context(known[ident].texts[index])
            )
        seen = familiarity(known, compared.likeness)
        return Familiar(
            {
                index: seen.evidence(*place) | compared.evidence_of(*place)
                for index, place in places.items()
                if place[0] in known
            },
            by_meaning,
        )

    def _by_meaning(
        self,
        question: Query,
        asked: AskedMeaning | None,
        documents: Mapping[str, Document],
        known: Mapping[str, KnownQuestions],
    ) -> WordByWord | None:
        """Compare a question with the known ones by the sentence model; None until they are indexed."""
        if self._index is None or asked is None or asked.pieces is None:
            return None
        near = self._index.questions(documents, known, asked.vector)
        pieces = self._index.question_pieces(known) if near is not None else None
        if near is None or pieces is None:
            return None
        own = reduced(asked.pieces)
        return word_by_word(question.text, own, known, near, lambda ident, index: pieces[ident][index])

    def _known_of(self, document: Document, entries: Sequence[Candidate]) -> KnownQuestions | None:
        key = (document.id, hash((document.text, document.questions)))
        with self._making:
            if key not in self._known:
                self._known[key] = made = known_questions(document, [entry.paragraph for entry in entries])
                if made is not None:
                    _ = made.stems, made.vectors  # now, and not in several threads at once
                while len(self._known) > KNOWN_LIMIT:
                    self._known.popitem(last=False)
            return self._known[key]
