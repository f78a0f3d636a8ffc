"""What a question asks for: its terms, whether it is negated, and what sort of answer it wants."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pipeline.search.words import content_words, is_negated, plain, stem, stems

Kind = Literal["number", "duration", "time", "other"]

TERMS_LIMIT = 24
"""Maximum number of terms of a question; more add little."""

QUESTION_CHARS = 2000
"""Maximum number of characters that are read of a question: its end, where one asks."""

WEAK_TERMS = frozenset(
    stem(word)
    for word in (
        "able actually allowed altogether answer anyway apply ask best big bit call case certain day different "
        "document during enough explain false good happen hour important information kind know later long lot "
        "matter mean minute month name necessary need new next number okay old part people person place point "
        "possible question read reason right rule short situation small somebody sort start still stuff supposed "
        "thing time today together tomorrow tonight true try type understand use used usual usually want way week "
        "wonder word work wrong year yesterday"
    ).split()
)
"""Stems that say little about what a question is about, although they are no stop words."""

WEAK = 0.4
"""Weight of such a stem, relative to another that is as rare."""

_NUMBER = re.compile(
    r"\bhow (?:many|much|often|far|big|large|tall|high|heavy|expensive|deep|wide)\b"
    r"|\b(?:what|which)(?: is| are)? (?:the |your |a )?(?:price|cost|fee|charge|amount|percentage|age|limit|number)\b"
)
_DURATION = re.compile(r"\bhow (?:long|soon|old|fast|quickly|late|early)\b")
_AUXILIARY = "is|are|was|were|do|does|did|can|could|may|must|should|shall|will|would|has|have"
_TIME = re.compile(  # in "when I am ill" it asks for nothing
    rf"\bwhen(?: exactly| else)? (?:{_AUXILIARY})\b|\bwhen\W*$"
    r"|\b(?:what|which) (?:time|day|date|month|year|days|hours)\b"
)
_WHEN_IS = re.compile(r"\bwhen['’]s\b", re.IGNORECASE)
_LOOKS_BACK = re.compile(
    r"\b(?:was|were|did|used to|old|older|previous|previously|former|formerly|earlier|last year|past|"
    r"back then|originally|(?:19|20)\d\d)\b"
)
_HAS_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|eighteen|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty\w*|hundreds?|thousands?|millions?|half|quarters?|once|twice|double|no|"
    r"none|never|free|single|both|couple|dozen|first|second|third|every|each|unlimited|overnight|daily|weekly|monthly|"
    r"yearly|all|any|nothing)\b",
    re.IGNORECASE,
)
_HAS_DURATION = re.compile(
    r"\b(?:\d[\d.,]*|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty(?:-\w+)?|half|few|"
    r"several|hundred|couple)[\s-](?:\w+\s){0,2}(?:minutes?|hours?|days?|nights?|weeks?|months?|years?|semesters?|terms?)\b"
    r"|\b(?:overnight|immediately|at once|straight away|the same day|lifetime|next morning)\b|\d[.:]\d\d\b",
    re.IGNORECASE,
)
_HAS_TIME = re.compile(
    r"\d|\b(?:half past|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (?:to|till|until|o'clock)\b|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|"
    r"october|november|december|spring|summer|autumn|fall|winter|noon|midnight|mornings?|afternoons?|evenings?|nights?|"
    r"today|tomorrow|daily|weekly|monthly|annually|hours?|days?|weeks?|months?|years?|before|after|until|once|soon|within|"
    r"during|immediately|at once|away|weekends?|weekdays?|holidays?|when|end|always|never)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Query:
    """A question as a search reads it.

    Attributes:
        text: at most `QUESTION_CHARS` of it.
        words: the words of its content, in lower case and in order, without the negations.
        terms: their stems.
        negated: whether it has a negation.
        kind: what an answer has to hold: a number, a length of time, a point in time, or anything.
        looks_back: whether it asks for what was so: what has been replaced is right for it, too.
    """

    text: str
    words: tuple[str, ...]
    terms: tuple[str, ...]
    negated: bool
    kind: Kind
    looks_back: bool = False

    @cached_property
    def stems(self) -> frozenset[str]:
        """All its stems, stop words included."""
        return frozenset(stems(self.text))

    def weight(self, term: str) -> float:
        """Return the weight of a term beside its rarity."""
        return WEAK if term in WEAK_TERMS else 1.0

    def fits(self, text: str) -> bool:
        """Return whether a text holds the sort of thing that is asked for."""
        if self.kind == "duration":
            return _HAS_DURATION.search(text) is not None
        if self.kind == "number":
            return _HAS_NUMBER.search(text) is not None
        return self.kind != "time" or _HAS_TIME.search(text) is not None


def question_of(text: str) -> Query:
    """Read a question; of a long text only the end."""
    text = text.strip()[-QUESTION_CHARS:]
    said = plain(_WHEN_IS.sub("when is", text))
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (("number", _NUMBER), ("duration", _DURATION), ("time", _TIME))
    kind: Kind = next((kind for kind, pattern in kinds if pattern.search(said)), "other")
    content = content_words(text)[-TERMS_LIMIT:]
    terms = tuple(stem(word) for word in content)
    return Query(text, tuple(content), terms, is_negated(text), kind, _LOOKS_BACK.search(said) is not None)
