"""A process that stops sends new websockets to the others that run."""

import json

from starlette.types import ASGIApp, Receive, Scope, Send

from api.doors.refusals import BUSY_RETRY_S

_DETAIL = "This process of the service stops; connect again, and another one answers."


class DrainingSockets:
    """ASGI middleware that refuses the handshake of a websocket with 503 while its process stops and others run.

    A proxy tries another one on that status. A websocket that was accepted and then refused would be the proxy's last
    word, and one that counts connections would send its client back here, where there are ever fewer of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass it on."""
        if scope["type"] != "websocket" or not _stops_beside_others(scope):
            await self._app(scope, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            headers = [(b"content-type", b"application/json"), (b"retry-after", str(BUSY_RETRY_S).encode())]
            await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
            body = json.dumps({"detail": _DETAIL}).encode()
            await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
        else:
            await send({"type": "websocket.close", "code": 1013, "reason": _DETAIL})


def _stops_beside_others(scope: Scope) -> bool:
    service = getattr(scope["app"].state, "service", None)
    return service is not None and service.presence.draining and service.presence.others
