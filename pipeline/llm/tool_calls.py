"""Tool calls as a model streams them: in pieces over many deltas, and not by every server alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.llm.completions import ToolCall

ARGUMENTS_LIMIT = 8_000
"""Characters of one call's arguments; the rest is not kept, and the call fails."""

CALLS_LIMIT = 16
"""Calls of one answer that are kept."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCallReader:
    """Puts the calls of one answer together.

    Pieces of a call share its index. Where a server sends none, or one for all, another id begins another call.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._dropped = 0

    @property
    def endless(self) -> bool:
        """Whether so much came that no more is worth reading."""
        return self._dropped > ARGUMENTS_LIMIT

    def push(self, deltas: Sequence[Any]) -> None:
        """Take the tool calls of one delta.

        Raises:
            TypeError: they are not what the protocol says.
        """
        for delta in deltas:
            # Servers that only resemble the protocol leave out what the types promise.
            function = getattr(delta, "function", None)
            name = str(getattr(function, "name", None) or "")
            call = self._call(getattr(delta, "index", None), str(getattr(delta, "id", None) or ""), names=bool(name))
            if call is None:
                continue
            call.name = call.name or name
            arguments = getattr(function, "arguments", None) or ""
            if not isinstance(arguments, str):
                raise TypeError("the arguments are not text")
            room = ARGUMENTS_LIMIT + 1 - len(call.arguments)
            call.arguments += arguments[:room]
            self._dropped += max(0, len(arguments) - room)

    def calls(self) -> tuple[ToolCall, ...]:
        """The calls so far; one that its server gave no id has one of ours."""
        return tuple(
            ToolCall(call.id or f"call_{place}", call.name, call.arguments or "{}")
            for place, call in enumerate(self._calls)
        )

    def _call(self, index: int | None, call_id: str, *, names: bool) -> _Call | None:
        """The call that a piece belongs to; a new one where the piece begins one, None where there are too many."""
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
