"""Merging of a call's vocabulary into a transcript, from a second decoding with the vocabulary as its prompt.

A prompt can swallow a whole utterance, double a short one, or come back as its transcript. Therefore the first decoding
has no prompt, and of the second only words of the vocabulary are adopted, in place of words that sound like them.
"""

import re
from difflib import SequenceMatcher

ALIKE = 0.6
"""Minimum share of letters that both transcripts have in common, in order; otherwise nothing is adopted."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SHORTEST_TERM = 3


def with_terms(heard: str, prompted: str, vocabulary: str) -> str:
    """Merge the words of the vocabulary that only the second transcript has into the first.

    Args:
        heard: the transcript without a prompt.
        told: the transcript with the vocabulary as the prompt.
        vocabulary: names and terms.

    Returns:
        "Ruth Penhallow, please." for "Ruth Penello, please.", "Ruth Penhallow please" and "Ruth Penhallow, The clinic".
    """
    terms = {word for word in _words(vocabulary) if len(word) >= _SHORTEST_TERM}
    places, others = list(_WORD.finditer(heard)), list(_WORD.finditer(prompted))
    first, second = [place[0].lower() for place in places], [place[0].lower() for place in others]
    if not terms & (set(second) - set(first)):
        return heard
    if SequenceMatcher(None, "".join(first), "".join(second), autojunk=False).ratio() < ALIKE:
        return heard
    text = heard
    for kind, start, end, prompted_start, prompted_end in reversed(
        SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    ):
        if kind == "replace" and terms & set(second[prompted_start:prompted_end]):
            words = prompted[others[prompted_start].start() : others[prompted_end - 1].end()]
            text = text[: places[start].start()] + words + text[places[end - 1].end() :]
    return text


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
