"""Classifies speech over a reply: words, perhaps the beginning of some, a backchannel, or an echo."""

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
"""Articles, conjunctions and prepositions need no answer by themselves. So few of them, and no other word, are the
beginning of a sentence, or a misrecognised backchannel: "uh huh" is transcribed as "the", "but", "of of"."""

_LATELY = 40
"""How many of the persona's latest words are searched for an echo."""


def normalised_words(text: str) -> list[str]:
    """Lower-case words without punctuation; hyphens stay."""
    return re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower())


@functools.lru_cache(maxsize=512)
def sounds_like(text: str, *, spoken: str = "") -> Sound:
    """Classify what was recognised while the persona spoke.

    It is called for every frame over a reply, with words that change three times a second: latest results are cached.

    Args:
        text: the transcript, partial or final, of the speech over the reply.
        spoken: the persona's latest words; a text that merely repeats them in order is an echo.
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
    """Return whether at least two words, and four in five of them, occur in the same order in what was spoken."""
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
