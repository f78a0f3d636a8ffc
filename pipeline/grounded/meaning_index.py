"""The meanings of documents' paragraphs, computed in the background, and the documents nearest to a question."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.records.core import Document
from models.store import Store
from pipeline.errors import EmbeddingFailed
from pipeline.search.evidence import Likeness
from pipeline.search.known_questions import KnownQuestions, known_questions
from pipeline.search.meaning import Meanings, Pieces, Vectors
from pipeline.search.passages import Paragraph, paragraphs_of
from pipeline.search.sentence_model import SentenceModel
from pipeline.search.word_by_word import reduced

log = logging.getLogger(__name__)

INDEXED_VECTORS = 60_000
"""Maximum number of vectors: 90 MB of MiniLM's. The documents that were not searched longest go."""

PIECES_A_VECTOR, REDUCED_A_VECTOR = 4, 16
"""Pieces of words that need as much memory as a vector, and reduced ones."""

READ_BY_SENTENCE = 2000
"""Maximum number of sentences of a document that get vectors of their own; a longer one is compared by paragraph."""

WAITING_LIMIT = 1000
"""Maximum number of documents that wait for their vectors; the others are taken when they are searched next."""

TEXTS_AT_ONCE = 16
NEAREST_LIMIT = 10
"""Documents whose words need not match, because their meaning does."""


@dataclass(frozen=True, slots=True)
class AskedMeaning:
    """A question's vector, shape (d,), and the pieces of its words where the model has any."""

    vector: NDArray[np.float32]
    pieces: Pieces | None = None


@dataclass(frozen=True, slots=True)
class _Indexed:
    """The vectors of a document: its title's, its paragraphs', its sentences' with the number of their paragraph.

    The pieces are those of its paragraphs; a long document, or one that a server has read, has none. The questions are
    those that come with it, and their pieces reduced ones.
    """

    owner_id: str | None
    version: int
    title: NDArray[np.float32]
    paragraphs: Vectors
    sentences: Vectors
    places: NDArray[np.intp]
    pieces: tuple[Pieces, ...] = ()
    questions: Vectors | None = None
    question_pieces: tuple[Pieces, ...] = ()

    @property
    def size(self) -> int:
        pieces = sum(len(held.spans) for held in self.pieces) // PIECES_A_VECTOR
        pieces += sum(len(held.spans) for held in self.question_pieces) // REDUCED_A_VECTOR
        questions = 0 if self.questions is None else len(self.questions)
        return 1 + len(self.paragraphs) + len(self.sentences) + questions + pieces


class MeaningIndex:
    """Vectors of paragraphs by document. Use as an async context manager, which owns the task that computes them.

    Args:
        meanings: computes the vectors.
        store: the documents; the public ones are indexed from the first question on, which costs a core for seconds.
    """

    def __init__(self, meanings: Meanings, store: Store) -> None:
        self._meanings = meanings
        self._reader = meanings.reader
        self._store = store
        self._indexed: OrderedDict[str, _Indexed] = OrderedDict()
        self._waiting: OrderedDict[str, Document | None] = OrderedDict()
        self._wanted = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="index meanings")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_fitted(self) -> bool:
        """Whether its cosines are those of the packaged sentence model, which the search's weights are for."""
        return self._meanings.name == SentenceModel.name

    async def settled(self) -> None:
        """Wait until the public documents and all that were seen so far have their vectors, or failed to get them.

        Raises:
            RuntimeError: the index is not open, or broke.
        """
        if self._task is None:
            raise RuntimeError("The index is not open: enter it first.")
        await self._begin()
        waiting = asyncio.ensure_future(self._settled.wait())
        try:
            await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
            if not self._settled.is_set():
                raise RuntimeError("The index of meanings stopped.") from _reason(self._task)
        finally:
            waiting.cancel()

    def note(self, documents: Iterable[Document]) -> None:
        """Have the vectors of these documents computed where they are missing or of an older text."""
        for document in documents:
            known = self._indexed.get(document.id)
            if known is not None and known.version == _version(document):
                self._indexed.move_to_end(document.id)
            elif document.id in self._waiting or len(self._waiting) < WAITING_LIMIT:
                self._waiting[document.id] = document
        if self._waiting:
            self._settled.clear()
            self._wanted.set()

    async def question(self, text: str) -> AskedMeaning | None:
        """Return what the model makes of a question; None where it failed: words have to do then."""
        await self._begin()
        try:
            if self._reader is not None:
                vectors, pieces = await self._reader.read([text])
                return AskedMeaning(vectors[0], pieces[0])
            return AskedMeaning(np.asarray((await self._meanings.embed([text]))[0], np.float32))
        except EmbeddingFailed as error:
            log.warning("A search goes on by words alone: %s", error)
            return None

    def nearest(self, vector: NDArray[np.float32], user_id: str) -> list[str]:
        """Return the ids of the public and the user's documents with the nearest paragraphs, nearest first."""
        near = [
            (
                max(float((held @ vector).max()) for held in (item.paragraphs, item.questions) if held is not None),
                document_id,
            )
            for document_id, item in list(self._indexed.items())
            if item.owner_id in (None, user_id) and item.title.shape == vector.shape
        ]
        return [document_id for _, document_id in sorted(near, reverse=True)[:NEAREST_LIMIT]]

    def likenesses(self, document: Document, vector: NDArray[np.float32]) -> list[Likeness] | None:
        """Return how close each paragraph of a document is to a question; None if that is not known yet."""
        item = self._indexed.get(document.id)
        if item is None or item.version != _version(document) or item.title.shape != vector.shape:
            return None
        near = item.paragraphs @ vector
        nearest = near.copy() if len(item.sentences) == 0 else np.full(len(near), -1.0, np.float32)
        np.maximum.at(nearest, item.places, item.sentences @ vector)
        title = float(item.title @ vector)
        return [Likeness(float(one), float(best), title) for one, best in zip(near, nearest, strict=True)]

    def questions(
        self, documents: Mapping[str, Document], known: Mapping[str, KnownQuestions], vector: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]] | None:
        """Return how like a question is to the known ones of documents, by id; None until all of them are indexed.

        Args:
            documents: the documents, by id.
            known: their questions.
            vector: the question's.
        """
        found = {}
        for document_id, questions in known.items():
            item = self._indexed.get(document_id)
            if item is None or item.questions is None or item.version != _version(documents[document_id]):
                return None
            if item.title.shape != vector.shape or len(item.questions) != len(questions.texts):
                return None
            found[document_id] = item.questions @ vector
        return found

    def question_pieces(self, documents: Iterable[str]) -> Mapping[str, Sequence[Pieces]] | None:
        """Return the reduced pieces of the questions of documents, by id; None where one has none.

        Args:
            documents: ids of documents that `questions` has answered for.
        """
        found = {document_id: self._indexed[document_id].question_pieces for document_id in documents}
        return found if all(found.values()) else None

    def pieces(self, document: Document) -> Sequence[Pieces]:
        """Return the pieces of each paragraph's words, as `text_of` has them; empty where they are not known."""
        item = self._indexed.get(document.id)
        return item.pieces if item is not None and item.version == _version(document) else ()

    async def _begin(self) -> None:
        """Have the public documents indexed, once."""
        if self._has_begun:
            return
        self._has_begun = True
        for document_id in (await self._store.public_document_ids())[:WAITING_LIMIT]:
            self._waiting.setdefault(document_id, None)
        self._settled.clear()
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                self._settled.set()
                self._wanted.clear()
                await self._wanted.wait()
            document_id, document = self._waiting.popitem(last=False)
            try:
                if document is None:
                    document = next(iter(await self._store.find_documents("", ids=[document_id])), None)
                if document is not None:
                    await self._index(document)
            except (EmbeddingFailed, ModelError) as error:
                log.warning("A document is not searched by its meaning for now: %s", error)

    async def _embedded(self, texts: Sequence[str]) -> Vectors:
        steps = range(0, len(texts), TEXTS_AT_ONCE)
        found = [await self._meanings.embed(texts[start : start + TEXTS_AT_ONCE], urgent=False) for start in steps]
        return np.concatenate(found)

    async def _questions(self, known: KnownQuestions) -> tuple[Vectors, tuple[Pieces, ...]]:
        if self._reader is None:
            return await self._embedded(known.texts), ()
        vectors, pieces = list[Vectors](), list[Pieces]()
        for start in range(0, len(known.texts), TEXTS_AT_ONCE):
            some, held = await self._reader.read(known.texts[start : start + TEXTS_AT_ONCE], urgent=False)
            vectors.append(some)
            pieces += [reduced(one) for one in held]
        return np.concatenate(vectors), tuple(pieces)

    async def _index(self, document: Document) -> None:
        paragraphs = await asyncio.to_thread(paragraphs_of, document.text, document.name)
        paragraphs = paragraphs[:INDEXED_VECTORS]
        if not paragraphs:
            return
        said = [
            (place, f"{above}: {part}" if above else part)
            for place, paragraph in enumerate(paragraphs)
            for part, above in paragraph.sentences_under_headings()
        ]
        said = said if len(said) <= READ_BY_SENTENCE else []
        whole = [text_of(document, paragraph) for paragraph in paragraphs]
        vectors = await self._embedded(
            [document.name or document.id, *([] if said and self._reader is not None else whole)]
        )
        pieces: list[Pieces] = []
        if said and self._reader is not None:
            for start in range(0, len(whole), TEXTS_AT_ONCE):
                some, held = await self._reader.read(whole[start : start + TEXTS_AT_ONCE], urgent=False)
                vectors, pieces = np.concatenate([vectors, some]), [*pieces, *held]
        vectors = np.concatenate([vectors, await self._embedded([text for _, text in said])]) if said else vectors
        places = np.array([place for place, _ in said], np.intp)
        known = await asyncio.to_thread(known_questions, document, paragraphs)
        questions, question_pieces = await self._questions(known) if known is not None else (None, ())
        self._indexed[document.id] = _Indexed(
            document.owner_id,
            _version(document),
            vectors[0],
            vectors[1 : len(paragraphs) + 1],
            vectors[len(paragraphs) + 1 :],
            places,
            tuple(pieces),
            questions,
            question_pieces,
        )
        self._indexed.move_to_end(document.id)
        total = sum(item.size for item in self._indexed.values())
        while total > INDEXED_VECTORS and len(self._indexed) > 1:
            _, oldest = self._indexed.popitem(last=False)
            total -= oldest.size


def _reason(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


def text_of(document: Document, paragraph: Paragraph) -> str:
    """Return what the vector of a paragraph is computed of: its text under its headings and the title."""
    above = f"{document.name}. {paragraph.heading}" if paragraph.heading else document.name
    return f"{above}: {paragraph.text}"


def _version(document: Document) -> int:
    return hash((document.name, document.text, document.questions))  # 0.3 ms for 1 MB
