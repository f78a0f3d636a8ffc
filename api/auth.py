"""Authentication: Bearer tokens over HTTP and websockets, the token of a run, and redaction of tokens in logs."""

import hmac
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

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

log = logging.getLogger(__name__)

LOGGED_A_MINUTE = 60
"""Most lines of one logger a minute that `Unflooded` lets through."""

_AUTHENTICATORS: set[Any] = set()


class Unauthorized(ModelError):
    """The token is missing or invalid; the message says which."""

    code = "unauthorized"
    http_status = 401


def bearer(header: str | None) -> str | None:
    """Return the Bearer token of an Authorization header, or None."""
    scheme, _, token = (header or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def websocket_token(connection: HTTPConnection) -> str | None:
    """Return the token of a websocket handshake, from the header or the subprotocol `bearer.<token>`, or None.

    Without it, the first message carries the token.
    """
    offered = [name for name in connection.scope.get("subprotocols", []) if name.startswith("bearer.")]
    in_subprotocol = offered[0].removeprefix("bearer.") if offered else ""
    return bearer(connection.headers.get("authorization")) or in_subprotocol or None


def websocket_subprotocol(connection: HTTPConnection) -> str | None:
    """Return the subprotocol for accepting a websocket: ours if it was offered, never the one with the token."""
    return SUBPROTOCOL if SUBPROTOCOL in connection.scope.get("subprotocols", []) else None


def address_of(connection: HTTPConnection) -> str:
    """Return the network address of a client; empty if the server does not know it."""
    return connection.client.host if connection.client else ""


async def user_for(store: Store, settings: Settings, token: str | None, address: str) -> User:
    """Return the user of a token: a static one, one of the store, an OAuth access token, or a short-lived one.

    A token that opens nothing is logged with the `address` of the client, without the token.

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
        login_failed("token", address)
        raise Unauthorized(INVALID)
    return user


def login_failed(what: Literal["token", "client secret"], address: str) -> None:
    """Log that a token or a client's secret was refused."""
    log.info("Login failed from %s: the %s opens nothing.", address or "an unknown address", what)


def authenticates(find: Callable[[Request], Awaitable[User]]) -> Callable[[Request], Awaitable[User]]:
    """Mark a FastAPI dependency that authenticates a request: a route solves it before the body is read, and once."""

    async def once(request: Request) -> User:
        found: dict[Any, User] = request.scope.setdefault("glow.users", {})
        if once not in found:
            found[once] = await find(request)
        return found[once]

    once.__name__, once.__doc__ = find.__name__, find.__doc__
    _AUTHENTICATORS.add(once)
    return once


def is_authenticator(dependency: Any) -> bool:
    """Return whether the dependency is marked by `authenticates`."""
    return dependency in _AUTHENTICATORS


@authenticates
async def current_user(request: Request) -> User:
    """Authenticate an HTTP request (a FastAPI dependency).

    Raises:
        Unauthorized: its token is missing or invalid.
    """
    state = request.app.state
    return await user_for(
        state.store, state.settings, bearer(request.headers.get("authorization")), address_of(request)
    )


CurrentUser = Annotated[User, Depends(current_user)]


async def with_run_token(settings: Settings, store: Store) -> tuple[Settings, str | None]:
    """Add a token for this run to the settings if the service listens on loopback only and no token exists.

    The token exists in this process only.
    """
    if not settings.is_loopback or settings.tokens or any(not token.revoked_at for token in await store.list_tokens()):
        return settings, None
    token = secrets.token_urlsafe(24)
    return Settings(**{**settings.model_dump(), "tokens": f"{LOCAL_USER}:{token}"}), token


def _static_user(tokens: Mapping[str, str], offered: str) -> str | None:
    found = None
    for token, user in tokens.items():
        # Compare all tokens in constant time, so that the timing reveals nothing.
        if hmac.compare_digest(token.encode(), offered.encode("utf-8", "replace")):
            found = user
    return found


_SECRETS = re.compile(
    r"""(?ix)
    (?P<before> \bbearer\. | \bbearer\s+(?!<) | [?&](?:token|access_token|api_key)= | "token"\s*:\s*" )
    [^\s,"'&\])}]+
    | (?-i:\bglow_)[\w-]{16,}  # case-sensitive: settings are named GLOW_...
    | \bsk-[\w-]{16,}
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
    """A log filter that bounds what a stranger can write: `LOGGED_A_MINUTE` lines a minute of this module's logger.

    The next line after that says how many were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._since = 0.0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Count the record; return whether it is logged."""
        if record.name != __name__:
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
