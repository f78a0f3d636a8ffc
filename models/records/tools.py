"""The tools that a persona may use, as its content declares them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

ToolKind = Literal["http", "mcp", "end_call", "transfer", "look_up", "set_field"]
"""What runs: an HTTP call, a tool of an MCP server, or something built in."""

BUILT_IN: tuple[ToolKind, ...] = get_args(ToolKind)[2:]


@dataclass(frozen=True, slots=True)
class PersonaTool:
    """A tool of a persona.

    Attributes:
        name, description: for the language model that decides on its use.
        kind: what runs.
        parameters: JSON schema of its arguments, an object.
        url: of the call or the server; `{argument}` in it is replaced.
        method: of the call.
        headers: of the call or the server; `{secret:NAME}` in them is replaced by a secret of the service.
        target: the tool's name on the MCP server, or the field that is set.
        timeout_s: its timeout.
        ahead: it only reads, so that it may run before the reply is released.
    """

    name: str
    description: str
    kind: ToolKind
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    url: str = ""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    timeout_s: float = 10.0
    ahead: bool = False
