"""Polarity: whether a phrase of an answer is affirmed or negated there, so that "not sorted" is no "sorted".

Rules over clauses, as negation finders for clinical notes use them (Chapman et al. 2001, NegEx: cue words whose scope
ends at the clause), with two additions: cues cancel in pairs ("it does not work without order"), and a negated
condition with a negative consequence affirms ("if it is not sorted, it does not work").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from models.patterns import folded, pattern
from pipeline.llm.reflection import normalised

# Not between digits: "500,000" and "1.9" are one word each.
_SENTENCE_END = re.compile(r"[.!?;…\n]+(?=\s|$)")
_CLAUSE_END = re.compile(r"[,:](?=\s|$)|\s[-–]\s|[()—]")
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),(?=\d{3}\b)")

_NEGATIVE = frozenset("not no never without cannot nor neither none nobody nothing hardly unless unable".split())
_SHORT_SCOPE = {"instead": 5, "rather": 5, "no": 5}
"""Number of words that a cue reaches; others reach the end of their clause."""

_BREAKS = frozenset("but because since so otherwise therefore while whereas although though".split())
_SUBJECTS = frozenset("i it he she we they you this there".split())
_VERBS = frozenset(
    "am is are was were must has have had can could may might will would should shall needs need does do did cannot "
    "takes works means lets tells".split()
)
# After one of these a subject and its verb go on with the clause ("i do not think it is sorted").
_OPEN = frozenset(
    "that if whether how what where when why which who think believe say know sure mean unless until as than before "
    "after once without see".split()
)
_CONDITION = frozenset("if unless without when once until".split())
_FAILURE = frozenset(
    "not never cannot no nothing none useless impossible fail fails failed break breaks wrong unable hardly".split()
)

# Phrases whose negative word negates nothing that follows.
_IDIOM = re.compile(
    r"\b(?:i (?:do not know|am not sure)(?: if| whether)?|not (?:only|just|merely)|why not|nothing but"
    r"|no (?:doubt|wonder|problem|worries)|(?:no|not) (?:more|less|fewer|later) than"
    r"|(?:it |that )?(?:does not matter|makes no difference) (?:how|what|which|where|who)(?: \w+)?)\b"
)
_LEADING_NO = re.compile(r"^(?:no|nope|nah) (?=(?:it|they|you|the|he|she|i|we|that|there|this)\b)")

# "order does not matter": what follows a phrase directly, and denies it.
_DENIED = re.compile(
    r"^\w*(?: (?:of|in) (?:the |its |his |her )?\w+)? "
    r"(?:(?:is|are|was|were|does|do|did|would|will|can|could|need|needs|should|must|has|have|makes?)(?: \w+ly)? "
    r"(?:not|never|no|hardly)\b"
    r"|(?:is|are|seems?) (?:\w+ly )?(?:irrelevant|unnecessary|unimportant|optional|needless|false)\b)"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer as words, with the clause and the sentence of each.

    Attributes:
        text: normalised, single spaces between the words.
        clauses, sentences: a number per word.
    """

    text: str
    words: tuple[str, ...]
    clauses: tuple[int, ...]
    sentences: tuple[int, ...]

    def polarities(self, expression: str) -> set[bool]:
        """Return how a pattern is found in the statement: affirmed (True), negated (False), both, or not at all."""
        return {self._affirmed(start, end) for start, end in self.spans(expression)}

    def spans(self, expression: str) -> list[tuple[int, int]]:
        """Return where a pattern is found in the statement's text."""
        return list(pattern(expression, at_words=True).spans_in(self.text))

    def _affirmed(self, start: int, end: int) -> bool:
        at = self.text.count(" ", 0, start)
        if _DENIED.match(self.text[end:]) and self._same_clause_after(end):
            return False
        cues = [place for place in self._before(at) if self._reaches(place, at)]
        return len(cues) % 2 == 0 or self._fails_otherwise(cues[-1], at)

    def _same_clause_after(self, end: int) -> bool:
        at = self.text.count(" ", 0, end)
        return at + 1 < len(self.words) and self.clauses[at + 1] == self.clauses[at]

    def _before(self, at: int) -> Iterator[int]:
        place = at - 1
        while place >= 0 and self.clauses[place] == self.clauses[at]:
            yield place
            place -= 1

    def _reaches(self, place: int, at: int) -> bool:
        word = self.words[place]
        if word in ("instead", "rather") and self.words[place + 1 : place + 2] not in (("of",), ("than",)):
            return False
        return (word in _NEGATIVE or word in _SHORT_SCOPE) and at - place <= _SHORT_SCOPE.get(word, at)

    def _fails_otherwise(self, cue: int, at: int) -> bool:
        """Return whether a cue stands in a condition, and what follows from it is a failure."""
        clause, sentence = self.clauses[at], self.sentences[at]
        condition = any(self.words[place] in _CONDITION for place in self._before(cue + 1))
        after = (
            self.words[place]
            for place in range(at + 1, len(self.words))
            if self.sentences[place] == sentence and (self.clauses[place] > clause or self._starts_anew(at, place))
        )
        return condition and any(word in _FAILURE for word in after)

    def _starts_anew(self, at: int, place: int) -> bool:
        """Return whether a subject stands between two words of a clause that nobody punctuated."""
        return any(self.words[between] in _SUBJECTS for between in range(at + 1, place))


def statement(text: str) -> Statement:
    """Split an answer into clauses, by its punctuation where it has any (a transcript may not) and by its words."""
    words: list[str] = []
    clauses: list[int] = []
    sentences: list[int] = []
    clause = 0
    for number, sentence in enumerate(_SENTENCE_END.split(_COMMA_IN_NUMBER.sub("", text))):
        for part in _CLAUSE_END.split(sentence):
            plain = _IDIOM.sub(" ", _LEADING_NO.sub("", folded(normalised(part)))).split()
            for place, word in enumerate(plain):
                if word in _BREAKS or _begins(plain, place):
                    clause += 1
                words.append(word)
                clauses.append(clause)
                sentences.append(number)
            clause += 1
    return Statement(" ".join(words), tuple(words), tuple(clauses), tuple(sentences))


def _begins(words: list[str], place: int) -> bool:
    return (
        place > 0
        and words[place] in _SUBJECTS
        and words[place + 1 : place + 2] != []
        and words[place + 1] in _VERBS
        and words[place - 1] not in _OPEN
        and words[place - 1] not in _VERBS
    )
