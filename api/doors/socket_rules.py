"""uvicorn's websockets, with keepalive and message limit by path, and with a code for who breaks the protocol.

Some telephone systems hang up on a ping, and some clients send messages of a megabyte. A door that needs other rules
than the server's adds its path to `app.state.socket_rules` in `create_app`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Close, Frame
from websockets.http11 import Request

from api.doors.http_rules import release_lease


@dataclass(frozen=True, slots=True)
class SocketRules:
    """The rules of a path's websockets.

    Attributes:
        ping_every_s: the interval of pings; None for none.
        pong_within_s: a connection without a pong by then is closed; None waits for ever.
        max_bytes: a larger message closes the connection with 1009; None for the server's own limit.
    """

    ping_every_s: float | None = 20.0
    pong_within_s: float | None = 20.0
    max_bytes: int | None = None


def rules_for(rules: Mapping[str, SocketRules], path: str) -> SocketRules | None:
    """Return the rules of the longest path that equals this one or is a parent of it; None without any."""
    above = [known for known in rules if path == known or path.startswith(known.rstrip("/") + "/")]
    return rules[max(above, key=len)] if above else None


def protocol_by_path(rules: Mapping[str, SocketRules]) -> type[WebSocketsSansIOProtocol]:
    """Make uvicorn's websocket protocol with these rules, and uvicorn's own on all other paths."""

    class ByPath(WebSocketsSansIOProtocol):
        def handle_connect(self, event: Request) -> None:
            found = rules_for(rules, unquote(event.path.partition("?")[0]))
            if found is not None:
                self.ping_interval, self.ping_timeout = found.ping_every_s, found.pong_within_s
                if found.max_bytes is not None:
                    self.conn.max_message_size = found.max_bytes
            super().handle_connect(event)

        _ending = False

        async def send(self, message: ASGISendEvent) -> None:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
                self.handshake_complete = True  # uvicorn would log an error: that there was no answer

        def send_receive_event_to_app(self) -> None:
            if self._ending:
                return
            if self.curr_msg_data_type == "text":
                try:
                    b"".join(self.frames).decode()
                except UnicodeDecodeError:
                    # uvicorn does so, too, and logs a traceback.
                    self.frames = []
                    self.conn.send_close(1007)
                    self.handle_parser_exception()
                    return
            super().send_receive_event_to_app()

        def handle_parser_exception(self) -> None:
            if not (self.close_sent or self._ending):
                assert self.conn.close_sent is not None
                self._end(self.conn.close_sent)

        def handle_close(self, event: Frame) -> None:
            if self.close_sent or self._ending or self.transport.is_closing():
                super().handle_close(event)
            else:
                assert self.conn.close_rcvd is not None
                self._end(self.conn.close_rcvd)

        def _end(self, close: Close) -> None:
            """Tell the client that and why the connection ends, and read on for a while; uvicorn closes at once.

            With bytes unread, a system resets the connection, and the client never sees the code (RFC 6455, 7.1.1).
            """
            self._ending = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
            self.transport.write(b"".join(self.conn.data_to_send()))
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.transport.resume_reading()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            release_lease({"state": self.app_state})

    return ByPath
