"""Regular expressions of content, which are matched in time linear in the text, whatever they are.

RE2 has no look-around and no back-references, and so needs no backtracking: a pack's pattern cannot stall a call. Its
words are ASCII words; texts and patterns are folded first, so that "café" is one.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

import re2

from models.errors import Invalid

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False

_AT_A_WORD = r"(?:^|[^\pL\pN])"
"""The beginning of a word in every script; RE2's own \\b knows ASCII alone."""


def either(expressions: Sequence[str]) -> str:
    """Join expressions to one that matches where one of them does."""
    return expressions[0] if len(expressions) == 1 else "|".join(f"(?:{one})" for one in expressions)


def folded(text: str) -> str:
    """Return the text without the marks on its letters."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


class ContentPattern:
    """One pattern.

    Args:
        expression: in RE2's syntax.
        at_words: match from the beginning of a word only.

    Raises:
        Invalid: it is no such expression.
    """

    def __init__(self, expression: str, *, at_words: bool = False) -> None:
        before = "" if not at_words else r"\b" if expression.isascii() else _AT_A_WORD
        try:
            re2.compile(folded(expression), _OPTIONS)  # alone, or a parenthesis too many would close ours
            self._compiled = re2.compile(f"{before}({folded(expression)})", _OPTIONS)
        except re2.error as error:
            reason = error.args[0] if error.args else "it cannot be read"
            raise Invalid(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None

    @property
    def size(self) -> int:
        """Its length once compiled, in instructions: memory and time per character grow with it."""
        return int(self._compiled.programsize)

    def found_in(self, text: str) -> bool:
        """Return whether it matches anywhere."""
        return self._compiled.search(folded(text)) is not None

    def spans_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where it matches, as (start, end) in the folded text."""
        for found in self._compiled.finditer(folded(text)):
            yield found.start(1), found.end(1)

    def longest_in(self, text: str) -> int:
        """Return the length of its longest match in characters; 0 without one."""
        return max((len(found.group(1)) for found in self._compiled.finditer(folded(text))), default=0)


@lru_cache(maxsize=5_000)
def pattern(expression: str, *, at_words: bool = False) -> ContentPattern:
    """Return the pattern of an expression.

    Raises:
        Invalid: as `ContentPattern`.
    """
    return ContentPattern(expression, at_words=at_words)
