"""Which cue a learner's line means: by its patterns, and by the examples that are nearest in meaning.

A pattern scores by the length of its match; an example by the words that it shares with a sentence of the line (stems,
synonyms, words that sound alike) and, where there is a sentence model, by the cosine of the two.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.patterns import pattern
from models.records.core import Cue
from pipeline.llm.reflection import is_stop_word, normalised
from pipeline.llm.sounds import respelled
from pipeline.llm.synonyms import meaning_of
from pipeline.llm.utterances import begins_as_question

Vector = NDArray[np.float32]
Vectors = Callable[[str], Vector | None]
"""Returns the unit vector of a normalised text, or None where there is no sentence model."""

LEAST = 0.64
"""Score from which an example counts, 0 to 1."""

WEAK = 0.7
"""Score below which a match is a word or two in passing, such as "friday" in a remark."""

DOUBTFUL = 0.755
"""Score below which a pattern is doubtful where the cue answers questions and none was asked, or the reverse."""

_LEAST_COSINE = 0.58
_FUNCTION_WEIGHT, _ASKING_WEIGHT = 0.22, 0.6
"""Weights of stop words and of question words, where a content word has 1 to 2."""

_RESPELLED = 0.94
"""Factor for words as they sound."""

_BOTH = 0.05
"""What a pattern adds to the score of an example."""

_TRUST = (0.0, 0.0, 0.3, 0.5)
"""Weight of the share of an example that is found, by its content words: one word in common says little."""

_ALL_OF_IT, _MOST_OF_IT = 0.82, 0.66
"""Likeness from which an example counts that has stop words only, such as "what is up", and one content word only."""

_UNKNOWN_RARITY = 1.5
_LEAST_RESPELLED = 7
"""Characters that a pattern must match of words as they sound."""

_MOST_PARTS = 8
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_CLAUSE_END = re.compile(r"(?<=[.!?;,:])\s+|\n+|\b(?:and|or|but|because|so)\b", re.IGNORECASE)
_MOST_KEPT = 500
MAX_MATCHED_CHARS = 600
"""Utterances are short; of a longer text only the end is matched, which bounds the cost of a pack's patterns."""

_ASKS = frozenset(("?",))
_LIGHT = frozenset(("i", "you", "he"))
_ASKING = frozenset("what when where who why how which whose".split())
_PERSONS = {
    word: person
    for person, words in {
        "i": "i me my mine we us our ours",
        "you": "you your yours",
        "he": "he him his she her hers",
    }.items()
    for word in words.split()
}
_LITERAL = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True, slots=True)
class Match:
    """A cue that a line may mean.

    Attributes:
        score: 0 to 1.
        length: characters that a pattern of it matched; 0 if only an example did.
        crosses: only a pattern did, and all examples of the cue ask where the line does not, or the reverse, or none of
            them has the line's "not".
    """

    cue: Cue
    score: float
    length: int
    crosses: bool


@dataclass(frozen=True, slots=True)
class _Example:
    cue: int
    text: str
    words: frozenset[str]
    weight: float
    trust: float
    content: frozenset[str]


class Matcher:
    """Matches lines with the cues of one persona. Blocking: a line takes a few milliseconds, the first of a persona 50.

    Args:
        cues: of the persona; the rarer a word is among their examples, the more it weighs.
    """

    def __init__(self, cues: tuple[Cue, ...]) -> None:
        self._cues = cues
        texts = [(place, normalised(text)) for place, cue in enumerate(cues) for text in cue.examples]
        of_texts = [_meanings(text) for _, text in texts]
        cues_with: dict[str, set[int]] = {}
        for (place, _), words in zip(texts, of_texts, strict=True):
            for word in words:
                cues_with.setdefault(word, set()).add(place)
        self._rarity = {word: 1 + 1 / len(places) for word, places in cues_with.items()}
        self._with_word: dict[str, list[int]] = {}
        self._examples: list[_Example] = []
        for index, ((place, text), words) in enumerate(zip(texts, of_texts, strict=True)):
            content = frozenset(word for word in words if _kind_weight(word) == 1)
            trust = _TRUST[min(len(content), len(_TRUST) - 1)]
            self._examples.append(_Example(place, text, words, self._weight(words), trust, content))
            for word in words:
                self._with_word.setdefault(word, []).append(index)
        self._known = frozenset(
            [word for _, text in texts for word in text.split()]
            + [word for cue in cues for one in cue.when for word in _LITERAL.findall(one)]
        )
        self._known_lines: dict[tuple[str, bool], tuple[list[Match], list[Match]]] = {}

    @property
    def examples(self) -> list[str]:
        """The normalised examples of the cues."""
        return [example.text for example in self._examples]

    def forms(self, text: str) -> list[str]:
        """Return what of a line is compared with the examples: its sentences and all of it, also as they sound."""
        return [*self._forms(text, respelled_too=True)]

    def _forms(self, text: str, *, respelled_too: bool) -> dict[str, float]:
        parts = _parts(text)
        if respelled_too:
            heard = {respelled(part, self._known): weight * _RESPELLED for part, weight in parts.items()}
            parts = heard | parts
        return parts

    def match(self, text: str, allowed: Callable[[Cue], bool], vectors: Vectors | None = None) -> Match | None:
        """Return the best match among the allowed cues, or None; on a tie, the first of the pack.

        Args:
            text: the line as it was said, with its punctuation if it has any.
            allowed: whether a cue counts now.
            vectors: of the examples and of `forms(text)`.
        """
        first, by_sound = self._ranked(text, vectors)
        best = next((one for one in first if allowed(one.cue)), None)
        # Words as they sound come second: "tired" is not "tried" as long as it means something by itself.
        return best or next((one for one in by_sound if allowed(one.cue)), None)

    def _ranked(self, text: str, vectors: Vectors | None) -> tuple[Sequence[Match], Sequence[Match]]:
        """Return all matches of a line, the best first: as it was written, and as it sounds."""
        key = text, vectors is None
        if key in self._known_lines:
            return self._known_lines[key]
        said, asks = normalised(text)[-MAX_MATCHED_CHARS:], text.rstrip().endswith("?")
        first = self._matches(said, self._nearness(text, vectors, respelled_too=False), 1, asks)
        by_sound: list[Match] = []
        if self._examples:
            heard, near = respelled(said, self._known), self._nearness(text, vectors, respelled_too=True)
            by_sound = self._matches(heard, near, _LEAST_RESPELLED, asks)
        # Each reply replays the whole history; what was compared once keeps long calls as fast as short ones.
        if len(self._known_lines) >= _MOST_KEPT:
            self._known_lines.clear()
        self._known_lines[key] = first, by_sound
        return first, by_sound

    def _matches(self, said: str, near: Sequence[float], least: int, asks: bool) -> list[Match]:
        found = []
        words = _meanings(said) | (_ASKS if asks else frozenset())
        for place, cue in enumerate(self._cues):
            length = _longest(cue.when, said)
            score = _pattern_score(length) if length >= least else 0.0
            by_example = near[place] >= LEAST
            if by_example:
                score = max(score, near[place]) + (_BOTH if length >= least else 0.0)
            if score and not any(pattern(one, at_words=True).found_in(said) for one in cue.unless):
                found.append(Match(cue, score, length, not by_example and self._crosses(place, words)))
        return sorted(found, key=lambda one: -one.score)

    def _crosses(self, place: int, words: frozenset[str]) -> bool:
        examples = [example for example in self._examples if example.cue == place]
        if not examples:
            return False
        asks = bool(words & _ASKS)
        return all(bool(one.words & _ASKS) != asks for one in examples) or (
            "not" in words and not asks and not any("not" in one.words for one in examples)
        )

    def _nearness(self, text: str, vectors: Vectors | None, *, respelled_too: bool) -> list[float]:
        """Return for each cue how near its nearest example is, 0 to 1."""
        if not self._examples:
            return [0.0] * len(self._cues)
        forms = self._forms(text, respelled_too=respelled_too)
        found = self._nearness_by_words(forms)
        if vectors is None:
            return found
        of_examples = [vectors(example.text) for example in self._examples]
        for form, part_weight in forms.items():
            said = vectors(form)
            if said is None:
                continue
            for example, vector in zip(self._examples, of_examples, strict=True):
                cosine = float(vector @ said) if vector is not None else 0.0
                if cosine >= _LEAST_COSINE:
                    # The least cosine counts as the least score.
                    near = LEAST + (cosine - _LEAST_COSINE) * (1 - LEAST) / (1 - _LEAST_COSINE)
                    found[example.cue] = max(found[example.cue], near * part_weight)
        return found

    def _nearness_by_words(self, forms: Mapping[str, float]) -> list[float]:
        found = [0.0] * len(self._cues)
        for form, part_weight in forms.items():
            words = _meanings(form)
            total = self._weight(words)
            shared: dict[int, float] = {}
            for word in words:
                for index in self._with_word.get(word, ()):
                    shared[index] = shared.get(index, 0.0) + self._rarity[word] * _kind_weight(word)
            for index, common in shared.items():
                example = self._examples[index]
                score = _likeness(words, example, common, total) * part_weight
                found[example.cue] = max(found[example.cue], score)
        return found

    def _weight(self, words: Iterable[str]) -> float:
        return sum(self._rarity.get(word, _UNKNOWN_RARITY) * _kind_weight(word) for word in words)


@lru_cache(maxsize=256)
def matcher_of(cues: tuple[Cue, ...]) -> Matcher:
    """Return the matcher of these cues."""
    return Matcher(cues)


def _parts(text: str) -> dict[str, float]:
    """Split a line into what may have a meaning of its own, with its weight: what is said last is what is answered."""
    end = text[-MAX_MATCHED_CHARS:]
    said = [part for one in _SENTENCE_END.split(end) if (part := normalised(one))]
    clauses = [part for one in _CLAUSE_END.split(end) if (part := normalised(one))]
    found = dict.fromkeys(said[-1:], 1.0)
    for weight, parts in (
        (0.97, clauses[-1:]),
        (0.95, said[-2::-1]),
        (0.95, [normalised(end)]),
        (0.85, clauses[-2::-1]),
    ):
        for part in parts:
            found.setdefault(part, weight)
    return dict(list(found.items())[:_MOST_PARTS])


def _likeness(words: frozenset[str], example: _Example, common: float, total: float) -> float:
    """Return how alike a form and an example are: how much they share, and how much of the example is shared."""
    both = 2 * common / (total + example.weight)
    if example.content:
        if not words & example.content or (len(example.content) == 1 and both < _MOST_OF_IT):
            return 0.0
    elif both < _ALL_OF_IT:
        return 0.0
    score = (1 - example.trust) * both + example.trust * common / example.weight
    asking, expected = words & _ASKING, example.words & _ASKING
    if asking and expected and not asking & expected:
        score *= 0.75
    of_whom, expected = words & _LIGHT, example.words & _LIGHT
    if of_whom and expected and not of_whom & expected:
        score *= 0.75
    if bool(words & _ASKS) != bool(example.words & _ASKS):
        score *= 0.85
    if ("not" in words) != ("not" in example.words) and not words & example.words & _ASKS:
        score *= 0.8
    return min(score, 1.0)


def _pattern_score(length: int) -> float:
    return 0.5 + 0.45 * (1 - math.exp(-length / 16))


def _longest(when: tuple[str, ...], said: str) -> int:
    """Return the length of the longest match of these patterns, from the beginning of a word."""
    return max((pattern(one, at_words=True).longest_in(said) for one in when), default=0)


@lru_cache(maxsize=20_000)
def _meanings(normal: str) -> frozenset[str]:
    """Return the words of a normalised text by their meaning; one that begins as a question has `_A_QUESTION`, too."""
    words = normal.split()
    found = {
        _PERSONS.get(word) or (word if word in _ASKING or is_stop_word(word) else meaning_of(word)) for word in words
    }
    return frozenset(found | _ASKS if begins_as_question(normal) else found)


def _kind_weight(word: str) -> float:
    if word in _ASKS:
        return 0.0
    return _ASKING_WEIGHT if word in _ASKING else _FUNCTION_WEIGHT if word in _LIGHT or is_stop_word(word) else 1.0
