"""Detection of transcripts that a short window has spoiled: repetitions, and far too few words for the speech."""

import re

UNIT = 3
"""Minimum words of a phrase whose repetition is an error; shorter ones may be meant, unless they are the whole text."""

SPARSE_WORDS_A_SECOND = 0.5
SPARSE_SECONDS = 3.0
"""Fewer words per second in at least this much speech are an error."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without punctuation."""
    return [word.lower() for word in _WORD.findall(text)]


def repeats_itself(text: str) -> bool:
    """Return whether the text is one phrase repeated, or contains a phrase of `UNIT` words twice in a row."""
    words = words_of(text)
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
    """Return whether a transcript has too few words for its speech.

    Args:
        text: the transcript.
        speech_s: seconds of speech, without pauses.
    """
    return speech_s >= SPARSE_SECONDS and len(_WORD.findall(text)) < SPARSE_WORDS_A_SECOND * speech_s
