"""Choice among the content that is there, by search: the words of a request, stemmed and weighed, and their meaning."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.records.core import Document, Persona, Scenario
from models.records.resources import Resource
from pipeline.search.evidence import Candidate, Likeness
from pipeline.search.meaning import Embedder
from pipeline.search.passages import Paragraph, paragraphs_of
from pipeline.search.question import question_of
from pipeline.search.ranking import matches, rarity

SHARED_TERMS, COVERAGE = 2, 0.3
"""Terms that a choice has to share with a request, and the least share of the request by weight: one word is none."""

SIMILARITY = 0.42
"""Cosine of the meanings from which a choice fits whatever its words."""

_SUMMARY_CHARS = 400
_TEXT_CHARS = 20_000
_MOST = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that may be chosen: its name, a line about it, and all its words."""

    id: str
    name: str
    description: str
    text: str

    @classmethod
    def of(cls, item: Persona | Document | Scenario | Resource) -> "Choice":
        """Make a choice of a record."""
        match item:
            case Persona():
                text = f"{item.description}\n\n{item.instructions}\n\n{item.greeting}"
            case Scenario():
                objectives = "\n".join(item.objectives)
                text = f"{item.description}\n\n{item.problem_statement}\n\n{objectives}"
            case Document():
                text = f"{item.description}\n\n{item.text}"
            case Resource():
                text = f"{item.description}\n\n{item.data.get('parameter_name', '')}"
        return cls(item.id, item.name, item.description, text)


class Choosing:
    """Chooses by search.

    Args:
        embedder: the sentence model; None to go by words alone.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder

    async def best(self, wanted: str, choices: Iterable[Choice], limit: int) -> list[Choice]:
        """Return the choices that fit a request, best first; none where none does.

        Raises:
            EmbeddingFailed: the sentence model failed.
        """
        among = list(choices)[:_MOST]
        if not wanted.strip():
            return []
        similar = await self._similarities(wanted, among)
        return await asyncio.to_thread(_ranked, wanted, among, similar, limit)

    async def _similarities(self, wanted: str, choices: Sequence[Choice]) -> dict[int, float]:
        if self._embedder is None or not choices:
            return {}
        texts = [f"{choice.name}. {choice.description or choice.text}"[:_SUMMARY_CHARS] for choice in choices]
        vectors = await self._embedder.embed([wanted[-_SUMMARY_CHARS:], *texts])
        return {index: float(vectors[0] @ vectors[index + 1]) for index in range(len(choices))}


def _ranked(wanted: str, choices: Sequence[Choice], similar: Mapping[int, float], limit: int) -> list[Choice]:
    """Return the choices that fit, in the order in which the search finds their paragraphs."""
    question = question_of(wanted)
    entries = [entry for index, choice in enumerate(choices) for entry in _candidates(str(index), choice)]
    rarities = rarity(entries, question.terms, len(entries), {})
    held: dict[int, set[str]] = {}
    for entry in entries:
        held.setdefault(int(entry.document), set()).update(term for term in question.terms if entry.has(term))
    whole = sum(rarities.values()) or 1.0
    fitting = set()
    for index, shared in held.items():
        covered = sum(rarities[term] for term in shared) / whole
        worded = len(shared) >= min(SHARED_TERMS, len(question.terms)) > 0 and covered >= COVERAGE
        if worded or similar.get(index, 0.0) >= SIMILARITY:
            fitting.add(index)
    likenesses = {
        place: Likeness(similar[int(entry.document)], similar[int(entry.document)], similar[int(entry.document)])
        for place, entry in enumerate(entries)
        if int(entry.document) in similar
    }
    found = matches(question, entries, rarities, likenesses)
    order = dict.fromkeys(int(entries[match.entry].document) for match in found)
    rest = sorted(fitting - set(order), key=lambda index: (-len(held[index]), index))
    return [choices[index] for index in [*(index for index in order if index in fitting), *rest]][:limit]


def _candidates(number: str, choice: Choice) -> list[Candidate]:
    """Return the paragraphs of a choice; its name alone if it has none."""
    cut = paragraphs_of(choice.text[:_TEXT_CHARS], choice.name) or [Paragraph(choice.name, 0, "")]
    return [Candidate(paragraph, number, choice.name) for paragraph in cut]
