"""Reading of what servers send that only resemble the chat completions protocol: words and reasons of the end."""

from typing import Any

from models.columns import clean

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


def words_of(part: Any) -> str:
    """Return the words of a delta or a message: its content, a text or a list of parts, or its refusal.

    Raises:
        TypeError: the content is neither.
    """
    if part is None:
        return ""
    content = _field(part, "content") or _field(part, "refusal") or ""
    if isinstance(content, list):
        return "".join(_text_of(item) for item in content)
    if not isinstance(content, str):
        raise TypeError("content is not text")
    return content


def part_of(choice: Any) -> Any:
    """Return a choice's delta; some servers send a whole message where a delta is due."""
    delta = getattr(choice, "delta", None)
    return delta if delta is not None else getattr(choice, "message", None)


def reason_of(choice: Any) -> str | None:
    """Return why the reply ended; None where it goes on, which some servers write as "" or "null"."""
    reason = getattr(choice, "finish_reason", None)
    return reason if reason in _REASONS else None


def _text_of(item: Any) -> str:
    """Return the words of one part of a list: a text, or an object with one."""
    if isinstance(item, str):
        return item
    text = _field(item, "text")
    return text if isinstance(text, str) else ""


def _field(item: Any, name: str) -> Any:
    """Return a field; what the library does not know of is a plain object of JSON."""
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)
