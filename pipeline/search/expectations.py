"""What a question wants to hear, such as an amount, and whether a text holds the like."""

import re
from collections.abc import Callable, Sequence

from pipeline.search.question import Query
from pipeline.search.words import STOP_WORDS, words

_NUMBER = (
    r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty(?:-\w+)?|hundred|"
    r"thousand|million|half|once|twice|no|none|dozen|several)"
)

_ASKED_AND_HELD = {
    "number": (
        r"\bhow many\b|\bhow (?:far|big|large|tall|high|heavy|deep|wide|strong|warm|old)\b"
        r"|\bwhat (?:\w+ )?(?:number|percentage|age|score|gpa|limit|rate)\b",
        r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|thousand|half|once|"
        r"twice|no limit|none|first|second|third|every|each)\b",
    ),
    "amount": (
        r"\bhow much (?:is|are|does|do|did|would|will|was)\b|\bcosts?\b|\bprice\b|\bfee\b|set me back|\bexpensive\b"
        r"|\bcheap",
        r"\d[\d.,]*\s*(?:dollars|pounds|cents|percent|euros)|[$£€]|\bfree\b|no charge|\bnothing\b"
        r"|\w+ (?:dollars|pounds)\b",
    ),
    "money": (
        r"\bhow much\b|\bcosts?\b|\bprice|\bfee\b|set me back|\bexpensive\b",
        r"[$£€]|\b(?:dollars?|pounds?|cents?|euros?|percent|free|costs?|charge|pays?|paid|price|fee|nothing|refund\w*)\b",
    ),
    "contact": (r"\b(?:phone|telephone|number|e-?mail|address|wifi|password)\b", r"\d{3,}|@"),
    "permission": (
        r"^\W*(?:(?:so|and|but|well|er|um|please|hi|hello)\W+)*(?:is|are|was|were|do|does|did|can|could|may|must|should|"
        r"shall|will|would|have|has|am)\b",
        r"\b(?:may|can|cannot|must|need|not|no|yes|never|nothing|nobody|only|always|allowed|fine|free|except|unless|"
        r"without|do|does|is|are|will)\b",
    ),
    "name": (
        r"\bwho(?:'s| is| was| are| runs| wrote| invented| founded| made| makes| won| speaks| looks| owns| leads)\b"
        r"|\bname of\b|\bcalled\b|'s the name\b|\binvented\b",
        r"(?-i:(?<=[a-z,] )(?:Dr\.? |Mrs?\.? |Ms\.? )?[A-Z][a-z]+(?: [A-Z][a-z]+)?)",
    ),
}
_KINDS = {
    kind: (re.compile(asked, re.IGNORECASE), re.compile(held, re.IGNORECASE))
    for kind, (asked, held) in _ASKED_AND_HELD.items()
}

_HOW_MANY = re.compile(r"\bhow many (\w+)(?: (\w+))?", re.IGNORECASE)
_COUNTED = re.compile(
    rf"\b{_NUMBER}\s+(?:of\s+(?:the\s+)?|more\s+|full\s+|working\s+|paid\s+)?([a-z]+)(?:\s+([a-z]+))?", re.IGNORECASE
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][A-Za-z]+\b")
_OWN = re.compile(r"\b(?:i|my|me|we|our)\b", re.IGNORECASE)
_WHICH = re.compile(r"\W*(?:which|what)\b", re.IGNORECASE)

LEAST_COUNTED, LEAST_NAMED = 0.6, 0.7
"""Closeness of two words at which neither speaks for nor against."""

_VALUES = ("amount", "contact", "name")

Closest = Callable[[str, Sequence[str]], float]
"""Returns how close a word is to the closest of others, 0 to 1."""


def expectations(question: Query, title: str, text: str, beginning: str, closest: Closest) -> dict[str, float]:
    """Return what speaks for a text, above 0, and against it, by the sort of thing that is asked for.

    Args:
        question: the question.
        title: the document's title with the headings.
        text: the paragraph.
        beginning: the beginning of the document, which may say of which year it is.
        closest: compares words.
    """
    found = {f"asks_{kind}": 1.0 for kind in ("duration", "time") if question.kind == kind}
    found |= {kind: _sign(question.fits(text)) for kind in ("duration", "time") if question.kind == kind}
    for kind, (asked, held) in _KINDS.items():
        if asked.search(question.text):
            found[f"asks_{kind}"] = 1.0
            found[kind] = _sign(held.search(text) is not None)
    if counted := _HOW_MANY.search(question.text):
        nouns = [word.lower() for word in counted.groups("") if word and word.lower() not in STOP_WORDS]
        held_nouns = [word.lower() for match in _COUNTED.finditer(text) for word in match.groups("") if word]
        found["counted"] = max((closest(noun, held_nouns) for noun in nouns), default=0.0) - LEAST_COUNTED
    if years := set(_YEAR.findall(question.text)):
        found["year"] = _sign(not years.isdisjoint(_YEAR.findall(f"{title} {text} {beginning}")))
    names = [name.lower() for name in _NAME.findall(question.text) if name.lower() not in STOP_WORDS]
    if names:
        said = words(f"{title} {text}")
        found["named"] = min(closest(name, said) for name in names) - LEAST_NAMED
    found["own"] = float(_OWN.search(question.text) is not None)
    found["which"] = float(_WHICH.match(question.text) is not None)
    return found


def holds_value(question: Query, text: str) -> bool | None:
    """Return whether a text holds the sort of value that is asked for, such as a date; None where none is asked for."""
    held = [_KINDS[kind][1].search(text) is not None for kind in _VALUES if _KINDS[kind][0].search(question.text)]
    if question.kind != "other":
        held.append(question.fits(text))
    return all(held) if held else None


def _sign(holds: bool) -> float:
    return 1.0 if holds else -1.0
