"""What was that sound over the persona's voice: words, the beginning of some, a nod, or its own echo?"""

import functools
import re
from enum import StrEnum


class Sound(StrEnum):
    NOTHING = "nothing"
    FRAGMENT = "fragment"
    BACKCHANNEL = "backchannel"
    ECHO = "echo"
    WORDS = "words"


_BACKCHANNELS = frozenset(
    """
    uh-huh uh huh mm-hmm mm hmm mhm hm um ah oh yeah yes yep yup okay ok right sure really wow alright ha
    """.split()
)
_BACKCHANNEL_PHRASES = frozenset({"i see", "go on", "got it", "of course", "all right", "that's right", "makes sense"})

_FUNCTION_WORDS = frozenset("a an the and but or so of to at in on for from by with as than".split())
_FRAGMENT_WORDS = 2
"""Articles, conjunctions and prepositions ask for nothing by themselves. So few of them, and no other word, are the
beginning of something, or what a recogniser makes of a listening noise: "uh huh" comes out as "the", "but", "of of"."""

_LATELY = 40
"""How many of the persona's latest words an echo may come from."""


def normalised_words(text: str) -> list[str]:
    """Lower-case words without punctuation; hyphens stay."""
    return re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower())


@functools.lru_cache(maxsize=512)
def sounds_like(text: str, *, spoken: str = "") -> Sound:
    """Judge what was recognised while the persona spoke.

    Asked for every frame over a reply, with words that change three times a second: the latest verdicts are kept.

    Args:
        text: the transcript, partial or final, of what came over the reply.
        spoken: what the persona said lately; words that merely repeat it in order are its echo.
    """
    words = normalised_words(text)
    if not words:
        return Sound.NOTHING
    nods = _BACKCHANNELS.intersection(words)
    if " ".join(words) in _BACKCHANNEL_PHRASES or (nods and _BACKCHANNELS.union(_FUNCTION_WORDS).issuperset(words)):
        return Sound.BACKCHANNEL
    if len(words) <= _FRAGMENT_WORDS and _FUNCTION_WORDS.issuperset(words):
        return Sound.FRAGMENT
    return Sound.ECHO if _echoes(words, normalised_words(spoken)[-_LATELY:]) else Sound.WORDS


def _echoes(words: list[str], spoken: list[str]) -> bool:
    """Whether at least two words, and four in five of them, stand in the same order in what was spoken."""
    if len(words) < 2 or not spoken:
        return False
    longest = [0] * (len(spoken) + 1)
    for word in words:
        diagonal = 0
        for column, other in enumerate(spoken, start=1):
            above = longest[column]
            longest[column] = diagonal + 1 if word == other else max(above, longest[column - 1])
            diagonal = above
    return longest[-1] >= max(2, round(0.8 * len(words)))
