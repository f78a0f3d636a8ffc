"""Numbers, spelled names and lists: is the dictation complete, or does the caller go on?

A run of digits or letters at the end of a text is unfinished unless its length says that it is complete. A run is a
dictation by the question before it, by the caller's own words ("my number is"), or by its form ("4, 1, 5"); a number
that merely ends a sentence ("room 12", "at half past 3") is none.
"""

import re
from enum import StrEnum

from pipeline.turn.asked import Asked, Kind, asked_for
from pipeline.turn.listed import item_misheard, items_listed, list_goes_on, two_sorts_needed
from pipeline.turn.misheard import (
    announced_and_broken_off,
    broken_off,
    repetitions,
    same_in_order,
    still_going_on,
)
from pipeline.turn.run import (
    ACRONYMS,
    TEENS,
    TENS,
    UNITS,
    DictatedRun,
    is_bare,
    run_at_end,
    spoken_words,
)


class Dictation(StrEnum):
    """How much of a dictation is there.

    `ANY_LENGTH` may be whole, and the caller's own pauses decide; `MAY_GO_ON` is one item of a list, or words that
    sound like what is misheard.
    """

    GOES_ON = "goes on"
    PERHAPS_WHOLE = "perhaps whole"
    WHOLE = "whole"
    ANY_LENGTH = "any length"
    MAY_GO_ON = "may go on"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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

_NAME_AND_LETTERS = re.compile(r"\b([A-Z][a-z]+)[,.]? ([A-Z]{2,})\W*$")

_IN_ONE_GO = 6
"""Characters from which a number of unknown length may be whole."""

_FEW, _MANY = 3, 9
_DROPPED_OF_MANY = 2
"""Digits that recognisers drop of a number of `_MANY`; of a shorter one it is one, and of `_FEW` none."""

_LOCAL = 7
_LAST_DAY = "31"


def dictation(text: str, asked: str = "", so_far: str = "") -> Dictation | None:
    """Judge whether a dictation is complete; None if the text ends with none.

    Args:
        text: the turn so far, as transcribed: "415", "4, 1, 5", "four one five", "S-M-I".
        asked: the persona's latest words, whose question names what is dictated.
        so_far: the turn at its pause before, if a dictation went on there; else empty.
    """
    question = asked_for(asked)
    if not text.strip():  # the beginning was not recognised: nothing to answer
        return Dictation.GOES_ON if _is_dictated(question) else None
    found = _dictation(text, asked, question)
    if found is None and still_going_on(text, so_far, question or asked_for(so_far)):
        return Dictation.GOES_ON
    if text.rstrip().endswith((",", "-")):  # which recognisers seldom write after a last digit
        if found is Dictation.ANY_LENGTH:
            return Dictation.GOES_ON
        if found is Dictation.PERHAPS_WHOLE and question is None:
            return Dictation.ANY_LENGTH
    if found is None and repetitions(text) and not text.rstrip().endswith("?"):
        return Dictation.MAY_GO_ON
    return found


def _dictation(text: str, asked: str, question: Asked | None) -> Dictation | None:
    wanted = question
    spelling = wanted is not None and wanted.kind is Kind.SPELLING
    capitals = spelling or "spell" in text.lower() or (wanted is not None and wanted.kind is Kind.CODE)
    capitals = capitals or _spells_the_name_before(text)
    run = run_at_end(text, capitals=capitals)
    own = asked_for(run.before if run else text)
    if own is not None and not (own.kind is Kind.LIST or (own.kind is Kind.QUANTITY and _is_dictated(wanted))):
        wanted = own if own != Asked(Kind.CODE) or not _is_dictated(wanted) else wanted
    if wanted is not None and wanted.kind is Kind.DATE:
        return _date(text) or (Dictation.GOES_ON if broken_off(text, question) else None)
    if run is None and (broken_off(text, question) or announced_and_broken_off(text, own)):
        return Dictation.GOES_ON
    if run is None:
        return _listed(text, wanted)
    if run.open:
        return Dictation.GOES_ON
    if run.letters and not run.digits:
        spelled = _spelled(run, wanted, _names(asked, run.before))
        if spelled is None and broken_off(text, question):
            return Dictation.GOES_ON
        return spelled or (Dictation.PERHAPS_WHOLE if re.search(r"(?:^|\w.* )A\W*$", text) else None)  # "option A"
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
            return Dictation.ANY_LENGTH if len(run.characters) >= _IN_ONE_GO else Dictation.GOES_ON
        case _:
            return _unasked(run)


def _listed(text: str, wanted: Asked | None) -> Dictation | None:
    """Judge a list: one item may be all, but of two without "and" another one follows."""
    words = spoken_words(text)
    if not words:
        return None
    if wanted is not None and wanted.kind is Kind.LIST and (items := items_listed(text)):
        return Dictation.MAY_GO_ON if items == 1 and words[-1] not in ("and", "or") else Dictation.GOES_ON
    if list_goes_on(text):
        return Dictation.GOES_ON
    misheard = two_sorts_needed(text) or (wanted is not None and wanted.kind is Kind.LIST and item_misheard(text))
    return Dictation.MAY_GO_ON if misheard else None


def _is_dictated(wanted: Asked | None) -> bool:
    return wanted is not None and wanted.kind not in (Kind.QUANTITY, Kind.LIST)


def _spells_the_name_before(text: str) -> bool:
    """Return whether the text ends with a name and its first letters in one word: "Smith SMI"."""
    found = _NAME_AND_LETTERS.search(text)
    return found is not None and _much_the_same(found[1].lower(), found[2].lower())


def _much_the_same(name: str, letters: str) -> bool:
    """Return whether at least half of the letters are the name's first ones: recognisers mishear single letters."""
    same = sum(one == other for one, other in zip(name, letters, strict=False))
    return len(letters) <= len(name) and same >= len(letters) / 2


def _ends_like(name: str, letters: str) -> bool:
    """Return whether the letters are a name's to its end, some of them dropped, doubled or misheard."""
    nearly = abs(len(name) - len(letters)) <= _DROPPED_OF_MANY and len(letters) > _FEW
    if not nearly or name.startswith(letters) or same_in_order(name[-2:], letters[-2:]) < 2:
        return False
    return 3 * same_in_order(name, letters) >= 2 * len(letters)


def _counted(length: int, whole: int) -> Dictation:
    """Compare the characters with those expected; where few are missing the recogniser may have dropped them."""
    if length == whole:
        return Dictation.WHOLE
    if length > whole:
        return Dictation.PERHAPS_WHOLE
    nearly = whole - length <= (_DROPPED_OF_MANY if whole >= _MANY else 1) and whole > _FEW
    return Dictation.ANY_LENGTH if nearly else Dictation.GOES_ON


def _phone(run: DictatedRun) -> Dictation:
    """Judge a phone number: North American ones have 10 digits, or 11 from 1; local ones 7.

    Recognisers add a digit to repeated ones ("312 5555" for "312 555"), so that groups of 3 and 4 tell nothing.
    """
    digits, length = run.characters, len(run.characters)
    abroad = run.before.rstrip().endswith(("+", "plus"))
    if length == _LOCAL and digits[0] not in "01" and not abroad:
        return Dictation.ANY_LENGTH
    if (misheard := repetitions(run.before)) and misheard + length == _LOCAL:
        return Dictation.ANY_LENGTH  # "time time time 1234" for "555 1234"
    if digits.startswith("0"):  # national elsewhere: pairs make ten, other groups eleven
        paired = length == 10 and run.groups[-1] == 2
        return Dictation.PERHAPS_WHOLE if paired or length > 11 else _counted(length, 11)
    if digits.startswith("1"):
        return _counted(length, 11)
    return (Dictation.GOES_ON if length < 11 else Dictation.PERHAPS_WHOLE) if abroad else _counted(length, 10)


def _may_be_local(run: DictatedRun) -> bool:
    """Return whether a run may be a local phone number: seven digits in one go, with no longer number asked for."""
    return len(run.characters) == _LOCAL and not run.listed and set(run.groups) in ({1}, {7})


def _unasked(run: DictatedRun) -> Dictation | None:
    """Judge a run of unnamed kind by its form."""
    words, bare = spoken_words(run.before), is_bare(run.before)
    if run.questioned and not bare:
        return None
    if run.amount or (run.perhaps_amount and not bare) or (words and words[-1] in _LABELS | _MONTHS):
        return None
    if len(run.groups) == 1 and not bare and not (run.characters.startswith("0") and len(run.characters) > 1):
        return None
    if _may_be_local(run):
        return Dictation.PERHAPS_WHOLE
    if len(run.characters) == 16:
        return Dictation.PERHAPS_WHOLE
    as_phone = _phone(run)
    return Dictation.PERHAPS_WHOLE if as_phone is Dictation.WHOLE else as_phone


def _spelled(run: DictatedRun, wanted: Asked | None, names: frozenset[str]) -> Dictation | None:
    """Judge letters alone: complete when they spell a name that was said."""
    letters = run.characters.lower()
    if wanted is not None and wanted.kind is Kind.QUANTITY:
        return None
    if wanted is not None and wanted.length is not None:
        return _counted(len(letters), wanted.length)
    if len(letters) > 1 and letters in names:
        return Dictation.WHOLE
    if len(letters) > 2 and any(len(name) == len(letters) and _much_the_same(name, letters) for name in names):
        return Dictation.PERHAPS_WHOLE
    if any(_ends_like(name, letters) for name in names):
        return Dictation.PERHAPS_WHOLE
    if wanted is not None and wanted.kind in (Kind.SPELLING, Kind.CODE):
        return Dictation.GOES_ON
    if letters in ACRONYMS:
        return Dictation.PERHAPS_WHOLE
    words = run.before.lower().rstrip(" ,.;:-").split()
    if len(letters) == 1 and not is_bare(run.before) and not words[-1].startswith(letters):
        return None
    return Dictation.GOES_ON


def _names(asked: str, before: str) -> frozenset[str]:
    """Collect what may be a name: words with a capital, and the one right before the letters."""
    named = re.findall(r"\b[A-Z][^\W\d_]+", f"{asked} {before}") + spoken_words(before)[-1:]
    return frozenset(name.lower() for name in named) - _NO_NAMES


def _date(text: str) -> Dictation | None:
    """Judge a date of birth, complete with its year."""
    plain = re.sub(r"[,.?!]", " ", text.lower()).split()
    if not plain:
        return None
    last = plain[-1]
    number = last.isdigit() or last in UNITS or last in TEENS or last in TENS or "/" in last or "-" in last
    if not number and last not in _MONTHS and not _ORDINALS.match(last):
        return None
    if re.search(r"(?:\b|\D)(?:19|20)\d\d$|^\d{6}$|^\d{8}$|\d+[/-]\d+[/-]\d+$", "".join(plain[-1:])):
        return Dictation.WHOLE
    run = run_at_end(text, capitals=False)
    digits, groups = (run.characters, run.groups) if run else ("", ())
    if re.search(r"(?:19|20)\d\d$", digits) and len(groups) > 1:
        return Dictation.WHOLE
    named = any(word in _MONTHS for word in plain)
    year = len(groups) >= (2 if named else 3) and groups[-1] == 2 and digits[-2:] > _LAST_DAY
    if year or len(digits) in (6, 8):
        return Dictation.WHOLE
    if not named and groups in ((1, 2), (2, 2), (3,)) and digits[-2:] > _LAST_DAY:
        return Dictation.PERHAPS_WHOLE  # no day is as high, and nothing follows a year: the month was misheard
    return Dictation.ANY_LENGTH if not named and len(digits) > _FEW else Dictation.GOES_ON
