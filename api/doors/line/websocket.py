"""A starlette websocket as a wire."""

from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.exceptions import InvalidState

from api.doors.line.wire import Close, LineRefused, Message

CODES = {
    Close.ENDED: 1000,
    Close.NOT_ALLOWED: 1008,
    Close.REVOKED: 1008,
    Close.TOO_LARGE: 1009,
    Close.BROKEN: 1011,
    Close.RESTARTING: 1012,
    Close.BUSY: 1013,
}
"""Close codes of RFC 6455, section 7.4.1, and of its registry."""


class WebSocketWire:
    """An accepted websocket.

    Args:
        websocket: the connection.
        limit: bytes of one message. A larger one gets an error before the close; one above the path's `SocketRules`
            is cut off by the server without any.
    """

    def __init__(self, websocket: WebSocket, limit: int) -> None:
        self._websocket = websocket
        self._limit = limit

    async def receive(self) -> Message | None:
        """Wait for the next message; None once the client has disconnected.

        Raises:
            Refused: it is larger than the limit.
        """
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            return None
        data: Message = received["bytes"] if received.get("bytes") is not None else received.get("text") or ""
        if len(data if isinstance(data, bytes) else data.encode()) > self._limit:
            raise LineRefused(
                "message_too_large", f"Send messages of at most {self._limit} bytes; resume the call.", Close.TOO_LARGE
            )
        return data

    async def send(self, message: Message) -> None:
        """Send a text or binary message.

        Raises:
            ConnectionError: the connection is lost.
        """
        if self._websocket.application_state is WebSocketState.DISCONNECTED:
            raise ConnectionError("The websocket is closed.")
        try:
            if isinstance(message, bytes):
                await self._websocket.send_bytes(message)
            else:
                await self._websocket.send_text(message)
        except WebSocketDisconnect:
            raise ConnectionError("The client has gone.") from None

    async def close(self, reason: Close) -> None:
        """Close with the reason's code and name."""
        if reason is not Close.GONE:
            with suppress(RuntimeError, WebSocketDisconnect, InvalidState):  # the client may have gone first
                await self._websocket.close(CODES[reason], reason.name.lower().replace("_", " "))
