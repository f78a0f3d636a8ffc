"""The secrets of tools: content names them, and only the service knows them."""

import re
from collections.abc import Callable, Mapping

from pipeline.conversation.tools import ToolFailed

Secrets = Callable[[str], str | None]
"""Returns a secret by its name; None if it is not set."""

_SECRET = re.compile(r"\{secret:([A-Z0-9_]+)\}")

NOT_SET_UP = "This tool is not set up here: a secret of it is missing."


def with_secrets(headers: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    """Return the headers with the secrets in them.

    Raises:
        ToolFailed: one is missing, or cannot stand in a header.
    """

    def value(found: re.Match[str]) -> str:
        secret = secrets(found[1])
        if not secret or not secret.isascii() or not secret.isprintable():
            raise ToolFailed(NOT_SET_UP)
        return secret

    return {name: _SECRET.sub(value, text) for name, text in headers.items()}


def missing(headers: Mapping[str, str], secrets: Secrets) -> list[str]:
    """Return the names of secrets that are not set."""
    return sorted({name for text in headers.values() for name in _SECRET.findall(text) if not secrets(name)})
