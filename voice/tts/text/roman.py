"""Roman numerals after names and titles: "Henry VIII" is the eighth, "Chapter IV" is four."""

import re

from voice.tts.text.numbers import cardinal, ordinal
from voice.tts.text.traced import Piece, Traced

_NUMERAL = r"(?=[IVXL])(?:X[LX]|L?X{0,3})(?:I[XV]|V?I{0,3})(?<=[IVXL])"
_AFTER_NAME = re.compile(
    rf"\b([A-Z][\w'’]{{1,20}})((?<=\bVol)\. | )({_NUMERAL})\b(?![.-]\w|['’](?!s\b)\w)(?=( [a-z]+)?)"
)
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}

_RULERS = frozenset(
    "Henry Louis Elizabeth Charles George William Edward Richard James Philip Paul Benedict Francis Pius Napoleon "
    "Nicholas Alexander Catherine Frederick Ferdinand Leo Gregory Innocent Ivan Peter Otto Ramses Ramesses Ptolemy "
    "Christian Gustav Haakon Olaf Harald Juan Carlos Felipe Alfonso Albert Leopold Baudouin Margrethe Mary Victor "
    "Clement Urban Boniface Sixtus Julius Constantine Theodosius Justinian Darius Xerxes Cyrus Rama Mehmed Murad Selim "
    "Suleiman Robert David Wilhelm Maximilian Rudolf Joseph Umberto Emmanuel Pedro".split()
)
_PARTS = frozenset(
    "Vol "
    "Chapter Part Volume Book Act Scene Type Phase Section Article Title Appendix War Level Class Grade Stage Schedule "
    "Episode Season Bowl Mark Category Division Group Annex Table Figure Canto Psalm Unit Module Lesson Version".split()
)
_ONE_LETTER_VERBS = frozenset("am was have had will would can could do did think know see need want said".split())


def roman(text: Traced) -> Traced:
    """Put Roman numerals in words where a name or a title stands before them. Never raises."""
    return text.replace(_AFTER_NAME, _said)


def _said(match: re.Match[str]) -> list[Piece] | None:
    name, numeral, following = match[1], match[3], (match[4] or "").strip()
    if name not in _RULERS and name not in _PARTS and len(numeral) == 1:
        return None  # a letter, as in "Malcolm X" or "Vitamin K"
    if numeral == "I" and following in _ONE_LETTER_VERBS:
        return None
    value = _value(numeral)
    if name == "Vol":
        return ["Volume ", cardinal(value)]
    return [match.span(1), " ", f"the {ordinal(value)}" if name in _RULERS else cardinal(value)]


def _value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    return sum(-one if one < max(values[at:]) else one for at, one in enumerate(values))
