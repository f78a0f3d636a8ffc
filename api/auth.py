"""Who is asking: Bearer tokens over HTTP and websockets, the token of a run, and logs without tokens."""

import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api.settings import Settings
from models.errors import ModelError
from models.records.core import User
from models.store import Store

SUBPROTOCOL = "glow.voice"
LOCAL_USER = "local"
MISSING = "Missing Authorization: Bearer <token> header"
INVALID = "The token is unknown or revoked: make one with `glow token create USER`."


class Unauthorized(ModelError):
    """No token, or one that opens nothing; the message says which."""

    code = "unauthorized"
    http_status = 401


def bearer(header: str | None) -> str | None:
    """Return the token of an Authorization header, if it has one."""
    scheme, _, token = (header or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def websocket_token(connection: HTTPConnection) -> str | None:
    """Return the token that a websocket's handshake carries: in the header, or as the subprotocol `bearer.<token>`.

    With neither, the first message has it.
    """
    offered = [name for name in connection.scope.get("subprotocols", []) if name.startswith("bearer.")]
    in_subprotocol = offered[0].removeprefix("bearer.") if offered else ""
    return bearer(connection.headers.get("authorization")) or in_subprotocol or None


def websocket_subprotocol(connection: HTTPConnection) -> str | None:
    """Return the subprotocol to accept a websocket with: ours where it was offered, and never the one with the token."""
    return SUBPROTOCOL if SUBPROTOCOL in connection.scope.get("subprotocols", []) else None


async def user_for(store: Store, settings: Settings, token: str | None) -> User:
    """Return the user of a token: a static one, one of the store, an OAuth access token, or a short-lived one.

    Raises:
        Unauthorized: there is none, or it is unknown, revoked or expired.
    """
    if not token:
        raise Unauthorized(MISSING)
    name = _static_user(settings.static_tokens, token)
    if name is not None:
        return await store.user_named(name)
    user = (
        await store.user_for_token(token)
        or await store.user_for_access_token(token)
        or await store.user_for_short_token(token)
    )
    if user is None:
        raise Unauthorized(INVALID)
    return user


async def current_user(request: Request) -> User:
    """The user of an HTTP request, as a dependency.

    Raises:
        Unauthorized: the request has no token, or one that opens nothing.
    """
    state = request.app.state
    return await user_for(state.store, state.settings, bearer(request.headers.get("authorization")))


CurrentUser = Annotated[User, Depends(current_user)]


async def with_run_token(settings: Settings, store: Store) -> tuple[Settings, str | None]:
    """Settings that also accept a token made for this run, where only this machine asks and no token exists.

    It lives in this process alone, so it ends with it.
    """
    if not settings.is_loopback or settings.tokens or any(not token.revoked_at for token in await store.list_tokens()):
        return settings, None
    token = secrets.token_urlsafe(24)
    return Settings(**{**settings.model_dump(), "tokens": f"{LOCAL_USER}:{token}"}), token


def _static_user(tokens: Mapping[str, str], offered: str) -> str | None:
    found = None
    for token, user in tokens.items():
        # No early end and no early difference: how long it takes says nothing about the token.
        if hmac.compare_digest(token.encode(), offered.encode("utf-8", "replace")):
            found = user
    return found


_SECRETS = re.compile(
    r"""(?ix)
    (?P<before> \bbearer\. | \bbearer\s+(?!<) | [?&](?:token|access_token|api_key)= | "token"\s*:\s*" )
    [^\s,"'&\])}]+
    | (?-i:\bglow_)[\w-]{16,}  # a setting is written GLOW_...
    | \bsk-[\w-]{16,}
    """
)

_PIECE_RECEIVED = re.compile(r"(?s)^(?P<kind>< (?:TEXT(?=.*\.\.\.|.*continued\]$)|CONT)) .* (?P<size>\[[^\]]*\])$")
"""A received message of which websockets shows a piece: half a token has nothing before it to be known by."""


def redacted(text: str) -> str:
    """Return the text with every token in it replaced by stars."""
    text = _PIECE_RECEIVED.sub(r"\g<kind> **** \g<size>", text)
    return _SECRETS.sub(lambda match: f"{match['before'] or ''}****", text)


class HideTokens(logging.Filter):
    """Keeps tokens out of every record that passes; belongs on handlers, so that no logger is forgotten."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact in place; always lets the record pass."""
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


def _redacted_argument(argument: Any) -> Any:
    return redacted(argument) if isinstance(argument, str) else argument
