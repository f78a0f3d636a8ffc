"""Word error rate (WER) of transcripts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import jiwer
from num2words import num2words

_SAME = {
    "can't": "cannot",
    "won't": "will not",
    "shan't": "shall not",
    "let's": "let us",
    "ok": "okay",
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "gonna": "going to",
    "wanna": "want to",
}
_ENDINGS = {"n't": " not", "'m": " am", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}
# "'s" is "is" after these words, and a possessive after any other.
_IS = frozenset("he she it that this what who where when how here there".split())

_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)?|[^\W\d_]+(?:'[^\W\d_]+)*|%")


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Word errors, which can be summed over utterances.

    Attributes:
        errors: substitutions, deletions and insertions.
        words: words of the reference.
    """

    errors: int = 0
    words: int = 0

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(self.errors + other.errors, self.words + other.words)

    @property
    def rate(self) -> float:
        """Errors per reference word; the number of errors if the reference is empty."""
        return self.errors / max(self.words, 1)


def normalised_words(text: str) -> list[str]:
    """Normalise a text to words for comparison: lower case, no punctuation, contractions and numbers written out.

    "I'm 21, can't wait!" becomes `i am twenty one cannot wait`. Numbers up to 9999 are read as quantities.
    """
    text = text.lower().replace("’", "'")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    words = [word for token in _TOKEN.findall(text) for word in _written_out(token)]
    joined = " ".join(words).replace("can not", "cannot").replace("all right", "alright")
    return joined.split()


def word_errors(reference: str, heard: str) -> WordErrors:
    """Count the errors between two texts after `normalised_words`, as jiwer does.

    Args:
        reference: what was said.
        heard: the transcript.

    Source: jiwer, by which word error rates are published.
    """
    said, got = normalised_words(reference), normalised_words(heard)
    if not said:
        return WordErrors(len(got), 0)
    found = jiwer.process_words(" ".join(said), " ".join(got))
    return WordErrors(found.substitutions + found.deletions + found.insertions, len(said))


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the word error rate over (reference, heard) pairs, weighted by words."""
    return sum((word_errors(reference, heard) for reference, heard in pairs), WordErrors()).rate


def _written_out(token: str) -> list[str]:
    if token == "%":
        return ["percent"]
    if token[0].isdigit():
        return _number(token)
    if token in _SAME:
        return _SAME[token].split()
    for ending, full in _ENDINGS.items():
        if token.endswith(ending):
            return (token.removesuffix(ending) + full).split()
    if token.endswith("'s") and token[:-2] in _IS:
        return [token[:-2], "is"]
    return [token.replace("'", "")]


def _number(token: str) -> list[str]:
    digits = re.sub(r"\D", "", token)
    if len(digits) > 4 or (len(digits) > 1 and digits[0] == "0"):
        return [num2words(int(digit)) for digit in digits]
    written: str = num2words(int(digits), to="cardinal" if digits == token else "ordinal")
    return [word for word in re.split(r"[ ,-]+", written) if word != "and"]
