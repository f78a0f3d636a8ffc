"""Lists: do the items at the end of a text go on?"""

import re

NO_ITEMS = frozenset(
    "yes no yeah yep okay ok well oh sure please thanks thank sorry hello hi hey bye goodbye right i you he she it we"
    " they is are was were do does did have has can could will would not don't here there now today tomorrow really too"
    " actually exactly then again sir ma'am".split()
)

_NEEDS_TWO = re.compile(
    r"^(?:\w+ )?(?:i|we) (?:need|want|have|take|bring|buy|bought|ordered|like|sell|brought) (?:\w+ )?\w+, "
    r"(?!please|thanks|thank|too|now|right|okay|sir|madam|love|really|honestly|actually|though|yes|no)[a-z]+\W*$",
    re.IGNORECASE,
)
"""Two things that somebody needs, the second one not a name: "and" would come before the last of them."""


def list_goes_on(text: str, *, short: bool) -> bool:
    """Return whether the text ends with items of a list of which none is marked as the last.

    Args:
        short: two items are enough, as the question asks for a list.
    """
    short = short or _NEEDS_TWO.search(text) is not None
    items = [item.lower().split() for item in text.strip().rstrip(".").split(",")]
    if len(items) < (2 if short else 3) or "?" in text or "." in text.strip().rstrip("."):
        return False
    if items[-1][:1] and items[-1][0] in ("and", "or"):
        return False
    return all(0 < len(item) <= 2 and not NO_ITEMS.intersection(item) for item in items[1:]) and not (
        NO_ITEMS.intersection(items[0][-1:]) or {"and", "or"}.intersection(items[-1])
    )
