"""Judging of a student's answer by the patterns of its question."""

import re
from dataclasses import dataclass
from typing import Literal

from models.patterns import pattern
from models.records.lessons import Point, Question
from pipeline.llm.polarity import Statement, statement
from pipeline.llm.reflection import normalised

MATCHED_LIMIT = 2_000
"""Number of characters of an answer that are matched, which bounds the cost of a pack's patterns."""

Fault = Literal["", "incomplete", "opposite", "mistake", "echo"]
"""Why an answer is not right; empty where it is."""

_ECHO_WORDS, _ECHO_SHARE = 5, 0.5
"""Fewest words, and least share of the question, of an answer that only repeats the question."""

# A trailing "//" is no comment here: it divides in Python.
_COMMENT = re.compile(r"^\s*//.*$|(?:^|\s)#.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How right an answer is.

    Attributes:
        found, wanted: points that it has, of all.
        fault: "incomplete" where points are missing; "opposite" where it denies or contradicts one; "mistake" where it
            says what no right answer says; "echo" where it repeats the question.
        reply: what the lesson replies to that mistake, if anything.
    """

    found: int
    wanted: int
    fault: Fault = ""
    reply: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return not self.fault

    @property
    def score(self) -> float:
        """The share of the points, from 0 to 1; 0 for an answer that is wrong and not merely incomplete."""
        return round(self.found / self.wanted, 2) if self.fault in ("", "incomplete") else 0.0


def judge(question: Question, answer: str) -> Judgement:
    """Judge an answer."""
    written = answer[:MATCHED_LIMIT]
    written = _COMMENT.sub("", written) if question.type == "code" else written.replace("%", " percent ")
    said = statement(written)
    code = " ".join(written.lower().split()) if question.type == "code" else ""
    wanted = len(question.accept)
    if _echoes(question.ask, said.text):
        return Judgement(0, wanted, "echo")
    for mistake in question.reject:
        if any(True in said.polarities(one) or _verbatim(one, code) for one in mistake.patterns):
            return Judgement(0, wanted, "mistake", mistake.say)
    verdicts = [_met(point, said, code) for point in question.accept]
    found = verdicts.count(True)
    if None in verdicts:
        return Judgement(found, wanted, "opposite")
    return Judgement(found, wanted, "" if found == wanted else "incomplete")


def is_right(question: Question, answer: str) -> bool:
    """Return whether an answer is right."""
    return judge(question, answer).right


def _met(point: Point, said: Statement, code: str) -> bool | None:
    """Return whether a point is made; None where the answer denies it, or says it both ways."""
    found = [said.polarities(one) for one in point.patterns]
    if point.even_negated:
        return any(found) or any(_verbatim(one, code) for one in point.patterns)
    if {True, False} in found:
        return None
    if {True} in found:
        return True
    if {False} in found:
        return None
    return any(_verbatim(one, code) for one in point.patterns)


def _verbatim(expression: str, code: str) -> bool:
    return bool(code) and pattern(expression).found_in(code)


def _echoes(ask: str, said: str) -> bool:
    length = len(said.split())
    asked = normalised(ask)
    return length >= _ECHO_WORDS and length >= _ECHO_SHARE * len(asked.split()) and said in asked
