"""Numbers, spelled names and lists: is the dictation complete, or does the caller go on?

A run of digits or letters at the end of a text is unfinished unless its length says that it is complete. A run is a
dictation by the question before it, by the caller's own words ("my number is"), or by its form ("4, 1, 5"); a number
that merely ends a sentence ("room 12", "at half past 3") is none.
"""

import re
from enum import StrEnum

from pipeline.turn.asked import Asked, Kind, asked_for
from pipeline.turn.listed import NO_ITEMS, list_goes_on
from pipeline.turn.run import (
    ACRONYMS,
    TEENS,
    TENS,
    UNITS,
    DictatedRun,
    digits_in,
    is_bare,
    run_at_end,
    said_up_to,
    spoken_words,
)


class Dictation(StrEnum):
    GOES_ON = "goes on"
    PERHAPS_WHOLE = "perhaps whole"
    WHOLE = "whole"


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
_ANNOUNCED = re.compile(
    r"\b(?:numbers?|code|pin|zip|card|digits)\b(?: \w+){0,3}(?: (?:is|are)|'s|:) (.*)$", re.IGNORECASE | re.DOTALL
)
_OTHERWISE = _words(
    "no not don't doesn't didn't can't couldn't won't why what who how sorry know remember forgot forgotten have "
    "haven't where when thanks thank bye goodbye hello hi hey yes yeah yep sure okay ok never help lost because "
    "want need stop please that's which gave told called already you your"
)
_FEW_WORDS = 4
_LEAST = {Kind.PHONE: 7, Kind.CARD: 15, Kind.ZIP: 5}


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
    capitals = capitals or _spells_the_name_before(text)
    run = run_at_end(text, capitals=capitals)
    own = asked_for(run.before if run else text)
    if own is not None and not (own.kind is Kind.LIST or (own.kind is Kind.QUANTITY and _is_dictated(wanted))):
        wanted = own if own != Asked(Kind.CODE) or not _is_dictated(wanted) else wanted
    if wanted is not None and wanted.kind is Kind.DATE:
        return _date(text)
    if run is None and spelling and _may_be_spelled(text):
        return Dictation.GOES_ON
    if run is None and (_broken_off(text, question) or _broken_off_own(text, own)):
        return Dictation.GOES_ON
    if run is None:
        return Dictation.GOES_ON if list_goes_on(text, short=wanted is not None and wanted.kind is Kind.LIST) else None
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


def _spells_the_name_before(text: str) -> bool:
    """Return whether the text ends with a name and its first letters in one word: "Smith SMI"."""
    found = _NAME_AND_LETTERS.search(text)
    return found is not None and found[1].lower().startswith(found[2].lower())


def _broken_off(text: str, asked: Asked | None) -> bool:
    """Return whether a number was asked for and is not all there, though the text ends with another word.

    Recognisers mishear digits ("for one time" for "four one five"), and callers comment on them.
    """
    if asked is None or not _is_dictated(asked) or asked.kind in (Kind.DATE, Kind.SPELLING):
        return False
    words = spoken_words(text)
    if text.rstrip().endswith("?") or _OTHERWISE.intersection(words):
        return False
    digits = digits_in(text)
    return digits < _least(asked) if digits else len(words) <= _FEW_WORDS


def _broken_off_own(text: str, own: Asked | None) -> bool:
    """Return the same of a number that the caller announces: "my number is 4 1 time"."""
    announced = _ANNOUNCED.search(text)
    if own is None or not _is_dictated(own) or announced is None or text.rstrip().endswith("?"):
        return False
    said = announced[1]
    after = spoken_words(said[said_up_to(said) :])
    return 0 < digits_in(said) < _least(own) and len(after) <= _FEW_WORDS and not _OTHERWISE.intersection(after)


def _least(asked: Asked) -> int:
    """Return the number of digits from which a dictated number may be complete."""
    return asked.length or _LEAST.get(asked.kind, 99)


def _counted(length: int, whole: int) -> Dictation:
    if length == whole:
        return Dictation.WHOLE
    return Dictation.GOES_ON if length < whole else Dictation.PERHAPS_WHOLE


def _phone(run: DictatedRun) -> Dictation:
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


def _may_be_local(run: DictatedRun) -> bool:
    """Return whether a run may be a local phone number: seven digits in one go, with no longer number asked for."""
    return len(run.characters) == 7 and not run.listed and set(run.groups) in ({1}, {7})


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
    whole = len(run.characters) == 16 or _phone(run) is not Dictation.GOES_ON
    return Dictation.PERHAPS_WHOLE if whole else Dictation.GOES_ON


def _spelled(run: DictatedRun, wanted: Asked | None, names: frozenset[str]) -> Dictation | None:
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


def _may_be_spelled(text: str) -> bool:
    """Return whether the text is a name and nothing else: its spelling may follow."""
    words = spoken_words(text)
    return len(words) <= 2 and not NO_ITEMS.intersection(words) and not text.rstrip().endswith("?")


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
    year = len(groups) >= (2 if named else 3) and groups[-1] == 2 and "31" < digits[-2:] <= "99"
    if year or len(digits) in (6, 8):
        return Dictation.WHOLE
    return Dictation.GOES_ON
