"""Lists: do the items at the end of a text go on?"""

import re

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

_BEGINNING = re.compile(rf"^(?:{_NEEDS}|(?:i'd|we'd) like|i'll have|(?:it's|on|for|in|just|um|uh)\b)\s*", re.IGNORECASE)
_ASKS = re.compile(
    r"^(?:do|does|did|can|could|should|would|will|may|have|has|had|am|where|when|which)\b", re.IGNORECASE
)
_SEPARATORS = re.compile(r"[,.;!]+(?:\s+|$)")
_LONGEST = 3


def list_goes_on(text: str) -> bool:
    """Return whether a text that answers no question ends with items of a list of which none is marked as the last."""
    least = 2 if _NEEDS_TWO.search(text) is not None else 3
    items = [item.lower().split() for item in text.strip().rstrip(".").split(",")]
    if len(items) < least or "?" in text or "." in text.strip().rstrip("."):
        return False
    if items[-1][:1] and items[-1][0] in ("and", "or"):
        return False
    return all(0 < len(item) <= 2 and not NO_ITEMS.intersection(item) for item in items[1:]) and not (
        NO_ITEMS.intersection(items[0][-1:]) or {"and", "or"}.intersection(items[-1])
    )


def items_listed(text: str) -> int:
    """Count the items of an answer to a question for a list; 0 if it is none, or if "and" marks its last item."""
    whole = text.strip().replace("’", "'")
    plain = _BEGINNING.sub("", whole)
    items = [item.lower().split() for item in _SEPARATORS.split(plain) if item.strip()]
    if not items or "?" in text or _ASKS.search(whole) or {"and", "or"}.intersection(items[-1][:-1]):
        return 0
    return len(items) if all(len(item) <= _LONGEST and not NO_ITEMS.intersection(item) for item in items) else 0
