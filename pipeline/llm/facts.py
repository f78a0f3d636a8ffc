"""What a persona knows of itself: the facts among its instructions, told in the first person.

"Your order number is seven four." answers "What is the order number?" with "My order number is seven four."
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache

from models.records.core import Cue, Persona
from pipeline.llm.matching import Vectors, matcher_of
from pipeline.llm.reflection import in_first_person, is_stop_word, normalised
from pipeline.llm.synonyms import meaning_of
from pipeline.llm.utterances import sentences

_NAME_ASKED = (
    "what is your name", "who are you", "your name please", "who am i speaking with", "who am i talking to", "name",
    "may i have your name", "who is calling", "can you tell me your name", "what should i call you",
)  # fmt: skip
_NAME = Cue("name", (), (), examples=_NAME_ASKED)
_SENTENCE = re.compile(r"[^.!?]+[.!?]")
# How to behave is no fact: rules, conditions, and the paragraphs on manner and plot.
_DIRECTION = re.compile(
    r"\b(?:never|always|must|should|if|when|whenever|do not|don't|speak|talk|say|ask|answer|until|unless|markdown|"
    r"lists?|role|sentences?|clerk|learner|nurse|user|begin)\b",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^\s*(?:how|what|rules?|style|manner|plot)\b[^.:]{0,40}:", re.IGNORECASE)
_MAX_SENTENCES = 30
_LONGEST = 200
_LEAST_SHARE = 0.75
_FEW = 2
_PLAINLY_ASKED = re.compile(r"\b(?:what|which|where|when|who|do you have|have you got|tell me about)\b")
"""How a question for a single thing begins; "how was your night" is none for the night."""

_LEAST_COSINE = 0.55


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a persona.

    Attributes:
        told: as its instructions tell it, normalised.
        say: in the first person.
        words: what of it can be asked for, by meaning.
    """

    told: str
    say: str
    words: frozenset[str]


def fact_for(persona: Persona, text: str, used: Container[str], vectors: Vectors | None = None) -> str | None:
    """Return the unused fact that answers the last sentence of a line, or None."""
    said = sentences(text)
    if not said:
        return None
    asked = said[-1]
    named = matcher_of((_NAME,)).match(asked, bool)
    own_name = f"My name is {persona.name}."
    if named is not None and own_name not in used:
        return own_name
    words = _content(asked)
    if len(words) < _FEW and not _PLAINLY_ASKED.search(asked):
        return None
    best, nearest = None, _LEAST_SHARE
    for fact in facts_of(persona):
        if fact.say in used:
            continue
        share = len(words & fact.words) / len(words) if words else 0.0
        here, there = (vectors(asked), vectors(fact.told)) if vectors else (None, None)
        if here is not None and there is not None and (cosine := float(here @ there)) >= _LEAST_COSINE:
            share = max(share, cosine)
        if share >= nearest and share > (0 if best is None else nearest):
            best, nearest = fact.say, share
    return best


def facts_of(persona: Persona) -> tuple[Fact, ...]:
    """Return the facts of a persona, in the order of its instructions."""
    return _facts(persona.name, persona.instructions)


@lru_cache(maxsize=256)
def _facts(name: str, instructions: str) -> tuple[Fact, ...]:
    paragraphs = [part for part in instructions.split("\n\n") if not _HEADING.match(part)]
    sentences_told = [" ".join(one.split()) for part in paragraphs for one in _SENTENCE.findall(part)]
    found = []
    for told in sentences_told[:_MAX_SENTENCES]:
        # The sentence with the name says all at once who somebody is, as nobody would of themselves.
        is_none = len(told) > _LONGEST or _DIRECTION.search(told) or (name and name in told)
        say = None if is_none else in_first_person(told)
        if say is not None and (words := _content(normalised(told))):
            found.append(Fact(normalised(told), say, words))
    return tuple(found)


def _content(normal: str) -> frozenset[str]:
    return frozenset(meaning_of(word) for word in normal.split() if not is_stop_word(word))
