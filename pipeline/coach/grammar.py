"""Word order: pairs of words that do not follow each other in English sentences, whoever speaks.

Key words between function words ("the worried you are because the permission belongs to the him") are found by this,
without a parser. The pairs are those of closed classes only (articles, pronouns, prepositions, auxiliaries), so that
the usual mistakes of people who are learning English, in endings, tenses or missing articles, are none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SUBJECTS = _words("i he she we they")
_OBJECTS = _words("me him us them")
_BE = _words("am is are was were")
_DO = _words("do does did have has had")
_MODALS = _words("can could will would shall should may might must cannot")
_ARTICLES = _words("the a an my our their every")
_ASKING = _words("what why how when where who")
_INVERTS = _BE | _MODALS | _DO
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Pair:
    """Words that do not follow others.

    Attributes:
        unless_before, unless_next: the word before the pair, and the one after it, with which it is right after all.
        written: only in punctuated texts, as in a transcript a sentence may end between the two.
    """

    first: frozenset[str]
    second: frozenset[str]
    unless_before: frozenset[str] = _NONE
    unless_next: frozenset[str] = _NONE
    written: bool = False


_ROWS = (
    ("of into from", "of into than"),
    ("to for with about by in on", "of than"),
    ("of", "to for with in on do because"),
    ("for", "to in"),
    ("with", "by"),
    ("by", "with"),
    ("about from", "by"),
    ("about", "with for"),
    ("to", "for"),
    ("with at", "to"),
    ("of from into to at with by for", "can could would should must does did has had cannot am"),
    ("or but if", "of than or"),
    ("so", "of with or from"),
    ("very", "of the a an is are and to can will you i we he they it for with or by from"),
    ("too", "of"),
    ("am is are was were", "am does did"),
)
_PAIRS = (
    *(_Pair(_words(row[0]), _words(row[1]), _words(" ".join(row[2:]))) for row in _ROWS),
    _Pair(
        _ARTICLES,
        _SUBJECTS
        | _OBJECTS
        | (_BE - {"is"})
        | _words(
            "is does did has had could would should cannot be been you and or but if because than of to with from into "
            "a an the my our their there please tell see"
        ),
        _words("an get got"),
    ),
    _Pair(_words("a an the my our"), _ASKING, unless_next=_words("and or of")),
    _Pair(
        _SUBJECTS,
        _SUBJECTS | _OBJECTS | _words("a an the my our their of from into than you it your what how"),
        _INVERTS | {"and"},
    ),
    _Pair(_OBJECTS, _OBJECTS),
    _Pair(_words("of into"), _SUBJECTS),
    _Pair(_words("from by with at to"), _SUBJECTS, written=True),
    _Pair(
        _MODALS,
        _BE | _OBJECTS | _words("has does did of"),
        _words("a an the my your his her our their of in this that"),
    ),
    _Pair(_MODALS, _MODALS, _words("a an the my your his her our their of in this that"), written=True),
    _Pair(
        _BE,
        _MODALS,
        unless_next=_SUBJECTS | _words("you it the a an my your his her there this that our their any anybody what"),
    ),
    _Pair(_ASKING, _words("what why how")),
)

_BASE_ING = _words("bring ring sing swing sting cling fling spring string thing anything nothing something everything")
_BASE_ED = _words("need feed speed bleed proceed exceed succeed seed shed embed wed breed heed")
_PAST = _words("happened went said was were is are am has had came took made")
_USED_TO = _words("used due compared thanks close next according up back limited related similar")
_NEVER_LAST = _SUBJECTS | _words("the an my our their and or because than if")
_MAY_ASK_LAST = _words(
    "know knows say says tell tells see sure wonder ask idea understand matter remember since until by from and or "
    "till for so but then"
)
_LONG_ENOUGH = 5
"""Number of words from which a question word at the end is no question of its own ("Since when?")."""


def misplaced(words: Sequence[str], *, punctuated: bool, ends: bool) -> int:
    """Count the places of a clause at which no English sentence goes on, or ends, in this way.

    Args:
        words: the clause, normalised.
        punctuated: whether its text has punctuation, so that a clause is one.
        ends: whether a full stop or the like ends it.
    """
    found = sum(_is_misplaced(words, place, punctuated) for place in range(1, len(words)))
    return found + (punctuated and ends and _breaks_off(words))


def _is_misplaced(words: Sequence[str], place: int, punctuated: bool) -> bool:
    first, second = words[place - 1], words[place]
    before = words[place - 2] if place > 1 else ""
    following = words[place + 1] if place + 1 < len(words) else ""
    for pair in _PAIRS:
        if first in pair.first and second in pair.second and first != second:
            if before in pair.unless_before or following in pair.unless_next or (pair.written and not punctuated):
                continue
            return True
    return _has_wrong_form(before, first, second)


def _has_wrong_form(before: str, first: str, second: str) -> bool:
    """Return whether a past or an -ing form stands where only the base form can."""
    past = second.endswith("ed") and second not in _BASE_ED
    if first == "to":
        return past and before not in _USED_TO
    people = _SUBJECTS | {"you", "it"}
    if first in _MODALS and before in people:
        return past or (second.endswith("ing") and second not in _BASE_ING)
    return before in (_MODALS | {"do", "does", "did"}) and first in people and (past or second in _PAST)


def _breaks_off(words: Sequence[str]) -> bool:
    last = words[-1] if len(words) > 2 else ""
    if last in _ASKING and len(words) >= _LONG_ENOUGH:
        return not _MAY_ASK_LAST.intersection(words[:-1])
    return last in _NEVER_LAST and not (last in _SUBJECTS and words[-2] in _INVERTS | _words("than and as or"))
