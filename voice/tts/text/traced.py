"""Text that keeps the origin of each character through any number of replacements."""

import re
from collections.abc import Callable
from dataclasses import dataclass

Piece = str | tuple[int, int]
"""New text, or a span of the replaced text, which keeps its origins."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A text derived from a source text.

    Attributes:
        text: the current text, n characters.
        origin: for each character, the index in the source text at which its source begins; monotonic.
        extent: for each character, the index in the source text after its source.
    """

    text: str
    origin: tuple[int, ...]
    extent: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Traced":
        """Wrap a source text."""
        return cls(text, tuple(range(len(text))), tuple(range(1, len(text) + 1)))

    def replace(
        self, pattern: re.Pattern[str], pieces: str | Callable[[re.Match[str]], list[Piece] | None]
    ) -> "Traced":
        """Replace each match; a function may return None to keep a match.

        The spans that it returns are positions in `self.text` inside the match, in order (`match.span(1)`).
        """
        out: list[str] = []
        origin: list[int] = []
        extent: list[int] = []
        kept = 0
        for match in pattern.finditer(self.text):
            made = [pieces] if isinstance(pieces, str) else pieces(match)
            if made is None:
                continue
            start, end = match.span()
            self._copy(kept, start, out, origin, extent)
            kept = end
            at = self.origin[start] if start < len(self.text) else (self.extent[-1] if self.extent else 0)
            until = max(self.extent[start:end], default=at)
            for piece in made:
                if isinstance(piece, tuple):
                    self._copy(*piece, out, origin, extent)
                    at = origin[-1] if piece[1] > piece[0] else at
                else:
                    out.append(piece)
                    origin += [at] * len(piece)
                    extent += [until] * len(piece)
        if not kept:
            return self
        self._copy(kept, len(self.text), out, origin, extent)
        return Traced("".join(out), tuple(origin), tuple(extent))

    def cut(self, start: int, end: int) -> "Traced":
        """Return the characters from `start` to `end`."""
        return Traced(self.text[start:end], self.origin[start:end], self.extent[start:end])

    def _copy(self, start: int, end: int, out: list[str], origin: list[int], extent: list[int]) -> None:
        out.append(self.text[start:end])
        origin += self.origin[start:end]
        extent += self.extent[start:end]
