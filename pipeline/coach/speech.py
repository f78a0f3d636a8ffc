"""The learner's sentences: what is said to somebody, what asks, and what is only a heap of words.

Transcripts of speech may have no punctuation, so beginnings of questions count, too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from models.records.core import Message
from pipeline.coach.function_words import FUNCTION_WORDS
from pipeline.coach.grammar import misplaced
from pipeline.llm.polarity import Statement, statement
from pipeline.llm.reflection import normalised

MOST_SIGNS = 2
"""Number of signs that one sentence can show: a sentence with more of them is a list."""

_SENTENCE = re.compile(r"[^.!?…]+(?:[.!?…]+(?!\s|$)[^.!?…]*)*[.!?…]*")
_ABBREVIATED = re.compile(r"\b(?:mr|mrs|ms|dr|st|prof)\.$", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[,;:—–-]\s")

_PART_END = re.compile(r"[,;:—–-]\s|\s[-–—]|[()\"“”]")

_AND = r"(?:(?:so|and|but|well|okay|ok|now|oh|right|then|please|yes|no|good|sure|thanks|thank you|hello|hi) )*"
_WHO = r"(?:you|he|she|it|they|we|i|there|that|this|these|those|your|the|his|her|my|our|any|anything|somebody|anybody)"
_AUX = (
    r"(?:do|does|did|is|are|am|was|were|can|could|will|would|shall|should|may|might|must|have|has|had|is not|are not)"
)
_WH = r"(?:what|when|where|who|whom|whose|why|how|which)"
_TELLS = r"(?:(?:(?:can|could|would|will) you (?:please )?)?tell me|describe|help me understand|say more)\b"
_OPEN = re.compile(rf"^{_AND}(?:{_WH}\b|{_TELLS})")
_INVERTED = re.compile(
    rf"^{_AND}(?:{_AUX} {_WHO}\b|{_TELLS}"
    rf"|{_WH} (?:(?!{_WHO} )\w+ ){{0,2}}?(?:{_AUX}|happened|brings|makes|worries|went)\b)"
)
_INSIDE = re.compile(rf"\b(?:{_AUX} (?:you|he|she|they|we|i) \w+|{_WH} (?:{_AUX}) {_WHO}\b)")
_OPEN_INSIDE = re.compile(rf"\b(?:{_WH} (?:\w+ )?{_AUX} {_WHO}\b|{_TELLS})")
_ASKING_WORDS = re.compile(rf"\b{_WH} {_WH} {_WH}\b")
_NOT_ASKED = re.compile(rf"^{_AND}(?:which|who|what) (?:is|was) (?:why|how|what|where|when)\b")

_LEAST_FUNCTION_SHARE = 0.25
_LONGEST_RUN = 4
_SHORT = re.compile(
    r"^(?:(?:hello|hi|welcome|good (?:morning|afternoon|evening|day)|sorry|thanks|thank you|please|goodbye|bye"
    r"|take care|certainly|of course|gladly|i see|i understand|absolutely|yes|no|okay|what happened|what else"
    r"|anything else|how (?:so|come|long|often|bad)|since when|like what|(?:mrs?|ms|miss|sir|madam|dr)(?: \w+)?"
    r"|\w+ speaking|records office) ?)+$"
)
_SHORT_WORDS = 8

WORDS_FOR_A_SLIP = 20
"""Number of words of a sentence that excuse one place where the words are in no order."""


@dataclass(frozen=True)
class Sentence:
    """A verbatim sentence of a message."""

    message: Message
    text: str

    @cached_property
    def plain(self) -> str:
        """The sentence in lower case, without punctuation."""
        return normalised(self.text)

    @cached_property
    def said(self) -> Statement:
        """The sentence as a statement with polarities."""
        return statement(self.text)

    @cached_property
    def asks(self) -> bool:
        """Whether it is a question."""
        if self.text.rstrip().endswith("?"):
            return True
        if _NOT_ASKED.match(self.plain):
            return False
        if any(_INVERTED.match(clause) for clause in self._clauses):
            return True
        return not self._punctuated and _INSIDE.search(self.plain) is not None

    @cached_property
    def is_open(self) -> bool:
        """Whether it asks for more than yes or no."""
        if not self.asks:
            return False
        if any(_OPEN.match(clause) for clause in self._clauses):
            return True
        return not self._punctuated and _OPEN_INSIDE.search(self.plain) is not None

    @cached_property
    def is_speech(self) -> bool:
        """Whether it is said to somebody, and not a heap of key words."""
        words = self.plain.split()
        if len(words) < 3:
            return any(word in FUNCTION_WORDS for word in words) or _SHORT.match(self.plain) is not None
        if _ASKING_WORDS.search(self.plain):
            return False
        known = [word in FUNCTION_WORDS for word in words]
        run = longest = 0
        for is_known in known:
            run = 0 if is_known else run + 1
            longest = max(longest, run)
        if longest > _LONGEST_RUN + (len(self._clauses) > 1):
            return False
        return sum(known) >= _LEAST_FUNCTION_SHARE * len(words) or (
            len(words) <= _SHORT_WORDS and _SHORT.match(self.plain) is not None
        )

    @cached_property
    def is_in_order(self) -> bool:
        """Whether its words follow each other as in English sentences, but for a slip."""
        parts = [normalised(part).split() for part in _PART_END.split(self.text)]
        ends = self.text.endswith((".", "!", "?")) and not self.text.endswith("...")
        slips = sum(
            misplaced(words, punctuated=self._punctuated, ends=ends and place == len(parts) - 1)
            for place, words in enumerate(parts)
        )
        return slips <= len(self.plain.split()) // WORDS_FOR_A_SLIP

    def affirms(self, pattern: str) -> bool:
        """Return whether a pattern is found in it, not negated."""
        return True in self.said.polarities(pattern)

    def starts(self, pattern: str) -> int:
        """Return where a pattern is found in it first; -1 where it is not."""
        return min((start for start, _ in self.said.spans(pattern)), default=-1)

    @property
    def _clauses(self) -> list[str]:
        return [plain for clause in _CLAUSE_END.split(self.text) if (plain := normalised(clause))]

    @property
    def _punctuated(self) -> bool:
        return any(mark in self.message.text for mark in ".!?")


def sentences(messages: Sequence[Message]) -> Iterator[Sentence]:
    """Yield the sentences of these messages, in order."""
    for message in messages:
        begun = ""
        for found in _SENTENCE.finditer(message.text):
            begun += found.group()
            if _ABBREVIATED.search(begun.rstrip()):
                continue
            if normalised(begun):
                yield Sentence(message, begun.strip())
            begun = ""
        if normalised(begun):
            yield Sentence(message, begun.strip())
