"""Attempts, chats, tests and content over HTTP: a route for each operation, without any decision."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from api.auth import having
from api.doors.glow.carrying_out import carry_out
from api.doors.glow.operation import Operation
from api.doors.glow.operations.shapes import Staged, WriteBody
from api.doors.guarded import GuardedRoute
from api.service import Service
from models.records.core import Grant


class Detail(BaseModel):
    """An error: a sentence that says what to do."""

    detail: str


class FieldProblem(BaseModel):
    loc: list[str | int]
    msg: str
    type: str


class Unprocessable(BaseModel):
    """The invalid fields of a body."""

    detail: list[FieldProblem]


REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Detail, "description": "A value that cannot be used."},
    401: {"model": Detail, "description": "No token, or one that opens nothing."},
    403: {"model": Detail, "description": "Somebody else's session, or the token's scope does not include it."},
    404: {"model": Detail, "description": "There is no such thing, or it is somebody else's."},
    409: {"model": Detail, "description": "Not in the state that this needs, such as ended or changed."},
    413: {"model": Detail, "description": "More than is taken at once."},
    422: {"model": Unprocessable, "description": "The body is not what it should be."},
    429: {"model": Detail, "description": "Busy: try again in a moment."},
    502: {"model": Detail, "description": "An engine failed."},
    503: {"model": Detail, "description": "An engine is not there."},
}
"""The responses of every operation besides its reply."""

_REFUSED_BY_NAME: dict[int | str, dict[str, Any]] = {
    status: {
        "description": response["description"],
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{response['model'].__name__}"}}},
    }
    for status, response in REFUSED.items()
}
"""The same without FastAPI making a field of its own for each response of each route, a tenth of a second in all.

The routes of recordings, which have the classes, bring their schemas into the document.
"""


def service_of(request: Request) -> Service:
    """Return the running service."""
    service: Service = request.app.state.service
    return service


@cache
def router_of(operations: tuple[Operation, ...]) -> APIRouter:
    """Make the routes of all operations."""
    router = APIRouter(route_class=GuardedRoute)
    for operation in operations:
        for method, path in (("POST", operation.path), *operation.also):
            _add(router, operation, method, path)
    return router


def _add(router: APIRouter, operation: Operation, method: str, path: str) -> None:
    reply: Any = operation.reply | Staged if issubclass(operation.body, WriteBody) else operation.reply
    router.add_api_route(
        path,
        _endpoint(operation),
        methods=[method],
        response_model=reply,
        summary=operation.summary,
        tags=[operation.artifact],
        responses=_REFUSED_BY_NAME,
        operation_id=f"{method.lower()}{path.replace('/', '_')}",
    )


def _endpoint(operation: Operation) -> Callable[..., Awaitable[Any]]:
    async def bare(grant: Any, request: Request, body: Any = None) -> Any:
        return await carry_out(service_of(request), grant, operation, body or operation.body())

    async def with_body(grant: Any, request: Request, body: Any) -> Any:
        return await carry_out(service_of(request), grant, operation, body)

    endpoint: Callable[..., Awaitable[Any]] = bare if operation.bare else with_body
    endpoint.__name__ = f"{operation.artifact}_{operation.name}"
    endpoint.__doc__ = operation.function.__doc__
    # The route's types are the operation's: FastAPI reads them from here.
    endpoint.__annotations__["grant"] = Annotated[Grant, Depends(having(operation.key))]
    endpoint.__annotations__["body"] = operation.body | None if operation.bare else operation.body
    return endpoint
