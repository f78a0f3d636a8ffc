"""What the doors for other systems' clients share: their own error shapes, a bound on bodies, a limit on requests."""

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message

from api.auth import Unauthorized
from models.columns import clean
from models.errors import Conflict, Invalid, ModelError, NotFound
from pipeline.errors import Busy, NotOwner, PipelineError, ResponderFailed
from pipeline.tasks.rate_limits import TooMany

log = logging.getLogger(__name__)

PATHS = ("/api/", "/ai/", "/oauth2/", "/rest/", "/chat")
"""How the paths of these doors begin."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""What a route must take that stands for all that a door does not have."""

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of one request."""

BUSY_RETRY_S = 5

_STATUS: dict[type[Exception], int] = {
    Unauthorized: 401,
    NotOwner: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 400,
    Busy: 429,
    ResponderFailed: 502,
}


class TooLarge(Exception):
    """The body is larger than the door takes."""


class NotAnObject(Exception):
    """The body is no JSON object; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request fails, for a door to say in its own shape.

    Attributes:
        errors: what is wrong with which field, where the request was not what it should be.
    """

    status: int
    message: str
    errors: list[Any] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def failure_of(error: Exception) -> Failure:
    """What an exception means for whoever asked."""
    if isinstance(error, HTTPException) and isinstance(error.__cause__, TooLarge):
        error = error.__cause__  # the framework wraps whatever happens while it reads a body
    match error:
        case RequestValidationError() | ValidationError():
            errors = [
                {k: v for k, v in item.items() if k not in ("ctx", "input")} for item in list[Any](error.errors())
            ]
            first = errors[0] if errors else {"loc": (), "msg": "invalid"}
            place = ".".join(str(part) for part in first["loc"] if part != "body")
            return Failure(422, f"{place}: {first['msg']}" if place else str(first["msg"]), errors)
        case HTTPException():
            return Failure(error.status_code, str(error.detail), headers=dict(error.headers or {}))
        case TooLarge():
            return Failure(413, f"The request is larger than {BODY_LIMIT} bytes.")
        case TooMany():
            return Failure(429, str(error), headers={"Retry-After": str(error.retry_after_s)})
        case NotAnObject():
            return Failure(400, str(error))
        case Unauthorized() | ModelError() | PipelineError():
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
            headers |= {"Retry-After": str(BUSY_RETRY_S)} if status == 429 else {}
            return Failure(status, str(error), headers=headers)
        case _:
            log.error("A request failed.", exc_info=error)
            return Failure(500, "The service failed on this request; try again.")


def route_class(render: Callable[[Failure], Response]) -> type[APIRoute]:
    """Routes whose bodies are bounded and whose every failure is said by `render`."""

    class DoorRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await handle(Request(request.scope, _bounded(request)))
                except Exception as error:  # noqa: BLE001  # a door says every failure in its own shape
                    return render(failure_of(error))

            return handler

    return DoorRoute


def _bounded(request: Request) -> Callable[[], Coroutine[Any, Any, Message]]:
    receive = request.receive
    announced = request.headers.get("content-length", "")
    read = 0

    async def bounded() -> Message:
        nonlocal read
        if announced.isdigit() and int(announced) > BODY_LIMIT:
            raise TooLarge
        message = await receive()
        read += len(message.get("body", b""))
        if read > BODY_LIMIT:
            raise TooLarge
        return message

    return bounded


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object, with U+FFFD for what is no letter; an empty one for no body at all.

    Raises:
        NotAnObject: it is something else.
        TooLarge: it is larger than a door takes.
    """
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = _cleaned(json.loads(raw, parse_constant=_not_json))
    except (ValueError, RecursionError):
        raise NotAnObject("The request is not JSON; send a JSON object.") from None
    if not isinstance(body, dict):
        raise NotAnObject("The request is not a JSON object; send one.")
    return body


# Line ends to many clients, though not to JSON, which lets them stand in a text.
_LINE_ENDS = {ord(letter): f"\\u{ord(letter):04x}" for letter in "\x85\u2028\u2029"}


def json_line(body: Mapping[str, Any]) -> str:
    """JSON that stays on one line wherever a client ends its lines."""
    return json.dumps(body, ensure_ascii=False).translate(_LINE_ENDS)


def server_sent(body: Mapping[str, Any]) -> str:
    """A server-sent event that holds JSON."""
    return f"data: {json_line(body)}\n\n"


def _not_json(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {clean(key): _cleaned(item) for key, item in value.items()}
        case _:
            return value
