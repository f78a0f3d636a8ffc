"""The tools that a persona may use in a reply, and what a reply may request of the call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EndCall:
    """A request to end the call once the reply's last word was heard."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A request to transfer the call to `target` once the reply's last word was heard."""

    target: str


class ToolFailed(Exception):
    """A tool failed; the message is for the persona, which may try something else."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool.

    Attributes:
        text: given to the persona as data, not as an instruction.
        asks: the reply's request by it.
        settled: the persona need not speak again after it, if it has spoken already.
    """

    text: str
    asks: EndCall | Transfer | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a tool that the client carries out.

    Attributes:
        arguments: the model's text, which may be invalid JSON.
        result: what the client answered, data and no instruction; None before.
    """

    id: str
    name: str
    arguments: str
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a persona can use in a reply.

    Attributes:
        name: letters, digits, `_` and `-`, at most 64.
        description: its purpose, for the model that decides on its use.
        parameters: JSON schema of its arguments, an object; checked before it runs.
        run: runs it with such arguments; raises `ToolFailed` if it fails. None: the client carries it out, which ends
            the reply, and another one follows its result.
        timeout_s: its timeout.
        ahead: it has no side effects, so that it may run before the reply is released.
    """

    name: str
    description: str
    run: Callable[[Mapping[str, Any]], Awaitable[ToolResult]] | None = None
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    timeout_s: float = 10.0
    ahead: bool = False
