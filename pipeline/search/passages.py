"""Passages of a document: paragraphs that stand together, each with the headings that it stands under."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from pipeline.search.words import is_negated, stems

PARAGRAPH_CHARS = 600
"""Maximum length of a paragraph; a longer one is split between sentences or lines."""

PASSAGE_CHARS = 800
"""Maximum length of a passage, what is cited: paragraphs under one heading, or else a single one."""

SHORT_CHARS = 60
"""A paragraph of at most this length is joined to the next one, unless it has a lead-in: it may be a signature."""

_BLOCK = re.compile(r"\S[\s\S]*?(?=\n[^\S\n]*\n|\n#{1,6}\s|\Z)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_LONGEST_HEADING = 300
_LEAD_IN = re.compile(r"^[^\S\n]*(?:[-*+][^\S\n]+)?\*\*([^*\n]{1,200})\*\*", re.MULTILINE)
_BREAK = re.compile(r"[.!?][\"')\]]*(?=\s)|\n(?=\s*(?:[-*+|]|\d+[.)])\s)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n(?=\s*(?:[-*+|]|\d+[.)])\s)")
_LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a document, which is what is compared with a question.

    Attributes:
        text: verbatim.
        start: its place in the document's text.
        heading: the headings above it, outermost first, without the document's own title.
        passage: the number of the passage that it is in.
    """

    text: str
    start: int
    heading: str
    passage: int = 0

    @property
    def end(self) -> int:
        """The end in the document's text."""
        return self.start + len(self.text)

    @cached_property
    def lead_in(self) -> str:
        """The bold words at the beginning of its lines, which name the topic of what follows them."""
        return " ".join(_LEAD_IN.findall(self.text))

    @cached_property
    def stems(self) -> Counter[str]:
        """How often each stem occurs in the text."""
        return Counter(stems(self.text))

    @cached_property
    def sentences(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Its sentences, or points of a list, each with its stems."""
        return tuple((part, frozenset(stems(part))) for part in _SENTENCE.split(self.text) if part)

    def sentences_under_headings(self) -> list[tuple[str, str]]:
        """Return each sentence with the innermost heading and the lead-in that it stands under."""
        heading = self.heading.rpartition(" / ")[2]
        return [
            (part, " ".join(filter(None, (heading, "" if part.startswith("**") else self.lead_in))))
            for part, _ in self.sentences
        ]

    @cached_property
    def heading_stems(self) -> frozenset[str]:
        """The stems of the headings and lead-ins, stop words included."""
        return frozenset(stems(f"{self.heading} {self.lead_in}"))

    @cached_property
    def is_negated(self) -> bool:
        """Whether its text or headings have a negation."""
        return is_negated(self.text) or is_negated(self.heading)

    @cached_property
    def length(self) -> int:
        """The number of words."""
        return self.stems.total()


def paragraphs_of(text: str, title: str = "") -> list[Paragraph]:
    """Cut a text, Markdown or plain, into paragraphs in order. Linear in its length: 0.5 s for 1 MB with the stems.

    Args:
        text: the document's text.
        title: the document's name; a heading that says no more is not repeated with each paragraph.
    """
    found: list[Paragraph] = []
    above: dict[int, str] = {}
    held = -1  # where a short paragraph began that waits for the next one
    end = 0
    known = stems(title)
    for block in _BLOCK.finditer(text):
        start, end_before, end = block.start(), end, block.start() + len(block.group().rstrip())
        line = text[start:end].partition("\n")[0]
        if heading := _HEADING.match(line) if len(line) <= _LONGEST_HEADING else None:
            if held >= 0:
                found += _split(text[held:end_before], held, _joined(above))
                held = -1
            level = len(heading.group(1))
            above = {depth: words for depth, words in above.items() if depth < level}
            if stems(heading.group(2)) != known:
                above[level] = heading.group(2)
            rest = text[start + len(line) : end].lstrip()
            start = end - len(rest)
            if not rest:
                continue
        begun = held if held >= 0 else start
        if text[end - 1] == ":" or (end - begun <= SHORT_CHARS and not _LEAD_IN.match(text, begun)):
            held = begun
            continue
        start, held = begun, -1
        found += _split(text[start:end], start, _joined(above))
    if held >= 0:
        found += _split(text[held:end], held, _joined(above))
    return _grouped(found)


def _joined(above: dict[int, str]) -> str:
    return " / ".join(above.values())


def _split(body: str, start: int, heading: str) -> list[Paragraph]:
    cut = []
    at = 0
    while at < len(body):
        end = len(body)
        if end - at > PARAGRAPH_CHARS:
            ends = [found.end() for found in _BREAK.finditer(body, at, at + PARAGRAPH_CHARS)]
            end = ends[-1] if ends else body.rfind(" ", at + 1, at + PARAGRAPH_CHARS)
            end = end if end > at else at + PARAGRAPH_CHARS
        piece = body[at:end].rstrip()
        if _LETTER.search(piece):
            cut.append(Paragraph(piece, start + at, heading))
        at = end
        while at < len(body) and body[at].isspace():
            at += 1
    return cut


def _grouped(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """Group neighbours under one heading into passages, as long as they fit, and number these."""
    numbered: list[Paragraph] = []
    number = -1
    for _, together in groupby(paragraphs, key=lambda paragraph: paragraph.heading):
        begun = -PASSAGE_CHARS
        for paragraph in together:
            if paragraph.end - begun > PASSAGE_CHARS:
                number, begun = number + 1, paragraph.start
            numbered.append(Paragraph(paragraph.text, paragraph.start, paragraph.heading, number))
    return numbered
