"""Assembly of tool calls that a model streams in pieces over many deltas; servers differ in how they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.llm.completions import ToolCall
from pipeline.llm.deltas import field_of

ARGUMENTS_LIMIT = 8_000
"""Maximum characters of a call's arguments; longer ones are truncated, and the call fails."""

CALLS_LIMIT = 16
"""Maximum number of calls in one answer; further ones are dropped."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCallReader:
    """Assembles the calls of one answer.

    The pieces of a call share its index. If a server sends none, or the same one for all, a new id begins a new call.

    Attributes:
        pieces: how many have been added.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._dropped = 0
        self.pieces = 0

    @property
    def endless(self) -> bool:
        """Whether so much was dropped that reading on is pointless."""
        return self._dropped > ARGUMENTS_LIMIT

    def push(self, deltas: Sequence[Any]) -> None:
        """Add the tool calls of one delta.

        Raises:
            TypeError: they violate the protocol.
        """
        for delta in deltas:
            self.pieces += 1
            # Servers that only resemble the protocol omit required fields.
            function = field_of(delta, "function")
            name = str(field_of(function, "name") or "")
            call = self._call(field_of(delta, "index"), str(field_of(delta, "id") or ""), names=bool(name))
            if call is None:
                continue
            call.name = call.name or name
            arguments = field_of(function, "arguments") or ""
            if not isinstance(arguments, str):
                raise TypeError("the arguments are not text")
            room = ARGUMENTS_LIMIT + 1 - len(call.arguments)
            call.arguments += arguments[:room]
            self._dropped += max(0, len(arguments) - room)

    def calls(self) -> tuple[ToolCall, ...]:
        """Return the calls so far; one without an id gets one of ours."""
        return tuple(
            ToolCall(call.id or f"call_{place}", call.name, call.arguments or "{}")
            for place, call in enumerate(self._calls)
        )

    def _call(self, index: int | None, call_id: str, *, names: bool) -> _Call | None:
        """Find or create the call of a piece; None if there are too many calls."""
        if index is None:
            known = self._calls[-1] if self._calls and (call_id or not names) else None
        else:
            known = self._by_index.get(index)
        if known is not None and (not call_id or known.id in ("", call_id)):
            known.id = call_id or known.id
            return known
        if len(self._calls) >= CALLS_LIMIT:
            self._dropped += 1
            return None
        call = _Call(call_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call
