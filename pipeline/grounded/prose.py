"""Written text: where its sentences end, and which of them another text repeats."""

import re
from itertools import pairwise

from voice.tts.text.abbreviations import ends_with_abbreviation

QUOTED_WORDS = 3
"""Shorter sentences are in many texts by chance."""

_STOP = re.compile(r"[.!?…]+[\"'”’)]*(?=\s|$)")
_CLOSERS = "\"'”’)"
_LEAD_IN = re.compile(r"^\s*\*\*([^*]+)\*\*\s*", re.MULTILINE)
_MARKS = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_LIST_ITEM = re.compile(r"^\s*([>*-]+|\d+\.)\s+")


def sentence_ends(text: str) -> list[int]:
    """Return the places after its stops that white space or the text's end follows; an abbreviation's stop is none."""
    return [
        found.end()
        for found in _STOP.finditer(text)
        if not ends_with_abbreviation(text[max(0, found.start() - 16) : found.end()].rstrip(_CLOSERS))
    ]


def lead_ins(text: str) -> str:
    """Return the words in bold that its lines begin with, which say what the sentences after them are about."""
    return " ".join(_LEAD_IN.findall(text))


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, without headings, lead-ins and marks."""
    plain = (_MARKS.sub("", _LEAD_IN.sub("", line)) for line in text.splitlines() if not line.startswith("#"))
    lines = (_LIST_ITEM.sub("", line).strip() for line in plain)
    joined = " ".join(line for line in lines if line)
    pieces = (joined[start:end].strip() for start, end in pairwise([0, *sentence_ends(joined), len(joined)]))
    return [piece for piece in pieces if piece]


def quoted(passage: str, text: str) -> list[tuple[int, int]]:
    """Return where a text repeats sentences of a passage word for word: start and end of each, in the text's order."""
    places = ((text.find(sentence), sentence) for sentence in sentences(passage))
    return sorted(
        (start, start + len(sentence)) for start, sentence in places if start >= 0 and _is_more_than_chance(sentence)
    )


def _is_more_than_chance(sentence: str) -> bool:
    return len(sentence.split()) >= QUOTED_WORDS
