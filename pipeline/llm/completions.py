"""What is asked of a language model by the OpenAI chat completions protocol, and what it answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ResponderFailed

Message = dict[str, Any]
"""One message of the chat completions protocol."""


class RequestRefused(ResponderFailed):
    """The model refused the request as such: it takes no tools, no pictures, or no such parameter."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be run; `arguments` is what it wrote, which may not be JSON."""

    id: str
    name: str
    arguments: str

    def parsed(self) -> Mapping[str, Any]:
        """Return the arguments.

        Raises:
            ValueError: they are not a JSON object.
        """
        read = json.loads(self.arguments or "{}")
        if not isinstance(read, dict):
            raise ValueError("the arguments are not a JSON object")
        return read


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model answered: text, or tools to run, or both.

    Attributes:
        prompt_tokens, completion_tokens: as the server counts them; 0 where it does not.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def as_message(self) -> Message:
        """Return the answer as the next request of the same conversation repeats it."""
        message: Message = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return message


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a caller may choose about a completion; None leaves it to the server."""

    temperature: float | None = None
    max_tokens: int | None = None
    tools: Sequence[Mapping[str, Any]] = field(default=())
    tool_choice: Any = None

    def parameters(self) -> dict[str, Any]:
        """As the protocol has them."""
        chosen = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "tools": list(self.tools) or None,
            "tool_choice": self.tool_choice if self.tools else None,
        }
        return {name: value for name, value in chosen.items() if value is not None}
