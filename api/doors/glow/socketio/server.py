"""The socket.io server: authenticates connections, dispatches events, and cleans up after disconnected sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import engineio
import socketio
from engineio.payload import Payload
from socketio.exceptions import ConnectionRefusedError as Refused

from api.auth import CONNECT, Forbidden, Unauthorized, bearer, calls_only, check_right, grant_for
from api.doors.glow.operation import Operation
from api.doors.glow.socketio.connections import Connection
from api.doors.glow.socketio.events import Asker, perform
from api.doors.glow.socketio.packets import ATTACHMENTS_LIMIT, BoundedJson, closing
from api.doors.glow.socketio.table import Events
from api.doors.glow.socketio.websockets import SocketTransports
from api.service import Service
from models.errors import StorageFailed
from pipeline.practice.progress import REFUSALS

log = logging.getLogger(__name__)

PING_EVERY_S, PING_WAIT_S = 25, 20

NAMELESS_S = 15.0
"""Timeout of a connection's authentication."""

REFUSED_S = 0.5
"""Time that a refused connection has to read the reason."""

REVOKED = "The token of this socket was revoked or has expired, or its user was deleted."

PACKETS_AT_ONCE = 16
"""Most packets in the answer to a polling request: the library's own clients take no more."""

PACKETS_LIMIT = 2_000
"""Most packets in one polling request: a client that polls gathers its frames."""

NO_PACKET = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What the library raises on what is no packet."""

_EVENT = "event"
_FAILED = "The service failed on this event; try again."


class _Unread(asyncio.Queue[Any]):
    """The packets for one socket, which takes at most PACKETS_AT_ONCE of them with one polling request."""

    _taken = 0

    async def get(self) -> Any:
        self._taken = 0
        return await super().get()

    def get_nowait(self) -> Any:
        if self._taken >= PACKETS_AT_ONCE:
            raise asyncio.QueueEmpty
        self._taken += 1
        return super().get_nowait()


class _Engine(engineio.AsyncServer):  # type: ignore[misc]
    def create_queue(self, *_: Any, **__: Any) -> _Unread:
        return _Unread()


class _Server(socketio.AsyncServer):  # type: ignore[misc]
    """The library's server, with a fast path for audio and admission control for everything else."""

    door: "SocketDoor"

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return _Engine

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
            pending = self._binary_packet.get(eio_sid)
            if pending is not None and pending.attachment_count > ATTACHMENTS_LIMIT:
                raise ValueError("An event has few binary parts.")
        except NO_PACKET as error:
            await self._close(eio_sid, error)

    async def _close(self, eio_sid: str, error: Exception) -> None:
        """Close a connection that sent an invalid packet; the library would log it and go on."""
        log.warning("A socket sent what is no packet (%s) and is disconnected.", type(error).__name__)
        if (found := self.eio.sockets.get(eio_sid)) is not None:
            # Without waiting until all packets are read: who polls reads them only after the answer to this request.
            await found.close(wait=False)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:  # noqa: A002
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("An event has a name.")
        name, payload = data[0], data[1] if len(data) > 1 else None
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if name in self.door.events.frames and id is None:
            # 187 frames a second: a task for each would cost more than the frame itself.
            self.door.frame(sid, payload)
            return
        admitted = await self.door.admit(sid)
        # One internal name for every event: a client must not be able to trigger the library's own handlers.
        await super()._handle_event(eio_sid, namespace, id, [_EVENT, name, payload, admitted])

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self.door.transports.connected(eio_sid, environ)
        await super()._handle_eio_connect(eio_sid, environ)
        found = self.eio.sockets[eio_sid]
        found.handle_post_request = partial(self._posted, eio_sid, found.handle_post_request)
        self.door.expect_a_name(eio_sid)

    async def _posted(self, eio_sid: str, receive: Callable[[Any], Awaitable[None]], environ: Any) -> None:
        try:
            await receive(environ)
        except NO_PACKET as error:
            await self._close(eio_sid, error)


class SocketDoor:
    """Serves socket.io once it is `open`. Mount `asgi` at /socket.io.

    Args:
        message_limit: most bytes of one message.
        operations: the operations from which its events are made.

    Attributes:
        events: the events.
        transports: the websockets beneath.
    """

    def __init__(self, message_limit: int, operations: Iterable[Operation]) -> None:
        self._operations = {operation.key: operation for operation in operations}
        self.events = Events(self._operations.values())
        Payload.max_decode_packets = PACKETS_LIMIT
        self._server = _Server(
            async_mode="asgi",
            cors_allowed_origins="*",
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_WAIT_S,
            max_http_buffer_size=message_limit,
            http_compression=False,
            json=BoundedJson,
        )
        closing(self._server.eio)
        self._server.door = self
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on(_EVENT, self._event)
        self._connections: dict[str, Connection] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._service: Service | None = None
        self.transports = SocketTransports(socketio.ASGIApp(self._server, socketio_path=None))
        self.asgi = self.transports

    def __len__(self) -> int:
        """Return the number of connected sockets."""
        return len(self._connections)

    @asynccontextmanager
    async def open(self, service: Service) -> AsyncIterator[None]:
        """Serve for the length of the block; after it every socket is disconnected and every task is over."""
        self._service = service
        # An unattended call is heard in its chat's room: let it play from the beginning.
        service.calls.when_opened(lambda call: call.session.connect())
        try:
            yield
        finally:
            self._service = None
            leaving = list(self._connections.values())
            for connection in leaving:
                await self._server.disconnect(connection.sid)
            await asyncio.gather(*(connection.closed() for connection in leaving))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.shutdown()

    def connection(self, sid: str) -> Connection | None:
        """Return a connected socket."""
        return self._connections.get(sid)

    # ------------------------------------------------------ coming and going

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        service = self._service
        eio_sid = self._server.manager.eio_sid_from_sid(sid, "/")
        if service is None:
            raise Refused("The service is starting or closing; connect again in a moment.")
        try:
            grant = await grant_for(service.store, service.settings, _token(environ, auth), _address(environ))
            check_right(grant, CONNECT)
        except (Unauthorized, Forbidden) as error:
            self._own(self._part(eio_sid, REFUSED_S), f"refused {eio_sid}")
            raise Refused(str(error)) from None
        connection = Connection(self._server, sid, eio_sid, grant, service)
        connection.hold(lambda: self._own(self._revoke(connection), f"revoked {sid}"))
        connection.as_base64 = isinstance(auth, Mapping) and auth.get("audio") == "base64"
        self._connections[sid] = connection
        await service.hub.settled()
        connection.send(
            "connection_confirmed",
            {"sid": sid, "profile_id": grant.user.id, "guest_id": None, "server_time": datetime.now(UTC).isoformat()},
        )
        if not calls_only(grant.scope):
            with suppress(StorageFailed):
                await service.practice.lost.tell(grant.user.id)
        # Sent by a task of its own, so after the library has accepted the client.
        self._own(connection.forward(), f"socket {sid}")

    async def _disconnect(self, sid: str, _reason: str = "") -> None:
        connection = self._connections.pop(sid, None)
        if connection is not None:
            connection.close()

    async def _revoke(self, connection: Connection) -> None:
        """Say why, then close; a websocket with 1008."""
        await self._server.emit("connection_closed", {"message": REVOKED}, to=connection.sid)
        if not self.transports.will_close(connection.eio_sid, 1008, "revoked"):
            await self._server.disconnect(connection.sid)
        await connection.close_transport()

    def expect_a_name(self, eio_sid: str) -> None:
        """Close the connection if it does not authenticate in time."""
        self._own(self._part(eio_sid, NAMELESS_S), f"nameless {eio_sid}")

    async def _part(self, eio_sid: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if eio_sid in self._server.eio.sockets and not self._server.manager.sid_from_eio_sid(eio_sid, "/"):
            await self._server.eio.disconnect(eio_sid)

    # --------------------------------------------------------------- asking

    def frame(self, sid: str | None, payload: Any) -> None:
        """Take audio that nobody acknowledges."""
        if (connection := self._connections.get(sid or "")) is not None:
            connection.take(payload)

    async def admit(self, sid: str | None) -> bool:
        """Wait until the socket may begin another operation; it is not read meanwhile."""
        connection = self._connections.get(sid or "")
        return connection is not None and await connection.admit()

    async def _event(self, sid: str, name: str, payload: Any, admitted: bool) -> dict[str, Any]:
        service, connection = self._service, self._connections.get(sid)
        if service is None or connection is None:
            return _refusal("The socket is not connected; connect again.")
        if not admitted:
            return _refusal("Too many operations at once; wait for an answer before you ask for more.")
        try:
            if name in self.events.frames:
                return {"accepted": await _accepted(connection, payload)}
            event = self.events.find(name)
            if event is None:
                return _refusal(f"There is no event {name[:100]!r}; see POST /socket/v5/client for those there are.")
            return await perform(Asker(service, connection.grant, self._operations, connection), event, payload)
        except Exception:
            log.exception("The event %s failed.", name[:100])
            return _refusal(_FAILED)
        finally:
            connection.release()

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A task of the socket.io door failed.", exc_info=error)


async def _accepted(connection: Connection, payload: Any) -> bool:
    """Take audio; return whether there is a call for it, here or at another process, from which it comes here."""
    try:
        return connection.hear(payload) or (await connection.bring(payload) and connection.hear(payload))
    except REFUSALS:
        return False


def _token(environ: Mapping[str, Any], auth: Any) -> str | None:
    """Return the token of a connect: `{token: "Bearer ..."}`, a bare token, or an Authorization header."""
    said = auth.get("token") if isinstance(auth, Mapping) else auth
    if isinstance(said, str) and said.strip():
        return bearer(said) or said.strip()
    return bearer(environ.get("HTTP_AUTHORIZATION"))


def _address(environ: Mapping[str, Any]) -> str:
    client = environ.get("asgi.scope", {}).get("client")
    return str(client[0]) if client else ""


def _refusal(sentence: str) -> dict[str, Any]:
    return {"error": sentence, "success": False}
