"""Lists: do the items at the end of a text go on?"""

import re

from pipeline.turn.run import spoken_words

NO_ITEMS = frozenset(
    "yes no yeah yep okay ok well oh sure please thanks thank sorry hello hi hey bye goodbye right i you he she it we"
    " they is are was were do does did have has can could will would not don't here there now today tomorrow really too"
    " actually exactly then again sir ma'am nothing none everything all what why how who that this alright fine"
    " good great let been going trying".split()
)

_NEEDS = (
    r"(?:\w+ )?(?:i|we) (?:need|want|have|take|bring|buy|bought|ordered|like|sell|brought|would like|'d like|am taking)"
)
_NEEDS_TWO = re.compile(
    rf"^{_NEEDS} (?:\w+ )?\w+, "
    r"(?!please|thanks|thank|too|now|right|okay|sir|madam|love|really|honestly|actually|though|yes|no)[a-z]+\W*$",
    re.IGNORECASE,
)
"""Two things that somebody needs, the second one not a name: "and" would come before the last of them."""

_PLURAL = (
    r"(?!always|sometimes|nowadays|afterwards|perhaps|besides|(?:up|down)stairs|(?:in|out)doors|overseas)"
    r"[a-z]{2,}[^\W\dsui_]s"
)
_NEEDS_TWO_SORTS = re.compile(rf"^{_NEEDS} {_PLURAL} {_PLURAL}\W*$", re.IGNORECASE)
"""The same without a comma: "I need apples pears"."""

_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_TWO_OF_A_KIND = re.compile(rf"\b(?:{_DAY}\W+{_DAY}|{_MONTH}\W+{_MONTH})\W*$", re.IGNORECASE)
_CORRECTS = frozenset("no not sorry mean rather instead actually".split())

_BEGINNING = re.compile(rf"^(?:{_NEEDS}|(?:i'd|we'd) like|i'll have|(?:it's|on|for|in|just|um|uh)\b)\s*", re.IGNORECASE)
_ASKS = re.compile(
    r"^(?:do|does|did|can|could|should|would|will|may|have|has|had|am|where|when|which)\b", re.IGNORECASE
)
_SEPARATORS = re.compile(r"[,.;!]+(?:\s+|$)")
_LONGEST = 3
_WORD_AND_CLAUSE = re.compile(r"^(\w+), ((?:i|you|he|she|we|they|it)(?: [\w']+){1,2})[.,]?$", re.IGNORECASE)
_COMMENTS = frozenset(
    "think guess believe suppose mean know see am can could will would do did is was said need want like".split()
)


def list_goes_on(text: str) -> bool:
    """Return whether a text that answers no question ends with items of a list of which none is marked as the last."""
    if _TWO_OF_A_KIND.search(text) is not None and "?" not in text:
        return not _CORRECTS.intersection(spoken_words(text))
    least = 2 if _NEEDS_TWO.search(text) is not None else 3
    items = [item.lower().split() for item in text.strip().rstrip(".").split(",")]
    if len(items) < least or "?" in text or "." in text.strip().rstrip("."):
        return False
    if items[-1][:1] and items[-1][0] in ("and", "or"):
        return False
    return all(0 < len(item) <= 2 and not NO_ITEMS.intersection(item) for item in items[1:]) and not (
        NO_ITEMS.intersection(items[0][-1:]) or {"and", "or"}.intersection(items[-1])
    )


def two_sorts_needed(text: str) -> bool:
    """Return whether somebody needs two sorts of things without "and" between them."""
    return _NEEDS_TWO_SORTS.search(text.strip()) is not None


def item_misheard(text: str) -> bool:
    """Return whether an answer to a question for a list is one word and a short clause without a comment.

    The second item was misheard: "Aspirin, I view profan" for "aspirin, ibuprofen".
    """
    found = _WORD_AND_CLAUSE.search(_BEGINNING.sub("", text.strip().replace("’", "'")))
    return (
        found is not None
        and not NO_ITEMS.intersection([found[1].lower()])
        and not (_COMMENTS.intersection(found[2].lower().split()))
    )


def items_listed(text: str) -> int:
    """Count the items of an answer to a question for a list; 0 if it is none, or if "and" marks its last item."""
    whole = text.strip().replace("’", "'")
    plain = _BEGINNING.sub("", whole)
    items = [item.lower().split() for item in _SEPARATORS.split(plain) if item.strip()]
    if not items or "?" in text or _ASKS.search(whole) or {"and", "or"}.intersection(items[-1][:-1]):
        return 0
    return len(items) if all(len(item) <= _LONGEST and not NO_ITEMS.intersection(item) for item in items) else 0
