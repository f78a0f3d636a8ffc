"""Words that a call is likely to need, taken from a second look that was told them, and only where they fit.

A prompt can swallow a whole utterance, double a short one, or come back as its transcript. So the first look is never
told the vocabulary, and of the second no more is believed than that a word which sounded like this is this one.
"""

import re
from difflib import SequenceMatcher

ALIKE = 0.6
"""Share of letters that both looks must have in common, in order: of another text, nothing is taken."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SHORTEST_TERM = 3


def with_terms(heard: str, told: str, vocabulary: str) -> str:
    """What was heard, with the words of the vocabulary that only the look which was told them has.

    Args:
        heard: the transcript of a look that knew nothing.
        told: that of a look which was told the vocabulary.
        vocabulary: names and terms.

    Returns:
        "Ruth Penhallow, please." for "Ruth Penello, please.", "Ruth Penhallow please" and "Ruth Penhallow, The clinic".
    """
    terms = {word for word in _words(vocabulary) if len(word) >= _SHORTEST_TERM}
    places, others = list(_WORD.finditer(heard)), list(_WORD.finditer(told))
    first, second = [place[0].lower() for place in places], [place[0].lower() for place in others]
    if not terms & (set(second) - set(first)):
        return heard
    if SequenceMatcher(None, "".join(first), "".join(second), autojunk=False).ratio() < ALIKE:
        return heard
    text = heard
    for kind, start, end, told_start, told_end in reversed(
        SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    ):
        if kind == "replace" and terms & set(second[told_start:told_end]):
            words = told[others[told_start].start() : others[told_end - 1].end()]
            text = text[: places[start].start()] + words + text[places[end - 1].end() :]
    return text


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
