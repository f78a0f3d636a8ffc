"""What a persona can do besides speaking: tools that it may use in a reply, and what a reply may ask of the call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EndCall:
    """The reply asks that the call ends once its last word was heard."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The reply asks that the call is handed to `target` once its last word was heard."""

    target: str


class ToolFailed(Exception):
    """A tool could not do what it was asked; the sentence is for the persona, who may try something else."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a tool.

    Attributes:
        text: what the persona is told; it is data, and no instruction to it.
        asks: what the reply asks for by it.
        settled: the persona need not speak again after it, if she has spoken already.
    """

    text: str
    asks: EndCall | Transfer | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a persona can use while she answers.

    Attributes:
        name: letters, digits, `_` and `-`, at most 64.
        description: what it is for, to whoever decides on its use.
        parameters: JSON schema of its arguments, an object; checked before it runs.
        run: does it with such arguments; raises `ToolFailed` where that cannot be done.
        timeout_s: given up after this.
        ahead: it changes nothing, so that it may run before it is certain that the reply is given.
    """

    name: str
    description: str
    run: Callable[[Mapping[str, Any]], Awaitable[ToolResult]]
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    timeout_s: float = 10.0
    ahead: bool = False
