"""The one error table: the status and the sentence of every exception, which each door renders in its own shape."""

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.doors.guarded import GuardedRoute
from api.doors.json_bounds import parsed
from models.columns import clean
from models.errors import Invalid, ModelError
from pipeline.errors import PipelineError, TooMany
from pipeline.practice.progress import FAILED
from voice.errors import VoiceError

log = logging.getLogger(__name__)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""The methods of a catch-all route for what a door does not have."""

BUSY_RETRY_S = 5
"""The default of Retry-After, in seconds."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request fails, for a door to render in its own shape.

    Attributes:
        errors: the problem of each field of an invalid request.
        code: the stable identifier of a typed error; empty for none.
        param: the parameter that it is about, if it names one.
    """

    status: int
    message: str
    errors: list[Any] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    code: str = field(default="", compare=False)
    param: str | None = field(default=None, compare=False)


def failure_of(error: Exception) -> Failure:
    """Map an exception to its failure; a typed error carries its own status and sentence."""
    match error:
        case RequestValidationError() | ValidationError():
            return _unprocessable(error)
        case HTTPException():
            headers = _headers_of(error.status_code) | dict(error.headers or {})
            return Failure(error.status_code, str(error.detail), headers=headers)
        case ClientDisconnect():
            return Failure(400, "The client left in the middle of its request.")
        case ModelError() | PipelineError() | VoiceError() if error.http_status != 500:
            retry_s = error.retry_after_s if isinstance(error, TooMany) else None
            headers, param = _headers_of(error.http_status, retry_s), getattr(error, "param", None)
            return Failure(error.http_status, clean(str(error)), headers=headers, code=error.code, param=param)
        case _:
            log.error("A request failed.", exc_info=error)
            return Failure(500, FAILED)


def _unprocessable(error: RequestValidationError | ValidationError) -> Failure:
    """List the problems of a request field by field, without repeating its values."""
    errors = [
        {
            "loc": [part if isinstance(part, int) else clean(str(part)) for part in problem["loc"]],
            "msg": clean(str(problem["msg"])),
            "type": str(problem["type"]),
        }
        for problem in list[Any](error.errors())
    ]
    first = errors[0] if errors else {"loc": [], "msg": "invalid"}
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return Failure(422, f"{place}: {first['msg']}" if place else str(first["msg"]), errors)


def _headers_of(status: int, retry_s: int | None = None) -> dict[str, str]:
    match status:
        case 401:
            return {"WWW-Authenticate": "Bearer"}
        case 429 | 503:
            return {"Retry-After": str(retry_s or BUSY_RETRY_S)}
        case _:
            return {}


def detail(failure: Failure) -> Response:
    """Render a failure in the shape of FastAPI, which Glow's own clients read: `{"detail": ...}`."""
    return JSONResponse({"detail": failure.errors or failure.message}, failure.status, failure.headers)


def explain_errors(app: FastAPI) -> None:
    """Have every route without its own shape render failures in FastAPI's."""
    for kind in (ModelError, PipelineError, VoiceError, RequestValidationError, ClientDisconnect):
        app.add_exception_handler(kind, _explain)


async def _explain(_: Request, error: Exception) -> Response:
    return detail(failure_of(error))


def route_class(render: Callable[[Failure], Response]) -> type[GuardedRoute]:
    """Make a class of routes whose failures are rendered by `render`."""

    class DoorRoute(GuardedRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await handle(request)
                except Exception as error:  # noqa: BLE001  # a door renders every failure in its own shape
                    return render(failure_of(error))

            return handler

    return DoorRoute


async def json_object(request: Request) -> dict[str, Any]:
    """Read the body as a JSON object, with U+FFFD for lone surrogates; an empty object for no body.

    Raises:
        Invalid: it is something else, or nested too deeply.
        TooLarge: it holds too many values.
    """
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = await parsed(raw, _strict)
    except ValueError:
        raise Invalid("The request is not JSON; send a JSON object.") from None
    if not isinstance(body, dict):
        raise Invalid("The request is not a JSON object; send one.")
    return body


# Line ends to many clients, though JSON allows them in strings.
_LINE_ENDS = {ord(letter): f"\\u{ord(letter):04x}" for letter in "\x85\u2028\u2029"}


def json_line(body: Mapping[str, Any]) -> str:
    """Encode JSON on one line, by any client's notion of line ends."""
    return json.dumps(body, ensure_ascii=False).translate(_LINE_ENDS)


def server_sent(body: Mapping[str, Any]) -> str:
    """Render a server-sent event that holds JSON."""
    return f"data: {json_line(body)}\n\n"


def _strict(raw: bytes) -> Any:
    return _cleaned(json.loads(raw, parse_constant=_not_json))


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
