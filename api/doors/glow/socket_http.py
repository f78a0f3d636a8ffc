"""`POST /socket/v5/client/...`: the events of Socket V5 as requests, done for whoever the token belongs to.

What an event tells goes to the rooms, and what it would tell the asking socket to all sockets of the same user.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from api.auth import CurrentUser
from api.doors.glow.socketio.events import Asker, Event
from api.doors.glow.socketio.names import LIFECYCLE, V5
from api.doors.glow.socketio.table import EVENTS

router = APIRouter(prefix="/socket/v5/client", tags=["socket v5 client"])

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The event refuses this."},
    401: {"description": "No token, or one that opens nothing."},
    403: {"description": "It belongs to somebody else's session."},
    404: {"description": "No such thing, or another user's."},
    409: {"description": "The thing is not in the state for this."},
    413: {"description": "More than is taken at once."},
    429: {"description": "Too much at once; try again in a moment."},
    502: {"description": "An engine failed."},
    503: {"description": "An engine is not there."},
}


@router.post("/connect", responses={401: _ERRORS[401]})
async def connect_api(user: CurrentUser) -> dict[str, Any]:
    """Whether this token may connect; the connection itself is made at /socket.io."""
    return {"success": True, "profile_id": user.id, "server_time": datetime.now(UTC).isoformat()}


@router.post("/disconnect", responses={401: _ERRORS[401]})
async def disconnect_api(_: CurrentUser) -> dict[str, Any]:
    """A request has no connection that it could close; sockets close themselves."""
    return {"success": True}


def _route(event: Event) -> Callable[..., Awaitable[dict[str, Any]]]:
    body_type: Any = event.body

    async def asked(body: body_type, user: CurrentUser, request: Request) -> dict[str, Any]:
        return {"success": True, **await event.run(Asker(request.app.state.service, user), body)}

    return asked


for _name in V5:
    if _name in LIFECYCLE:
        continue
    _words = _name.replace("_", " ")
    router.add_api_route(
        "/" + _name.replace("_", "/", 1),
        _route(EVENTS[_name]),
        methods=["POST"],
        name=f"{_name}_api",
        operation_id=f"socket_v5_{_name}",
        summary=_words.capitalize(),
        description=f"The event `{_name}` for whoever the token belongs to.",
        responses=_ERRORS,
    )
