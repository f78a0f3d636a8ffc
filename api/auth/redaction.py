"""What logs may hold: no tokens, and a bounded number of failed logins."""

import logging
import re
from typing import Any

LOGINS = "api.auth"
"""The logger of failed logins."""

LOGGED_A_MINUTE = 60
"""Most lines of one logger a minute that `Unflooded` lets through."""

_SECRETS = re.compile(
    r"""(?ix)
    (?P<before> \bbearer\. | \bbearer\s+(?!<) | [?&](?:token|access_token|api_key)= | "token"\s*:\s*" )
    [^\s,"'&\])}]+
    | (?-i:\bglow_)[\w-]{16,}  # case-sensitive: settings are named GLOW_...
    | \bsk-[\w-]{16,}
    | \bopenai-insecure-api-key\.[^\s,"']+
    | (?-i:\bek_)[\w-]{16,}
    """
)

_PIECE_RECEIVED = re.compile(r"(?s)^(?P<kind>< (?:TEXT(?=.*\.\.\.|.*continued\]$)|CONT)) .* (?P<size>\[[^\]]*\])$")
"""A received message that websockets logs in part: a truncated token would not match `_SECRETS`."""


def redacted(text: str) -> str:
    """Replace all tokens in a text with stars."""
    text = _PIECE_RECEIVED.sub(r"\g<kind> **** \g<size>", text)
    return _SECRETS.sub(lambda match: f"{match['before'] or ''}****", text)


class HideTokens(logging.Filter):
    """A log filter that redacts tokens; attach it to handlers, so that it covers all loggers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place; always return True."""
        if isinstance(record.args, tuple):
            record.args = tuple(_redacted_argument(argument) for argument in record.args)
        message = record.getMessage()
        if redacted(message) != message:
            record.msg, record.args = redacted(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


class Unflooded(logging.Filter):
    """A log filter that bounds what a stranger can write: `LOGGED_A_MINUTE` lines a minute of the logger of logins.

    The next line after that says how many were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._since = 0.0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Count the record; return whether it is logged."""
        if record.name != LOGINS:
            return True
        left_out = 0
        if not 0 <= record.created - self._since < 60:
            left_out = max(0, self._lines - LOGGED_A_MINUTE)
            self._since, self._lines = record.created, 0
        self._lines += 1
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it were not logged.)", None
        return self._lines <= LOGGED_A_MINUTE


def _redacted_argument(argument: Any) -> Any:
    return redacted(argument) if isinstance(argument, str) else argument
