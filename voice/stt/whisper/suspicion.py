"""What a transcript looks like that a short window has spoiled: it repeats itself, or is far less than was said."""

import re

UNIT = 3
"""Words of a phrase that nobody says twice in a row; fewer may be meant ("five five"), unless they are all there is."""

SPARSE_WORDS_A_SECOND = 0.5
SPARSE_SECONDS = 3.0
"""Nobody speaks this long and says fewer words than that."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def repeats_itself(text: str) -> bool:
    """Whether the whole is one word or phrase several times over, or a phrase of `UNIT` words comes twice in a row."""
    words = [word.lower() for word in _WORD.findall(text)]
    count = len(words)
    for length in range(1, count // 2 + 1):
        if count % length == 0 and words == words[:length] * (count // length):
            return True
        if length >= UNIT and any(
            words[start : start + length] == words[start + length : start + 2 * length]
            for start in range(count - 2 * length + 1)
        ):
            return True
    return False


def is_sparse(text: str, speech_s: float) -> bool:
    """Whether so much speech must hold more words than these.

    Args:
        text: what was made of it.
        speech_s: seconds of speech, pauses apart.
    """
    return speech_s >= SPARSE_SECONDS and len(_WORD.findall(text)) < SPARSE_WORDS_A_SECOND * speech_s
