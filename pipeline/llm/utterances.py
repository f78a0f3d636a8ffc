"""What a line of the learner does, by its words: a question, an offer, a kind or a rude word. English only."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from models.records.core import Utterance
from pipeline.llm.reflection import is_stop_word, normalised

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_LISTED: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))


def _any_of(name: str) -> str:
    listed = "|".join(_LISTED[name]).replace("{hard}", "(" + "|".join(_LISTED["hard"]) + ")")
    return f"({listed})"


_LEAD = rf"^({_any_of('lead')} )*"
_FILLER = re.compile(_any_of("filler"))
_ANYWHERE = {
    name: re.compile(rf"\b{_any_of(name)}\b")
    for name in _LISTED.keys() - {"lead", "filler", "hard", "asks", "whether", "demand", "tell"}
}
_MOST_VAGUE = 5
_PERMISSION = re.compile(r"^(?:\w+ ){0,2}(?:(?:may|can|must|should) (?:i|we|one|you)|(?:am i|are we|is it) allowed)\b")
_MANNERS: tuple[Utterance, ...] = ("kind", "rude")
_ASKED: tuple[Utterance, ...] = ("why", "suggestion", "offer", "opinion", "personal")
_STATED: tuple[Utterance, ...] = ("guess", "refusal", "offer", "noticing", "promise")
_FIRST = {name: re.compile(rf"{_LEAD}{_any_of(name)}\b") for name in ("asks", "whether")}
_PLEASE = r"((could|can|would|will) you )?(please )?"
_FIRST |= {name: re.compile(rf"{_LEAD}{_PLEASE}{_any_of(name)}\b") for name in ("demand", "tell")}


def sentences(text: str) -> list[str]:
    """Split a line at the ends of its sentences and normalise each; what a recogniser writes is one sentence."""
    return [said for part in _SENTENCE_END.split(text) if (said := normalised(part))]


@lru_cache(maxsize=4096)
def tone(text: str) -> Utterance | None:
    """Return "kind" or "rude", or None for neither; who apologises or consoles is kind, whatever else is said."""
    said = sentences(text)
    for manner in _MANNERS:
        if any(_ANYWHERE[manner].search(one) for one in said):
            return manner
    return None


def begins_as_question(normal: str) -> bool:
    """Return whether a normalised sentence begins as questions do."""
    return _FIRST["asks"].match(normal) is not None


def asks_for_a_fact(text: str) -> bool:
    """Return whether a line asks for something that can be told, by a question or by "tell me"."""
    said = sentences(text)
    if not said:
        return False
    asked = is_question(text) and not any(_ANYWHERE[name].search(said[-1]) for name in ("offer", "suggestion"))
    return asked or _FIRST["tell"].match(said[-1]) is not None


def asks_to_be_told(text: str) -> bool:
    """Return whether a line asks for a fact, or whether something may be done."""
    return asks_for_a_fact(text) or any(_PERMISSION.match(said) for said in sentences(text)[-1:])


def is_question(text: str) -> bool:
    """Return whether the last sentence asks, by its mark or by its first word."""
    said = sentences(text)
    return text.rstrip().endswith("?") or bool(said and begins_as_question(said[-1]))


@lru_cache(maxsize=4096)
def utterances(text: str) -> tuple[Utterance, ...]:
    """Return what a line does, the most telling first; nothing for a plain statement.

    What is said last is what is answered, so a question at the end goes before a kind word at the beginning.
    """
    said = sentences(text)
    if not said:
        return ()
    manner, last, asked = tone(text), said[-1], is_question(text)
    found: list[Utterance] = ["rude"] if manner == "rude" else []
    if asked:
        found += [name for name in _ASKED if _ANYWHERE[name].search(last)]
        found += ["whether", "question"] if _FIRST["whether"].match(last) else ["question"]
    if manner == "kind":
        found.append("kind")
    if any(_ANYWHERE["confides"].search(one) for one in said):
        found.append("confides")
    if asked:
        return tuple(found)
    found += ["demand"] if _FIRST["demand"].match(last) or _ANYWHERE["must"].search(last) else []
    found += ["suggestion"] if _ANYWHERE["advice"].search(last) else []
    found += [name for name in _STATED if _ANYWHERE[name].search(last)]
    words = [word for one in said for word in one.split()]
    if not found and len(words) <= _MOST_VAGUE and all(is_stop_word(word) or _FILLER.fullmatch(word) for word in words):
        found.append("vague")
    return tuple(found)
