"""Numbers, spelled names and lists: is the dictation complete, or does the caller go on?

A run of digits or letters at the end of a text is unfinished unless its length says that it is complete. A run is a
dictation by the question before it, by the caller's own words ("my number is"), or by its form ("4, 1, 5"); a number
that merely ends a sentence ("room 12", "at half past 3") is none.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from pipeline.turn.asked import Asked, Kind, asked_for


class Dictation(StrEnum):
    GOES_ON = "goes on"
    PERHAPS_WHOLE = "perhaps whole"
    WHOLE = "whole"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNITS = {
    "zero": "0", "oh": "0", "nought": "0", "nil": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90",
}  # fmt: skip
_MAGNITUDES = {"hundred": "00", "thousand": "000"}
_TIMES = {"double": 2, "triple": 3}
_SIGNS = _words("dash hyphen plus slash point dot star hash underscore")
_FILLERS = _words("um uh er erm hmm then so and okay")
_BARE = _FILLERS | _words("yes yeah sure ok it it's its is that's well oh right i'm number")
_NO_NAMES = _words(
    "is it's me my as an and the for of to it that this name spelled what who how can could would will may please spell"
    " thank thanks great all alright now or at in on we you your yes no okay ok sorry i'm sir ma'am mr mrs ms"
)
_MONTHS = _words(
    "january february march april may june july august september october november december"
    " jan feb mar apr jun jul aug sep sept oct nov dec"
)
_ORDINALS = re.compile(
    r"^(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|\w+teenth|tenth|eleventh|twelfth"
    r"|twentieth|thirtieth)$"
)
_LABELS = _words(
    "room gate flight bus line route page chapter suite apartment floor step level channel platform track terminal seat"
    " row exit highway interstate aged age door house lesson question version part table bed ward unit grade form"
    " at past to by around about before after until till since in from quarter half or of"
)
_ACRONYMS = _words("usa us uk eu uae tv id pm am ok dc la nyc dvd pc cd gps atm ceo hr it phd mri er bbc cnn faq ac")
_CAPITALS = re.compile(rf"\b(?!(?:{'|'.join(_ACRONYMS).upper()})\b)[A-Z]{{2,}}\b")
_SPELLED_WITH = re.compile(r"\b([A-Za-z]),? as (?:in|for) [A-Za-z]+")
_TOKEN = re.compile(
    r"[^\W\d_]{1,4}\d[^\W_]*"  # B12, QR77T
    r"|[$£€]?\d+(?:[.,:/-]\d+)*(?:(?:st|nd|rd|th)\b|%)?"  # 415-555, 3:30, $19.99, 9th
    r"|[^\W\d_](?:[-.][^\W\d_])+(?![^\W\d_])"  # S-M-I, S.M.I
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*|[+#,;.!?]"
)
_AMOUNT = re.compile(r"[$£€%:]|(?:st|nd|rd|th)$")
_PERHAPS_AMOUNT = re.compile(r"^\d+\.\d+$|^[1-9]\d{0,2}(?:,\d{3})+$")


@dataclass(frozen=True, slots=True)
class _Run:
    """The digits and letters at the end of a text.

    Attributes:
        characters: all of them, without spoken punctuation.
        groups: the characters by written group, or by word.
        before: the text before them.
        digits, letters: whether there are any.
        amount: it is written as an amount, a time or an ordinal.
        perhaps_amount: it may be one, written or spoken.
        listed: commas or pauses separate the groups.
        questioned: a question mark follows it.
        open: its last word needs another one ("double", "dash").
    """

    characters: str
    groups: tuple[int, ...]
    before: str
    digits: bool
    letters: bool
    amount: bool
    perhaps_amount: bool
    listed: bool
    questioned: bool
    open: bool


def dictation(text: str, asked: str = "") -> Dictation | None:
    """Judge whether a dictation is complete; None if the text ends with none.

    Args:
        text: the turn so far, as transcribed: "415", "4, 1, 5", "four one five", "S-M-I".
        asked: the persona's latest words, whose question names what is dictated.
    """
    wanted = question = asked_for(asked)
    if not text.strip():  # the beginning was not recognised: nothing to answer
        return Dictation.GOES_ON if _is_dictated(wanted) else None
    spelling = wanted is not None and wanted.kind is Kind.SPELLING
    capitals = spelling or "spell" in text.lower() or (wanted is not None and wanted.kind is Kind.CODE)
    run = _run(text, capitals=capitals)
    own = asked_for(run.before if run else text)
    if own is not None and not (own.kind is Kind.LIST or (own.kind is Kind.QUANTITY and _is_dictated(wanted))):
        wanted = own if own != Asked(Kind.CODE) or not _is_dictated(wanted) else wanted
    if wanted is not None and wanted.kind is Kind.DATE:
        return _date(text)
    if run is None and spelling and _may_be_spelled(text):
        return Dictation.GOES_ON
    if run is None:
        return Dictation.GOES_ON if _list_goes_on(text, short=wanted is not None and wanted.kind is Kind.LIST) else None
    if run.open:
        return Dictation.GOES_ON
    if run.letters and not run.digits:
        return _spelled(run, wanted, _names(asked, run.before)) or (
            Dictation.PERHAPS_WHOLE if re.search(r"(?:^|\w.* )A\W*$", text) else None  # "option A", not "a"
        )
    match wanted:
        case Asked(Kind.QUANTITY):
            return None
        case Asked(Kind.CODE, int(length)):
            return _counted(len(run.characters), length)
        case Asked(Kind.PHONE):
            return Dictation.PERHAPS_WHOLE if wanted != question and _may_be_local(run) else _phone(run)
        case Asked(Kind.CARD):
            amex = run.characters.startswith(("34", "37"))
            return _counted(len(run.characters), 15 if amex else 16)
        case Asked(Kind.ZIP):
            perhaps = len(run.characters) == 5
            return Dictation.PERHAPS_WHOLE if perhaps else _counted(len(run.characters), 9)
        case Asked(Kind.CODE):
            return Dictation.GOES_ON
        case _:
            return _unasked(run)


def _is_dictated(wanted: Asked | None) -> bool:
    return wanted is not None and wanted.kind not in (Kind.QUANTITY, Kind.LIST)


def _spoken_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def _bare(before: str) -> bool:
    """Return whether only fillers and "it's" precede a run, so that the run is all that is said."""
    return _BARE.issuperset(_spoken_words(before))


def _counted(length: int, whole: int) -> Dictation:
    if length == whole:
        return Dictation.WHOLE
    return Dictation.GOES_ON if length < whole else Dictation.PERHAPS_WHOLE


def _phone(run: _Run) -> Dictation:
    """Judge a phone number: North American ones have 10 digits, or 11 from 1; local ones groups of 3 and 4."""
    digits, length = run.characters, len(run.characters)
    if run.groups == (3, 4):
        return Dictation.PERHAPS_WHOLE
    if digits.startswith("0"):  # national elsewhere: pairs make ten, other groups eleven
        paired = length == 10 and run.groups[-1] == 2
        return Dictation.PERHAPS_WHOLE if paired or length > 11 else _counted(length, 11)
    if digits.startswith("1"):
        return _counted(length, 11)
    abroad = run.before.rstrip().endswith(("+", "plus"))
    return (Dictation.GOES_ON if length < 11 else Dictation.PERHAPS_WHOLE) if abroad else _counted(length, 10)


def _may_be_local(run: _Run) -> bool:
    """Return whether a run may be a local phone number: seven digits in one go, with no longer number asked for."""
    return len(run.characters) == 7 and not run.listed and set(run.groups) in ({1}, {7})


def _unasked(run: _Run) -> Dictation | None:
    """Judge a run of unnamed kind by its form."""
    words, bare = _spoken_words(run.before), _bare(run.before)
    if run.questioned and not bare:
        return None
    if run.amount or (run.perhaps_amount and not bare) or (words and words[-1] in _LABELS | _MONTHS):
        return None
    if len(run.groups) == 1 and not bare and not (run.characters.startswith("0") and len(run.characters) > 1):
        return None
    if _may_be_local(run):
        return Dictation.PERHAPS_WHOLE
    whole = len(run.characters) == 16 or _phone(run) is not Dictation.GOES_ON
    return Dictation.PERHAPS_WHOLE if whole else Dictation.GOES_ON


def _spelled(run: _Run, wanted: Asked | None, names: frozenset[str]) -> Dictation | None:
    """Judge letters alone: complete when they spell a name that was said."""
    letters = run.characters.lower()
    if wanted is not None and wanted.kind is Kind.QUANTITY:
        return None
    if wanted is not None and wanted.length is not None:
        return _counted(len(letters), wanted.length)
    if len(letters) > 1 and letters in names:
        return Dictation.WHOLE
    if wanted is not None and wanted.kind in (Kind.SPELLING, Kind.CODE):
        return Dictation.GOES_ON
    if letters in _ACRONYMS:
        return Dictation.PERHAPS_WHOLE
    words = run.before.lower().rstrip(" ,.;:-").split()
    if len(letters) == 1 and not _bare(run.before) and not words[-1].startswith(letters):
        return None
    return Dictation.GOES_ON


def _names(asked: str, before: str) -> frozenset[str]:
    """Collect what may be a name: words with a capital, and the one right before the letters."""
    named = re.findall(r"\b[A-Z][^\W\d_]+", f"{asked} {before}") + _spoken_words(before)[-1:]
    return frozenset(name.lower() for name in named) - _NO_NAMES


def _may_be_spelled(text: str) -> bool:
    """Return whether the text is a name and nothing else: its spelling may follow."""
    words = _spoken_words(text)
    return len(words) <= 2 and not _NO_ITEMS.intersection(words) and not text.rstrip().endswith("?")


def _date(text: str) -> Dictation | None:
    """Judge a date of birth, complete with its year."""
    plain = re.sub(r"[,.?!]", " ", text.lower()).split()
    if not plain:
        return None
    last = plain[-1]
    number = last.isdigit() or last in _UNITS or last in _TEENS or last in _TENS or "/" in last or "-" in last
    if not number and last not in _MONTHS and not _ORDINALS.match(last):
        return None
    if re.search(r"(?:\b|\D)(?:19|20)\d\d$|^\d{6}$|^\d{8}$|\d+[/-]\d+[/-]\d+$", "".join(plain[-1:])):
        return Dictation.WHOLE
    run = _run(text, capitals=False)
    digits, groups = (run.characters, run.groups) if run else ("", ())
    if re.search(r"(?:19|20)\d\d$", digits) and len(groups) > 1:
        return Dictation.WHOLE
    named = any(word in _MONTHS for word in plain)
    year = len(groups) >= (2 if named else 3) and groups[-1] == 2 and "31" < digits[-2:] <= "99"
    if year or len(digits) in (6, 8):
        return Dictation.WHOLE
    return Dictation.GOES_ON


# ------------------------------------------------------------------- the run


def _run(text: str, *, capitals: bool) -> _Run | None:
    """Find the digits and letters at the end of a text, if any; words in capitals may count as letters."""
    plain = _SPELLED_WITH.sub(r"\1", text)
    if capitals:
        plain = _CAPITALS.sub(lambda word: "-".join(word[0]), plain)
    tokens = list(_TOKEN.finditer(plain))
    while tokens and tokens[-1][0] in ",;.!?":
        tokens.pop()
    taken = list(takewhile(lambda token: _belongs(token[0]), reversed(tokens)))[::-1]
    while taken and _part(taken[0][0]) == "" and taken[0][0].lower() not in _TIMES:
        taken.pop(0)
    if len(taken) == 2 and taken[0][0] == "a" and taken[0].start() > 0:
        taken.pop(0)  # "a B" is one letter
    words = [token[0] for token in taken]
    said = [word.lower() for word in words if word not in ",;."]
    if not said or said[-1] in _FILLERS or set(said) == {"oh"}:
        return None
    before = plain[: taken[0].start()]
    if said == ["one"] and not _bare(before) and not before.rstrip().endswith(("+", "plus")):
        return None  # "I don't have one"
    groups, is_open = _groups(words)
    characters = "".join(groups)
    if not characters and not is_open:
        return None
    return _Run(
        characters=characters,
        groups=tuple(map(len, groups)),
        before=before,
        digits=any(character.isdigit() for character in characters),
        letters=any(character.isalpha() for character in characters),
        amount=bool(_AMOUNT.search(words[-1])),
        perhaps_amount=bool(_PERHAPS_AMOUNT.search(words[-1])) or any(word.lower() in _MAGNITUDES for word in words),
        listed="," in words or any(word.lower() in _FILLERS for word in words),
        questioned=text.rstrip().endswith("?"),
        open=is_open,
    )


def _belongs(token: str) -> bool:
    word = token.lower()
    return bool(_part(token)) or word in _TIMES or word in _SIGNS or word in _FILLERS or token in "+#,;."


def _part(token: str) -> str:
    """Return the digits or letters that a token stands for; empty for none."""
    word = token.lower()
    if any(character.isdigit() for character in word):
        return re.sub(r"\D" if _AMOUNT.search(word) else r"[\W_]", "", word)
    for known in (_UNITS, _TEENS, _TENS, _MAGNITUDES):
        if word in known:
            return known[word]
    if len(word) == 1 and word.isalpha():
        return word
    return re.sub(r"[-.]", "", word) if re.fullmatch(r"[^\W\d_](?:[-.][^\W\d_])+", word) else ""


def _groups(words: list[str]) -> tuple[list[str], bool]:
    """Return the run's groups of characters, and whether its last word needs another one."""
    groups: list[str] = []
    times, after_tens = 1, False
    for token in words:
        word = token.lower()
        if word in _TIMES:
            times = _TIMES[word]
            continue
        parts = re.split(r"[-.,/]", word) if word[-1].isdigit() and word[0].isdigit() else [word]
        for piece in parts:
            part = _part(piece)
            if not part:
                continue
            if word in _MAGNITUDES and groups:
                groups[-1] += part
            elif after_tens and word in _UNITS and part != "0" and times == 1:
                groups[-1] = groups[-1][0] + part
            else:
                groups.append(part * times)
            after_tens, times = word in _TENS, 1
    return groups, times > 1 or words[-1].lower() in _SIGNS or words[-1] in "+#"


# --------------------------------------------------------------------- lists

_NO_ITEMS = _words(
    "yes no yeah yep okay ok well oh sure please thanks thank sorry hello hi hey bye goodbye right i you he she it we"
    " they is are was were do does did have has can could will would not don't here there now today tomorrow really too"
    " actually exactly then again sir ma'am"
)


def _list_goes_on(text: str, *, short: bool) -> bool:
    """Return whether the text ends with items of a list of which none is marked as the last.

    Args:
        short: two items are enough, as the question asks for a list.
    """
    items = [item.lower().split() for item in text.strip().rstrip(".").split(",")]
    if len(items) < (2 if short else 3) or "?" in text or "." in text.strip().rstrip("."):
        return False
    if items[-1][:1] and items[-1][0] in ("and", "or"):
        return False
    return all(0 < len(item) <= 2 and not _NO_ITEMS.intersection(item) for item in items[1:]) and not (
        _NO_ITEMS.intersection(items[0][-1:]) or {"and", "or"}.intersection(items[-1])
    )
