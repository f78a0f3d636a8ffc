"""Splices: good phrases that are cut out of talk and set side by side, which no listener takes for a sentence.

A sentence is cut into pieces at its punctuation and its conjunctions. Who speaks to somebody uses pieces that hold a
clause, or formulas ("good morning", "of course"). A few bare words between two commas are heard now and then ("Cold
gel, a small camera, ten minutes."); one sentence after the other made of them is not.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.coach.function_words import FUNCTION_WORDS
from pipeline.llm.reflection import normalised

SHORT_WORDS = 3
"""Number of words up to which a piece is short."""

_LEAST_PIECES, _USUAL_WORDS, _SPLICED_SHARE = 3, 5, 0.5
_LEAST_SCRAPS, _SCRAP_SHARE = 6, 0.65

_PART_END = re.compile(r"[,;:—–-]\s|\s[-–—+/]\s|[()\"“”]")
_JOINS = frozenset("and or then plus but".split())
_VERBS = frozenset(
    "am is are was were be been do does did have has had can could will would shall should may might must cannot "
    "happened let".split()
)
_SUBJECTS = frozenset("i you he she it we they that this there who which everybody nobody somebody".split())
_ORDERS = frozenset(
    "tell take come call give show sign wait look sit please bring go see ask try keep talk say help write send put "
    "stay make get lie hold have think thank".split()
)
_NO_VERB = frozenset(
    "the a an my your his her our their of to in on at for with from by and or not me him us them what how who".split()
)
_FORMULAS = frozenset(
    "well now right so okay ok yes no yeah oh um uh hm ha ah please sir madam miss mrs mr ms hello hi hey morning "
    "sorry thanks good fine sure great lovely all of course thank you welcome very afternoon evening day certainly "
    "gladly absolutely understood then too also just really again maybe perhaps honestly anyway exactly got it i see "
    "goodbye bye love dear ouch poor".split()
)
_NUMBERS = frozenset("one two three four five six seven eight nine ten fifteen twenty thirty half few several".split())
_FILLERS = _FORMULAS - frozenset("i it you see thank thanks sorry got good fine".split())
_ADDRESSED = re.compile(r"(?:mrs?|ms|miss|dr|sir|madam) \w+$")
_LABEL = re.compile(
    r"\s*(?:\d+[.)]\s*)?(?:([A-Za-z][a-z]*(?: [a-z]+)?):|[(\[]([a-z]+(?: [a-z]+)?)[)\]])\s", re.IGNORECASE
)
_ACTS = r"(?:say|ask|explain|offer|greet|apologi[sz]e|mention|show|promise|introduce|thank|tell)"
_NARRATED = re.compile(
    rf"(?:\w+ ){{0,3}}(?:i|we|he|she|one|the \w+) (?:(?:then|also|would|should|could|first) )*"
    rf"(?:{_ACTS}s?|{_ACTS}e?d|said|told)\b(?! you\b)"
    rf"|(?:(?:then|now|first|finally) )?{_ACTS} (?!me\b|us\b|him\b|her\b|you\b)\w+"
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a sentence, between its punctuation and its conjunctions.

    Attributes:
        words: normalised, at least one.
        joined: whether a conjunction stands before it.
    """

    words: tuple[str, ...]
    joined: bool = False

    @property
    def is_formula(self) -> bool:
        """Whether it only greets, thanks, agrees, hesitates or calls somebody by name."""
        return all(word in _FORMULAS for word in self.words) or _ADDRESSED.match(" ".join(self.words)) is not None

    @property
    def is_short(self) -> bool:
        """Whether it has a few words only."""
        return len(self.words) <= SHORT_WORDS

    @property
    def is_bare(self) -> bool:
        """Whether it has no verb, and no word that makes a phrase of its words, such as "some" or "ten"."""
        return not self.has_verb and not any(word in FUNCTION_WORDS or word in _NUMBERS for word in self.words)

    @property
    def said(self) -> tuple[str, ...]:
        """Its words without those that only strengthen or soften it."""
        return tuple(word for word in self.words if word not in _FILLERS)

    @property
    def has_verb(self) -> bool:
        """Whether a verb is seen in it, by the words of closed classes beside it."""
        if self.words[0] in _ORDERS or _VERBS.intersection(self.words):
            return True
        return any(
            first in _SUBJECTS and second not in _NO_VERB and second not in _SUBJECTS
            for first, second in itertools.pairwise(self.words)
        )


def pieces(text: str) -> list[Snippet]:
    """Return the pieces of a sentence that are no formulas, in order."""
    return [piece for piece in _cut(text) if not piece.is_formula]


def _cut(text: str) -> Iterator[Snippet]:
    for part in _PART_END.split(text):
        run: list[str] = []
        joined = False
        for word in normalised(part).split():
            if word not in _JOINS:
                run.append(word)
                continue
            if run:
                yield Snippet(tuple(run), joined)
            run, joined = [], True
        if run:
            yield Snippet(tuple(run), joined)


def is_spliced(text: str) -> bool:
    """Return whether a sentence has three pieces or more, half of them short, or none long and none joined.

    People say such a sentence now and then.
    """
    found = pieces(text)
    if len(found) < _LEAST_PIECES:
        return False
    if sum(piece.is_short for piece in found) * 2 >= len(found):
        return True
    words = sum(len(piece.words) for piece in found)
    return words <= _USUAL_WORDS * len(found) and not any(piece.joined for piece in found)


def is_heap(text: str) -> bool:
    """Return whether a sentence is bare words side by side, three times or more, and no list with "and" or "or"."""
    scraps = [piece for piece in pieces(text) if piece.is_short and piece.is_bare]
    is_list = sum(piece.joined for piece in scraps) == 1 and scraps[-1].joined
    return len(scraps) >= _LEAST_PIECES and not is_list


def spliced(texts: Sequence[str]) -> list[bool]:
    """Tell which of a talk's sentences are spliced: all that look so, if many do; else none."""
    found = [is_spliced(text) for text in texts]
    many = sum(found) >= min(2, len(found)) and sum(found) >= _SPLICED_SHARE * len(found)
    return found if many else [False] * len(found)


def are_scraps(texts: Sequence[str]) -> bool:
    """Return whether two thirds of a talk's pieces are two or three words without a verb."""
    found = [piece for text in texts for piece in pieces(text)]
    scraps = sum(piece.is_short and not piece.has_verb for piece in found)
    return len(found) >= _LEAST_SCRAPS and scraps >= _SCRAP_SHARE * len(found)


def are_short(texts: Sequence[str]) -> bool:
    """Return whether half of a talk's pieces are short."""
    found = [piece.is_short for text in texts for piece in pieces(text)]
    return sum(found) * 2 >= len(found)


def label(text: str) -> str | None:
    """Return the label before a sentence ("Greeting: good morning", "(sorry) Oh no."); None where it has none."""
    found = _LABEL.match(text)
    return (found[1] or found[2]).lower() if found else None


def is_narrated(plain: str) -> bool:
    """Return whether a normalised sentence tells what is said, asked or offered, in place of saying it."""
    return _NARRATED.match(plain) is not None
