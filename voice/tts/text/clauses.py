"""Splitting of a streamed reply into clauses, each synthesized as soon as it is complete."""

import re

from voice.tts.text.abbreviations import ends_with_abbreviation

FIRST_CHARACTERS = 12
FIRST_WORDS = 3
FIRST_LIMIT = 100
SENTENCE_CHARACTERS = 12
CLAUSE_CHARACTERS = 80
CLAUSE_LIMIT = 200
HARD_LIMIT = 300

_CLOSERS = r"[\"'”’»)\]}*_`]*"
_SENTENCE_END = re.compile(rf"[.!?…]{_CLOSERS}$")
_CLAUSE_END = re.compile(rf"(?:[,;:]{_CLOSERS}|\S[ \t]+[-–]|—)$")
_NUMBERED_ITEM = re.compile(r"(?:^|\n)\s*\d{1,3}[.)]$")
_WIDE_STOPS = "。！？"
_OPEN = re.compile(
    r"\[[^\[\]\n]{0,200}(?:\]|\]\([^()\n]{0,300})?$"
    r"|(?<![\w(])\([^()\n]{0,80}$"
    r"|^[^*]*(?:\*[^\s*][^*]*\*[^*]*)*(?<![\w*])\*[^\s*][^*\n]{0,118}$"
)
"""A link, or what may be a stage direction, that is not closed yet."""


class ClauseSplitter:
    """Splits a stream of text deltas into clauses; the clauses joined equal the deltas joined.

    The first clause is short, for low latency: it ends at the first punctuation after 12 characters or three words.
    Later ones are sentences, or clauses of 80 to 200 characters if a sentence is longer. The split does not depend on
    the boundaries of the deltas. A full stop counts once the white space after it has arrived.
    """

    def __init__(self) -> None:
        self._text = ""
        self._first = True
        self._soft = 0  # where the buffered text could be split if it grows too long

    def push(self, delta: str) -> list[str]:
        """Add a delta and return the clauses that it completes, in order, of at most 300 characters each."""
        done = []
        for character in delta:
            self._text += character
            if cut := self._cut(character):
                done.append(self._take(cut))
        return done

    def flush(self) -> list[str]:
        """Return the remaining clauses at the end of the text, and reset."""
        rest = [self._text] if self._text else []
        self._text, self._first, self._soft = "", True, 0
        return rest

    def _take(self, cut: int) -> str:
        clause, self._text = self._text[:cut], self._text[cut:]
        self._first = self._first and not clause.strip()
        self._soft = 0
        return clause

    def _cut(self, latest: str) -> int:
        """Return where to split now that `latest` was appended to the text; 0 for not yet."""
        length = len(self._text)
        if length >= HARD_LIMIT:
            return self._soft or length
        boundary = latest.isspace() or latest in _WIDE_STOPS or latest == "—"
        if boundary and not _OPEN.search(self._text):
            body = self._text.strip()
            ends_sentence = latest in "\n\r" + _WIDE_STOPS or _ends_sentence(self._text[:-1])
            if body and (ends_sentence or _CLAUSE_END.search(self._text.rstrip())):
                if self._long_enough(body, ends_sentence):
                    return length
                self._soft = length
            elif not _CLAUSE_END.search(self._text[: self._soft].rstrip()):
                # Prefer a comma over a space, and a space over an arbitrary place.
                self._soft = length
        limit = FIRST_LIMIT if self._first else CLAUSE_LIMIT
        return self._soft if length >= limit else 0

    def _long_enough(self, body: str, ends_sentence: bool) -> bool:
        if self._first:
            return len(body) >= FIRST_CHARACTERS or len(body.split()) >= FIRST_WORDS
        return len(body) >= (SENTENCE_CHARACTERS if ends_sentence else CLAUSE_CHARACTERS)


def _ends_sentence(text: str) -> bool:
    return bool(_SENTENCE_END.search(text) and not ends_with_abbreviation(text) and not _NUMBERED_ITEM.search(text))
