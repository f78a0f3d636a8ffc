"""Dictations whose last words were misheard: recognisers write "for one time" for "four one five", and "Hi" for "I"."""

import re
from itertools import takewhile

from pipeline.turn.asked import Asked, Kind
from pipeline.turn.run import digits_in, is_said_alone, said_up_to, spoken_words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANNOUNCED = re.compile(
    r"\b(?:numbers?|code|pin|zip|card|digits)\b(?: \w+){0,3}(?: (?:is|are)|'s|:) (.*)$"
    r"|\b(?:reach|call|text|contact|ring) (?:me|us)(?: back)? (?:at|on) (.*)$",
    re.IGNORECASE | re.DOTALL,
)
_REFUSALS = _words(
    "no not don't doesn't didn't can't couldn't won't why what who how sorry know remember forgot forgotten have "
    "haven't where when never help lost because want need stop please which gave told called already you your"
)
_CLOSINGS = _words("thanks thank bye goodbye hello hi hey yes yeah yep sure okay ok that's")
_OTHERWISE = _REFUSALS | _CLOSINGS
_UNITS_AND_LAST_ITEMS = _words(
    "o'clock am pm a.m p.m dollars dollar euros pounds percent years year months weeks days hours hour minutes minute "
    "people persons times of or and please tickets"
)
_SOUND_LIKE_LETTERS = _words(
    "a ay hey eh be bee bye see sea c'mon the he eat eve if gee hi aye eye i jay kay okay ok hell el and end in an then"
    " n m em am him oh owe pee pea queue cue are our or as yes s us tea tee tell you u we why wide ex axe x is said zee"
)
"""How single letters come out."""

_SPELLED_WITH_A_WORD = re.compile(
    r"\b(?:as (?:in|an|and)|for|like) \w+\W*$|^(?:\W*\b\w{1,4} (?:as|is|has|was) (?:in|an?|and) \w+\b)+\W*$",
    re.IGNORECASE,
)
"""Also as it is misheard: "He is in Brabo. He is an Echo." for "B as in Bravo, E as in Echo"."""

_SAID_TWICE = _words(
    "yes no yeah yep nope ok okay sure right please thanks thank sorry bye goodbye hello hi hey well now wait stop help"
    " fine good great nice very really so too never ever again more much far long hear there here go come on okey true"
    " same knock test testing chop quick quickly half that know claro danke bitte gracias merci bravo vale genau doch"
)
"""What people say twice in succession, if it has as many letters as `_LEAST_LETTERS`."""

_LEAST_LETTERS = 4

_FEW_WORDS = 6
_MORE_WORDS, _MORE_WORDS_SPELLED = 3, 4  # "E as in echo"
_LEAST = {Kind.PHONE: 7, Kind.CARD: 15, Kind.ZIP: 5, Kind.CODE: 6}
_YEAR = re.compile(r"\b(?:19|20)\d\d\b|[/-]\d\d\b")


def broken_off(text: str, asked: Asked | None) -> bool:
    """Return whether what was asked for is not all there, though the text ends with another word.

    Callers also comment on what they dictate.
    """
    if asked is None or asked.kind in (Kind.QUANTITY, Kind.LIST):
        return False
    words, is_spelling = spoken_words(text), asked.kind is Kind.SPELLING
    if is_spelling and len(words) <= _FEW_WORDS and _SOUND_LIKE_LETTERS.issuperset(words):
        return True
    if text.rstrip().endswith("?") or (_REFUSALS if is_spelling else _OTHERWISE).intersection(words):
        return False
    if is_spelling:
        return len(words) <= _FEW_WORDS or _SPELLED_WITH_A_WORD.search(text) is not None
    if asked.kind is Kind.DATE:
        return not _YEAR.search(text) and len(words) <= _FEW_WORDS
    digits = digits_in(text)
    return digits < _least(asked) if digits else len(words) <= _FEW_WORDS


def announced_and_broken_off(text: str, own: Asked | None) -> bool:
    """Return the same of a number that the caller announces: "my number is 4 1 time"."""
    announced = _ANNOUNCED.search(text)
    dictated = own is not None and own.kind not in (Kind.QUANTITY, Kind.LIST)
    if own is None or not dictated or announced is None or text.rstrip().endswith("?"):
        return False
    said = announced[1] or announced[2]
    after = spoken_words(said[said_up_to(said) :])
    return 0 < digits_in(said) < _least(own) and len(after) <= _FEW_WORDS and not _OTHERWISE.intersection(after)


def still_going_on(text: str, so_far: str, wanted: Asked | None) -> bool:
    """Return whether a dictation that went on at the pause before still does: few words came, and none that ends it.

    Args:
        text: the turn so far.
        so_far: the same at that pause; empty for no dictation.
        wanted: what is dictated, if that is known.
    """
    if not so_far or (text.rstrip().endswith("?") and not so_far.rstrip().endswith("?")):
        return False
    words, before = spoken_words(text), spoken_words(so_far)
    spelling = wanted is not None and wanted.kind is Kind.SPELLING
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(words, before, strict=False)))
    more = words[same:]
    few = _MORE_WORDS_SPELLED if spelling else _MORE_WORDS
    if len(words) > len(before) + few or (wanted is not None and digits_in(text) >= _least(wanted)):
        return False
    if _UNITS_AND_LAST_ITEMS.intersection(more) and not any(map(is_said_alone, more)):
        return False
    spelled = all(len(word) == 1 and word.isalpha() for word in before)
    spelled = spelled or (spelling and not digits_in(so_far))
    return not (_REFUSALS if spelled else _OTHERWISE).intersection(more)


def _least(asked: Asked) -> int:
    """Return the number of digits from which a dictated number may be complete."""
    return asked.length or _LEAST.get(asked.kind, 8)


def repetitions(text: str) -> int:
    """Return how often the last word is said in succession, if it stands for a repeated digit; else 0.

    "Salmon salmon" is "seven seven", and "time time time" is "five five five".
    """
    words = spoken_words(text)
    if not words or len(words[-1]) < _LEAST_LETTERS or words[-1] in _SAID_TWICE or is_said_alone(words[-1]):
        return 0
    times = sum(1 for _ in takewhile(lambda word: word == words[-1], reversed(words)))
    return times if times > 1 else 0


def same_in_order(name: str, letters: str) -> int:
    """Count the letters that both words have in the same order; M and N are one letter, as they sound alike."""
    name, letters = name.replace("m", "n"), letters.replace("m", "n")
    counts = [0] * (len(letters) + 1)
    for one in name:
        before = counts
        counts = [0]
        for index, other in enumerate(letters):
            counts.append(before[index] + 1 if one == other else max(before[index + 1], counts[index]))
    return counts[-1]
