"""Requests and responses of the OpenAI chat completions protocol."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ResponderFailed

Message = dict[str, Any]
"""A message of the chat completions protocol."""


class RequestRefused(ResponderFailed):
    """The model rejected the request as such: it does not support tools, images, or a parameter."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model; `arguments` is the raw text, which may be invalid JSON."""

    id: str
    name: str
    arguments: str

    def parsed(self) -> Mapping[str, Any]:
        """Parse the arguments.

        Raises:
            ValueError: they are not a JSON object.
        """
        read = json.loads(self.arguments or "{}")
        if not isinstance(read, dict):
            raise ValueError("the arguments are not a JSON object")
        return read


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion: text, tool calls, or both.

    Attributes:
        prompt_tokens, completion_tokens: as counted by the server; 0 if it does not report them.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def as_message(self) -> Message:
        """Return the completion as a message for the next request of the conversation."""
        message: Message = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return message


@dataclass(frozen=True, slots=True)
class Tuning:
    """The parameters of a completion; None leaves one to the server."""

    temperature: float | None = None
    max_tokens: int | None = None
    tools: Sequence[Mapping[str, Any]] = field(default=())
    tool_choice: Any = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters in the protocol's format."""
        chosen = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "tools": list(self.tools) or None,
            "tool_choice": self.tool_choice if self.tools else None,
        }
        return {name: value for name, value in chosen.items() if value is not None}
