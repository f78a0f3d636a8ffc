"""Sentence segmentation of written text, and detection of verbatim quotes."""

import re
from itertools import pairwise

from voice.tts.text.abbreviations import ends_with_abbreviation

QUOTED_WORDS = 3
"""Minimum words of a quote: shorter sentences match many texts by chance."""

_STOP = re.compile(r"[.!?…]+[\"'”’)]*(?=\s|$)")
_CLOSERS = "\"'”’)"
_LEAD_IN = re.compile(r"^[^\S\n]*\*\*([^*]+)\*\*\s*", re.MULTILINE)
_MARKS = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_BLOCKS = re.compile(r"\n(?=[^\S\n]*(?:\n|[>*+-][^\S\n]|\d+\.[^\S\n]|#))")
_LIST_ITEM = re.compile(r"^\s*([>*-]+|\d+\.)\s+")


def sentence_ends(text: str) -> list[int]:
    """Return the positions after full stops that are followed by white space or the end; abbreviations do not count."""
    return [
        found.end()
        for found in _STOP.finditer(text)
        if not ends_with_abbreviation(text[max(0, found.start() - 16) : found.end()].rstrip(_CLOSERS))
    ]


def lead_ins(text: str) -> str:
    """Return the bold lead-ins at the beginning of lines, which name the topic of the sentences after them."""
    return " ".join(_LEAD_IN.findall(text))


def sentences(text: str) -> list[str]:
    """Split a text into sentences, without headings, lead-ins and markup; each point of a list is one at least."""
    found: list[str] = []
    for block in _BLOCKS.split(text):
        plain = (_MARKS.sub("", _LEAD_IN.sub("", line)) for line in block.splitlines() if not line.startswith("#"))
        joined = " ".join(line for line in (_LIST_ITEM.sub("", line).strip() for line in plain) if line)
        pieces = (joined[start:end].strip() for start, end in pairwise([0, *sentence_ends(joined), len(joined)]))
        found += [piece for piece in pieces if piece]
    return found


def quoted(passage: str, text: str) -> list[tuple[int, int]]:
    """Find the sentences of a passage that a text quotes verbatim: start and end of each, in the text's order."""
    places = ((text.find(sentence), sentence) for sentence in sentences(passage))
    return sorted(
        (start, start + len(sentence)) for start, sentence in places if start >= 0 and _is_more_than_chance(sentence)
    )


def _is_more_than_chance(sentence: str) -> bool:
    return len(sentence.split()) >= QUOTED_WORDS
