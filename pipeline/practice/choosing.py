"""Choice among the content that is there, by search: the words of a request, stemmed and weighed, and their meaning."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.records.core import Document, Persona, Scenario
from models.records.resources import Resource
from pipeline.search.meaning import Embedder
from pipeline.search.words import content_stems, stems

SHARED_TERMS, COVERAGE = 2, 0.3
"""Terms that a choice has to share with a request, and the least share of the request by weight: one word is none."""

SIMILARITY = 0.42
"""Cosine of the meanings from which a choice fits whatever its words."""

_SUMMARY_CHARS = 400
_REQUEST_CHARS = 2000
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
        scores = await self._scores(wanted, among) if wanted.strip() else {}
        ranked = sorted(scores, key=lambda index: (-scores[index], index))
        return [among[index] for index in ranked[:limit]]

    async def _scores(self, wanted: str, choices: Sequence[Choice]) -> dict[int, float]:
        """Return the scores of the choices that fit, by their place."""
        terms = content_stems(wanted[-_REQUEST_CHARS:])
        held = [frozenset(stems(f"{choice.name} {choice.text[:_TEXT_CHARS]}")) for choice in choices]
        weights = {term: _rarity(sum(term in words for words in held), len(held)) for term in terms}
        whole = sum(weights.values()) or 1.0
        similar = await self._similarities(wanted, choices)
        found = {}
        for index, words in enumerate(held):
            shared = [term for term in terms if term in words]
            covered = sum(weights[term] for term in shared) / whole
            worded = len(shared) >= min(SHARED_TERMS, len(terms)) > 0 and covered >= COVERAGE
            if worded or similar.get(index, 0.0) >= SIMILARITY:
                found[index] = covered + similar.get(index, 0.0)
        return found

    async def _similarities(self, wanted: str, choices: Sequence[Choice]) -> dict[int, float]:
        if self._embedder is None or not choices:
            return {}
        texts = [f"{choice.name}. {choice.description or choice.text}"[:_SUMMARY_CHARS] for choice in choices]
        vectors = await self._embedder.embed([wanted[-_SUMMARY_CHARS:], *texts])
        return {index: float(vectors[0] @ vectors[index + 1]) for index in range(len(choices))}


def _rarity(count: int, total: int) -> float:
    """Return the inverse document frequency of a term."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))
