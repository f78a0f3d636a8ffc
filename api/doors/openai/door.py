"""Authentication and errors of OpenAI's interfaces."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import authenticates, bearer, request_grant
from api.doors.body_limit import Bound
from api.doors.refusals import Failure, route_class
from api.external import external_of
from api.service import Service
from models.errors import Invalid
from models.records.core import Grant
from pipeline.errors import TooMany

PREFIX = "/v1/"
LARGEST_UPLOAD = 25 * 1024 * 1024
"""Bytes of a recording."""

REQUESTS_AT_ONCE = 8
"""Most recordings and texts of one user that the engines work on."""

RETRY_S = 2

KEY_PROTOCOL = "openai-insecure-api-key."
"""How a browser's subprotocol with its key begins: it cannot set a header."""

_CODES = {
    401: "invalid_api_key",
    403: "insufficient_permissions",
    413: "request_too_large",
    429: "rate_limit_exceeded",
}
"""OpenAI's names of what has another one here, by status."""


class BadParameter(Invalid):
    """A parameter of a request cannot be used.

    Attributes:
        param: its name.
        code: OpenAI's code of the error.
    """

    code = "invalid_value"

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def error_body(message: str, status: int = 400, *, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """Return an error in the interfaces' shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def render(failure: Failure) -> Response:
    """Render a failure in the interfaces' shape."""
    param = failure.param
    if failure.errors:
        param = ".".join(str(part) for part in failure.errors[0]["loc"] if part != "body") or None
    status = 400 if failure.status == 422 else failure.status
    code = _CODES.get(status) or failure.code or ("invalid_value" if failure.errors else None)
    return JSONResponse(error_body(failure.message, status, code=code, param=param), status, failure.headers)


OpenAIRoute = route_class(render)


class RequestIds:
    """Names every answer of these interfaces by an `x-request-id`, as clients show it with an error.

    Args:
        app: the application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and name its answer."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                name = f"req_{uuid4().hex}".encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", name)]}
            await send(message)

        await self._app(scope, receive, named)


BOUNDS = (Bound((f"{PREFIX}audio/",), render, LARGEST_UPLOAD + 64 * 1024), Bound((PREFIX,), render))


def user_of(right: str) -> Callable[[Request], Awaitable[Grant]]:
    """Make the dependency that authenticates a request whose token has this right, and counts it.

    Raises:
        Unauthorized, Forbidden: as `request_grant`.
        TooMany: too many requests.
    """

    @authenticates
    async def granted(request: Request) -> Grant:
        grant = await request_grant(request, right)
        await external_of(request).limits.take("openai", grant.user.id)
        return grant

    return granted


@asynccontextmanager
async def at_once(service: Service, grant: Grant) -> AsyncIterator[None]:
    """Count the engine work that a user has requested, within the block.

    Raises:
        TooMany: too much of it runs.
    """
    running = service.requests
    if running[grant.user.id] >= REQUESTS_AT_ONCE:
        raise TooMany(f"{REQUESTS_AT_ONCE} requests of this user's run; wait for one of them.", RETRY_S)
    running[grant.user.id] += 1
    try:
        yield
    finally:
        running[grant.user.id] -= 1
        if not running[grant.user.id]:
            del running[grant.user.id]


def offered_protocols(connection: HTTPConnection) -> list[str]:
    """Return the subprotocols that a websocket's client offers."""
    return [str(name) for name in connection.scope.get("subprotocols", [])]


def key_of(connection: HTTPConnection) -> str | None:
    """Return the key of a websocket's handshake, from its header or from a browser's subprotocol, or None."""
    offered = [name for name in offered_protocols(connection) if name.startswith(KEY_PROTOCOL)]
    in_protocol = offered[0].removeprefix(KEY_PROTOCOL) if offered else ""
    return bearer(connection.headers.get("authorization")) or in_protocol or None
