"""`POST /socket/v5/client/...`: the events of Socket V5 as requests, carried out for the token's user.

Events go to the rooms, and what would go to the asking socket goes to all sockets of the same user.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api.auth import CONNECT, having
from api.doors.glow.operation import Operation
from api.doors.glow.socketio.events import Asker, ClientEvent
from api.doors.glow.socketio.table import Events
from api.doors.guarded import GuardedRoute
from models.records.core import Grant

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The event refuses this."},
    401: {"description": "No token, or one that opens nothing."},
    403: {"description": "It belongs to somebody else's session, or the token's scope does not include it."},
    404: {"description": "No such thing, or another user's."},
    409: {"description": "The thing is not in the state for this."},
    413: {"description": "More than is taken at once."},
    429: {"description": "Too much at once; try again in a moment."},
    502: {"description": "An engine failed."},
    503: {"description": "An engine is not there."},
}

Connecting = Annotated[Grant, Depends(having(CONNECT))]


@cache
def router_of(operations: tuple[Operation, ...]) -> APIRouter:
    """Make the routes of the document's events."""
    by_key = {operation.key: operation for operation in operations}
    router = APIRouter(prefix="/socket/v5/client", tags=["socket v5 client"], route_class=GuardedRoute)
    router.post("/connect", responses={401: _ERRORS[401]})(connect_api)
    router.post("/disconnect", responses={401: _ERRORS[401]})(disconnect_api)
    for name, event in Events(by_key.values()).by_name.items():
        if event.row.v5:
            _add(router, name, _endpoint(event, by_key))
    return router


async def connect_api(grant: Connecting) -> dict[str, Any]:
    """Check that this token may connect; the connection itself is made at /socket.io."""
    return {"success": True, "profile_id": grant.user.id, "server_time": datetime.now(UTC).isoformat()}


async def disconnect_api(_: Connecting) -> dict[str, Any]:
    """Do nothing: a request has no connection to close, and sockets close themselves."""
    return {"success": True}


def _endpoint(event: ClientEvent, operations: Mapping[str, Operation]) -> Callable[..., Awaitable[dict[str, Any]]]:
    body_type: Any = event.body
    grant_type: Any = Annotated[Grant, Depends(having(event.right))]

    async def asked(body: body_type, grant: grant_type, request: Request) -> dict[str, Any]:
        return {"success": True, **await event.carry_out(Asker(request.app.state.service, grant, operations), body)}

    return asked


def _add(router: APIRouter, name: str, endpoint: Callable[..., Awaitable[dict[str, Any]]]) -> None:
    router.add_api_route(
        "/" + name.replace("_", "/", 1),
        endpoint,
        methods=["POST"],
        name=f"{name}_api",
        operation_id=f"socket_v5_{name}",
        summary=name.replace("_", " ").capitalize(),
        description=f"The event `{name}` for whoever the token belongs to.",
        responses=_ERRORS,
    )
