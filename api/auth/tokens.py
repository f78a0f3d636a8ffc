"""Authentication: Bearer tokens over HTTP and websockets, and the token of a run."""

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from fastapi import Request
from starlette.requests import HTTPConnection

from api.auth.redaction import LOGINS
from api.auth.scopes import check_right
from api.settings import Settings
from models.errors import ModelError, TokenExpired
from models.records.core import Grant
from models.store import Store

SUBPROTOCOL = "glow.voice"
LOCAL_USER = "local"
TALK_PAGE = "talk page"
"""The label of tokens that a link of `glow serve` was exchanged for."""

MISSING = "Missing Authorization: Bearer <token> header"
INVALID = "The token is unknown or revoked: make one with `glow token create USER`."

log = logging.getLogger(LOGINS)

_AUTHENTICATORS: set[Any] = set()
_GRANT = "glow.grant"

Found = TypeVar("Found")


class Unauthorized(ModelError):
    """The token is missing or invalid; the message says which."""

    code = "unauthorized"
    http_status = 401


class Expired(Unauthorized):
    """The token's time is over."""


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


async def grant_for(store: Store, settings: Settings, token: str | None, address: str) -> Grant:
    """Return what a token opens: a static one, one of the store, or an OAuth access token.

    A token that opens nothing is logged with the `address` of the client, without the token.

    Raises:
        Unauthorized: there is none, or it is unknown or revoked.
        Expired: its time is over.
    """
    if not token:
        raise Unauthorized(MISSING)
    name = _static_user(settings.static_tokens, token)
    if name is not None:
        return Grant(await store.user_named(name))
    try:
        grant = await store.grant_for(token)
    except TokenExpired as error:
        login_failed("token", address)
        raise Expired(str(error)) from None
    if grant is None:
        login_failed("token", address)
        raise Unauthorized(INVALID)
    return grant


def login_failed(what: Literal["token", "client secret"], address: str) -> None:
    """Log that a token or a client's secret was refused."""
    log.info("Login failed from %s: the %s opens nothing.", address or "an unknown address", what)


async def request_grant(request: Request, right: str) -> Grant:
    """Authenticate an HTTP request, and check that its token has a right.

    Raises:
        Unauthorized: its token is missing or invalid.
        Forbidden: as `check_right`.
    """
    state = request.app.state
    token = bearer(request.headers.get("authorization"))
    grant = await grant_for(state.store, state.settings, token, address_of(request))
    check_right(grant, right)
    request.scope[_GRANT] = grant
    return grant


def grant_of(request: Request) -> Grant | None:
    """Return what `request_grant` found for this request, or None if nothing asked it."""
    found: Grant | None = request.scope.get(_GRANT)
    return found


def keep_grant(request: Request, grant: Grant) -> None:
    """Have `grant_of` return this grant, such as one on behalf of another user."""
    request.scope[_GRANT] = grant


def authenticates(find: Callable[[Request], Awaitable[Found]]) -> Callable[[Request], Awaitable[Found]]:
    """Mark a FastAPI dependency that authenticates a request: a route solves it before the body is read, and once."""

    async def once(request: Request) -> Found:
        found: dict[Any, Found] = request.scope.setdefault("glow.users", {})
        if once not in found:
            found[once] = await find(request)
        return found[once]

    once.__name__, once.__doc__ = find.__name__, find.__doc__
    _AUTHENTICATORS.add(once)
    return once


def is_authenticator(dependency: Any) -> bool:
    """Return whether the dependency is marked by `authenticates`."""
    return dependency in _AUTHENTICATORS


@cache
def having(right: str) -> Callable[[Request], Awaitable[Grant]]:
    """Make the FastAPI dependency that authenticates a request whose token has this right.

    Raises:
        Unauthorized, Forbidden: as `request_grant`.
    """

    @authenticates
    async def granted(request: Request) -> Grant:
        return await request_grant(request, right)

    return granted


async def with_run_token(settings: Settings, store: Store) -> tuple[Settings, str | None]:
    """Add a token for this run to the settings if the service listens on loopback only and no token exists.

    The token exists in this process only. Those that the talk page was given do not count: nobody else has them.
    """
    made = [token for token in await store.list_tokens() if not token.revoked_at and token.label != TALK_PAGE]
    if not settings.is_loopback or settings.tokens or made:
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
