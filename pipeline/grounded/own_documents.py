"""What a scenario's own documents say to a question, for a persona without a language model."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.records.core import Document
from models.records.external import DocumentOrigin
from pipeline.errors import EmbeddingFailed
from pipeline.grounded.extracts import fitting_sentences
from pipeline.grounded.sources import Source
from pipeline.search.answerable import answers
from pipeline.search.editions import outdated
from pipeline.search.evidence import Candidate, Likeness
from pipeline.search.meaning import Meanings
from pipeline.search.passages import paragraphs_of
from pipeline.search.question import QUESTION_CHARS, Query, question_of
from pipeline.search.ranking import matches, rarity
from pipeline.search.sentence_model import SentenceModel
from pipeline.search.words import is_negated, stems

LEAST_HELD = 0.75
"""Least share of a question's words, by weight, that what is said has, with its headings and title."""

PARAGRAPHS_TRIED = 3
"""Number of paragraphs, the best ones, among which a sentence is looked for."""

LONGEST_ANSWER = 400
"""Characters of an answer that somebody can listen to."""

PARAGRAPHS_LIMIT = 400
"""Paragraphs that are searched, the first ones of the documents."""

_MOST_KEPT = 500
_TELL_ME = re.compile(
    r"^(?:please )?(?:(?:can|could|would|will) you )?(?:please )?tell me (?:again |about )?", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")


class OwnDocuments:
    """Answers questions from a few documents at hand, with the decision of the search and without its store.

    Args:
        meanings: compares by meaning, too; by words alone without it.
    """

    def __init__(self, meanings: Meanings | None = None) -> None:
        self._meanings = meanings
        self._cut: OrderedDict[tuple[str, int], tuple[Candidate, ...]] = OrderedDict()
        self._answers: OrderedDict[tuple[int, str], str | None] = OrderedDict()

    async def answer(self, documents: Sequence[Document], text: str) -> str | None:
        """Return what the documents say to a question, in their own sentences; None where they do not answer it."""
        text = asked(text)
        key = (hash(tuple((document.id, document.text) for document in documents)), text)
        if key not in self._answers:
            self._answers[key] = await self._answer(documents, text)
        self._answers.move_to_end(key)
        while len(self._answers) > _MOST_KEPT:
            self._answers.popitem(last=False)
        return self._answers[key]

    async def _answer(self, documents: Sequence[Document], text: str) -> str | None:
        if not documents or not question_of(text).terms:
            return None
        entries = await asyncio.to_thread(self._candidates, documents)
        near = await self._likenesses(entries, text)
        is_fitted = self._meanings is None or self._meanings.name == SentenceModel.name
        return await asyncio.to_thread(_said, documents, entries, near, text, is_fitted)

    def _candidates(self, documents: Sequence[Document]) -> list[Candidate]:
        old = outdated(documents)
        found = []
        for document in documents:
            for paragraph in paragraphs_of(document.text, document.name):
                found.append(Candidate(paragraph, document.id, document.name, "", document.id in old))
                if len(found) == PARAGRAPHS_LIMIT:
                    return found
        return found

    async def _likenesses(self, entries: Sequence[Candidate], text: str) -> dict[int, Likeness]:
        """Compare by meaning; a paragraph stands for its sentences, which would take three times as long."""
        if self._meanings is None:
            return {}
        texts = [f"{entry.topic}: {entry.paragraph.text}" for entry in entries]
        texts += [entry.name or entry.document for entry in entries]
        try:
            vectors: NDArray[np.float32] = await self._meanings.embed([question_of(text).text, *texts])
        except EmbeddingFailed:
            return {}
        cosines = (vectors[1:] @ vectors[0]).tolist()
        both = zip(cosines[: len(entries)], cosines[len(entries) :], strict=True)
        return {index: Likeness(near, near, title) for index, (near, title) in enumerate(both)}


def asked(text: str) -> str:
    """Return the last sentence of a line, which is what it asks."""
    return _TELL_ME.sub("", _SENTENCE_END.split(text.strip()[-QUESTION_CHARS:])[-1])


def _said(
    documents: Sequence[Document],
    entries: Sequence[Candidate],
    near: Mapping[int, Likeness],
    text: str,
    is_fitted: bool,
) -> str | None:
    question = question_of(text)
    known = {document.id: document for document in documents}
    rarities = rarity(entries, question.terms, len(entries), {})
    for match in matches(question, entries, rarities, near, is_fitted=is_fitted)[:PARAGRAPHS_TRIED]:
        entry = entries[match.entry]
        document, paragraph = known[entry.document], entry.paragraph
        if not answers(match) and match.coverage < LEAST_HELD:
            continue
        origin = DocumentOrigin(document.id, "", "")
        source = Source(document, origin, paragraph.text, paragraph.start, paragraph.end, match.score, paragraph.text)
        said = " ".join(_ended(sentence) for sentence, _ in fitting_sentences(text, [source], 1))
        if 0 < len(said) <= LONGEST_ANSWER and _holds(question, rarities, said, entry):
            return said
    return None


def _holds(question: Query, rarities: Mapping[str, float], said: str, entry: Candidate) -> bool:
    """Return whether a sentence has what is asked for, and most of its words, with those of its headings and title."""
    if question.negated and not (is_negated(said) or is_negated(entry.paragraph.heading)):
        return False
    weights = {term: question.weight(term) * rarities[term] for term in question.terms}
    here = set(stems(said)) | entry.title | entry.paragraph.heading_stems
    in_words = (set(stems(said)) | entry.paragraph.heading_stems) & set(question.terms)
    held = sum(weight for term, weight in weights.items() if term in here)
    fits = question.fits(said) or (question.kind == "time" and in_words == set(question.terms))
    return bool(in_words) and fits and held >= LEAST_HELD * sum(weights.values())


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?…" else f"{sentence.rstrip(':;,')}."
