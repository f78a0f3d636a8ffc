"""Reading of what servers send that only resemble the chat completions protocol: words and reasons of the end."""

from typing import Any

from models.columns import clean

LENGTH = "length"
"""The reason where a limit stopped the model."""

_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


class TextJoiner:
    """Joins characters that a server split over two deltas, as halves of a surrogate pair; a half alone is U+FFFD."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, text: str) -> str:
        """Return the words so far, without a half that the next delta may complete."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return clean(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

    def flush(self) -> str:
        """Return what stands for a half that was never completed."""
        half, self._half = self._half, ""
        return clean(half)


class StreamEnding:
    """What is known of a reply's end: servers give a reason in the last chunk, in every chunk, or in none.

    Attributes:
        reason: the latest reason; None before the first.
        sure: hardly anything follows on it.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.sure = False
        self._begun = self._unreasoned = False

    def note(self, reason: str | None, *, holds_words: bool) -> None:
        """Take a chunk's reason, and whether it holds words or tool calls.

        A reason beside words may be in every chunk, unless earlier words came without one; one before all words, too.
        """
        self._begun = self._begun or holds_words
        if reason is not None:
            self.reason = reason
            self.sure = self._unreasoned if holds_words else self._begun
        elif holds_words:
            self._unreasoned, self.sure = True, False


def words_of(part: Any) -> str:
    """Return the words of a delta or a message: its content, a text or a list of parts, or its refusal.

    Raises:
        TypeError: the content is neither.
    """
    if part is None:
        return ""
    content = field_of(part, "content") or field_of(part, "refusal") or ""
    if isinstance(content, list):
        return "".join(_text_of(item) for item in content)
    if not isinstance(content, str):
        raise TypeError("content is not text")
    return content


def part_of(choice: Any) -> Any:
    """Return a choice's delta; some servers send a whole message where a delta is due."""
    return field_of(choice, "delta") or field_of(choice, "message")


def reason_of(choice: Any) -> str | None:
    """Return why the reply ended; None where it goes on, which some servers write as "" or "null"."""
    reason = field_of(choice, "finish_reason")
    return reason if reason in _REASONS else None


def field_of(item: Any, name: str) -> Any:
    """Return a field of an object of JSON or of the library's; None without it."""
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def _text_of(item: Any) -> str:
    """Return the words of one part of a list: a text, or an object with one."""
    if isinstance(item, str):
        return item
    text = field_of(item, "text")
    return text if isinstance(text, str) else ""
