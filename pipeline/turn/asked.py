"""The kind and the length of what the caller is asked to dictate. English."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kind of a dictated number or spelling, which decides when it is complete.

    `CODE` has a fixed or an unknown length; a `QUANTITY` (how many, when, which room) is not dictated.
    """

    CODE = "code"
    PHONE = "phone"
    CARD = "card"
    ZIP = "zip"
    DATE = "date"
    SPELLING = "spelling"
    QUANTITY = "quantity"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; `length` in characters, if the words name it."""

    kind: Kind
    length: int | None = None


NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
    )
}
_COUNT = rf"(\d{{1,2}}|{'|'.join(NUMBER_WORDS)})"
_LENGTH = re.compile(rf"\b{_COUNT}(?:[ -](?:digits?|characters?|numbers?)\b| of (?:your|the|my) (?:social|card|ssn))")
_IDENTIFIERS = (
    r"(?:account|order|reference|booking|confirmation|reservation|policy|member(?:ship)?|serial|tracking|case|ticket"
    r"|invoice|customer|employee|student|licen[cs]e|passport|model|routing|registration|conference|agent|id)"
)
_KINDS: tuple[tuple[Kind, int | None, re.Pattern[str]], ...] = (
    (Kind.SPELLING, None, re.compile(r"\b(?:spell(?:s|ed|ing|t)?|letter by letter|initials)\b")),
    (Kind.CODE, 3, re.compile(r"\b(?:cvv|cvc|security code)\b")),
    (Kind.CODE, 4, re.compile(r"\bpin\b|\b(?:card|it) expires?\b|\bexpir(?:y|ation) date\b")),
    (Kind.CODE, 9, re.compile(r"\bsocial security\b|\bssn\b")),
    (Kind.ZIP, None, re.compile(r"\bzip\b")),
    (Kind.DATE, None, re.compile(r"\b(?:date of birth|birth ?date|dob|when (?:were|was) \w+ born|i was born on)\b")),
    (
        Kind.CARD,
        None,
        re.compile(r"\b(?:card(?: number|'s number)|numbers? on (?:the|your|my) .*card|(?:credit|debit) card)\b"),
    ),
    (
        Kind.PHONE,
        None,
        re.compile(
            r"\b(?:phone|telephone|mobile|cell|fax|contact|office|work|home|direct|callback|daytime)"
            r" (?:phone )?(?:number|line)\b"
            r"|\bnumbers? .*\b(?:reach|call|contact|text|calling)\b"
            r"|\b(?:reach|call|text|contact|ring) (?:you|me|us)(?: back)? (?:at|on)\b"
            r"|\byou can (?:reach|call|text) \w+"
            r"|\b(?:my|your) (?:phone|cell|mobile|numbers?)\b|\bthe number\b(?! of)(?=.*\w)"
        ),
    ),
    (
        Kind.QUANTITY,
        None,
        re.compile(
            r"\bhow (?:many|much|old|long|far|often|tall|big|large|high|soon|late|early)\b|\bnumber of\b"
            r"|^(?:and |so |then )*when (?:is|are|do|does|did|will|would|can|was|were|should)\b"
            r"|\b(?:what|which) (?:time|room|floor|page|age|size|gate|day|date|option|one|letter|grade|level|chapter)\b"
            rf"|\bor (?:{'|'.join(NUMBER_WORDS)}|[a-z])\b\W*$"
            rf"|\bscale\b|\b(?:{'|'.join(NUMBER_WORDS)}|\w) or (?:{'|'.join(NUMBER_WORDS)}|\w)\b"
            r"|\b(?:room|flight|bus|house|gate|page|line|train) number\b"
        ),
    ),
    (
        Kind.CODE,
        None,
        re.compile(
            rf"\b{_IDENTIFIERS} (?:numbers?|codes?|id|is)\b|\b(?:code|extension|password|passcode|digits|reference)\b"
        ),
    ),
    (
        Kind.LIST,
        None,
        re.compile(
            r"\b(?:what|which) (?!(?:is|was|does|has|this|seems|happens|makes|brings|looks)\b)\w+s\b"
            r"|\blist\b|\bwhat (?:are|else)\b|\bwho (?:else )?(?:is|are|was|were) (?:coming|going|with)\b"
            r"|\bwhat (?:would|do|did|can|will|should) (?:you|we|i)"
            r" (?:like|need|want|take|buy|bring|order|have|get|sell)\b(?! to (?!(?:order|buy|eat|drink|bring|take)\b))"
        ),
    ),
)
_REFERS_BACK = re.compile(r"\b(?:it|that|this|them|those)\b")
_SENTENCE = re.compile(r"[^.?!]+(?:[.?!]+(?!\s|$)[^.?!]+)*[.?!]*")


def asked_for(words: str) -> Asked | None:
    """Return what these words, a question or the beginning of a sentence, ask for or announce.

    The last such sentence counts, unless a question about something else follows it.

    Args:
        words: the persona's latest words, or what the caller said before a number.
    """
    for sentence in reversed(_SENTENCE.findall(words.lower().replace("’", "'"))):
        plain = sentence.strip()
        if length := _LENGTH.search(plain):
            return Asked(Kind.CODE, int(length[1]) if length[1].isdigit() else NUMBER_WORDS[length[1]])
        for kind, characters, pattern in _KINDS:
            if pattern.search(plain):
                return Asked(kind, characters)
        if plain.endswith("?") and not _REFERS_BACK.search(plain):
            return None
    return None
