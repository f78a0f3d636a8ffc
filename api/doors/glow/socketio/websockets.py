"""The websockets beneath the sockets, which may be closed with a code and a reason; engineio gives none."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SID = "glow.socket"


class SocketTransports:
    """An ASGI application around engineio's that knows which of its connections have a websocket.

    Args:
        app: engineio's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: dict[str, Scope] = {}
        self._reasons: dict[str, tuple[int, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; an upgrade from polling names its connection in the query."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return

        async def send_with_reason(message: Message) -> None:
            if message["type"] == "websocket.close" and (why := self._reasons.get(scope.get(_SID, ""))):
                message = {**message, "code": why[0], "reason": why[1]}
            await send(message)

        if upgraded := parse_qs(scope.get("query_string", b"").decode("latin-1")).get("sid"):
            self._keep(upgraded[0], scope)
        try:
            await self._app(scope, receive, send_with_reason)
        finally:
            sid = scope.get(_SID, "")
            if self._open.get(sid) is scope:
                del self._open[sid]
                self._reasons.pop(sid, None)

    def connected(self, sid: str, environ: Mapping[str, Any]) -> None:
        """Learn which connection a new websocket became."""
        if environ["asgi.scope"]["type"] == "websocket":
            self._keep(sid, environ["asgi.scope"])

    def will_close(self, sid: str, code: int, reason: str) -> bool:
        """Give the websocket of a connection a code and a reason for its close; return False if it has none."""
        if sid not in self._open:
            return False
        self._reasons[sid] = (code, reason)
        return True

    def _keep(self, sid: str, scope: Scope) -> None:
        scope[_SID] = sid
        self._open[sid] = scope
