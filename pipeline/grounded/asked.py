"""The questions that a document says it answers: those among its headings and lead-ins, as a reader would ask them."""

import re
from dataclasses import dataclass

from models.records.core import Document

LONGEST = 120
"""Maximum number of characters of a question."""

_HEADING = re.compile(r"^#{2,6}[^\S\n]+(.+?)[^\S\n]*#*[^\S\n]*$|^[^\S\n]*\*\*([^*\n]{3,120})\*\*", re.MULTILINE)
_ASKS = r"(?:what|which|when|where|who|whom|whose|why|how(?: (?:much|many|long|often|far|fast|soon|old))?)"
_AUX = r"(?:am|is|are|was|were|do|does|did|can|could|may|might|must|shall|should|will|would|have|has)"
_VERBS = {"takes": "take", "costs": "cost", "works": "work", "lasts": "last", "means": "mean", "needs": "need"}
_WHOLE = re.compile(rf"(?:{_ASKS} )?{_AUX} \w.*\w", re.IGNORECASE)
_TO = re.compile(rf"({_ASKS}) to (\w.*)", re.IGNORECASE)
_YOU = re.compile(rf"({_ASKS}) (you|we) (\w+)(.*)", re.IGNORECASE)
_IT = re.compile(rf"({_ASKS}) (it|that|this) ({'|'.join(_VERBS)})\b(.*)", re.IGNORECASE)
_IF = re.compile(r"(if|when) you (\w+)(.*)", re.IGNORECASE)
_INVERTED = frozenset("am is are was were can could may might must shall should will would".split())
_SECOND = re.compile(r"\byou(?:r|rs|rself)?\b", re.IGNORECASE)
_MINE = {"your": "my", "yours": "mine", "yourself": "myself"}


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """A question, and where in the document's text its answer begins."""

    text: str
    start: int


def questions_in(document: Document) -> list[OwnQuestion]:
    """Return the questions in a document's headings and lead-ins, in order, each once."""
    found: dict[str, OwnQuestion] = {}
    for heading in _HEADING.finditer(document.text):
        question = as_question(heading[1] or heading[2])
        if question:
            found.setdefault(question.lower(), OwnQuestion(question, heading.end()))
    return list(found.values())


def as_question(heading: str) -> str:
    """Turn a heading into the question that a reader would ask; empty if it is none, or its grammar is not sure.

    "How to order" becomes "How do I order?", "If you are late" becomes "What if I am late?".
    """
    text = heading.strip().rstrip(".,:;…")
    asks = text.endswith("?")
    text = text.rstrip("?").strip()
    if len(text) > LONGEST or re.search(r"[?.!]\s", text) or len(text.split()) < 3 - bool(_TO.fullmatch(text)):
        return ""
    if asks and re.match(rf"{_ASKS} |{_AUX} ", text, re.IGNORECASE):
        return _capital(f"{text}?")
    if _WHOLE.fullmatch(text) and not text.endswith(" not"):
        return "" if _SECOND.search(text) else _capital(f"{text}?")
    if found := _TO.fullmatch(text):
        verb = "do" if found[1].lower().startswith("how") else "should"
        return _first_person(f"{found[1]} {verb} I {found[2]}?")
    if found := _IF.fullmatch(text):
        verb = "am" if found[2].lower() == "are" else found[2]
        asker = "What if" if found[1].lower() == "if" else "What happens when"
        return _first_person(f"{asker} I {verb}{found[3]}?")
    if found := _YOU.fullmatch(text):
        asker, subject, verb, rest = found.groups()
        who = "I" if subject.lower() == "you" else "you"
        if verb.lower() in _INVERTED:
            verb = "am" if (who, verb.lower()) == ("I", "are") else verb
            return _first_person(f"{asker} {verb} {who}{rest}?", except_for=who == "you")
        verb = "" if verb.lower() == "do" and rest.startswith(" not ") else f" {verb}"
        return _first_person(f"{asker} do {who}{verb}{rest}?", except_for=who == "you")
    if found := _IT.fullmatch(text):
        return _first_person(f"{found[1]} does {found[2]} {_VERBS[found[3].lower()]}{found[4]}?")
    return ""


def _first_person(text: str, *, except_for: bool = False) -> str:
    """Let the reader ask; empty where "you" would remain, as "I" and "me" cannot be told apart."""
    text = _SECOND.sub(lambda found: _MINE.get(found[0].lower(), found[0]), text)
    left = len(re.findall(r"\byou\b", text, re.IGNORECASE))
    return _capital(text) if left == int(except_for) else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
