"""A minimal socket.io client for the live conversation, on the websocket library that the service depends on anyway.

Events are delivered in order of arrival, which audio requires.

Source: Engine.IO protocol 4, Socket.IO protocol 5.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from engineio import packet as engine
from socketio import packet
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from api.addresses import is_local
from api.client.call import Disconnected, Refused
from api.client.http import http_url

ANSWER_S = 60.0
"""Timeout of an acknowledgement, in seconds."""

OPEN_S = 10.0

Heard = Callable[[str, Any], None]
"""Event listener: gets the name and the payload of every event, in order."""


class SocketClient:
    """A socket.io connection; `open_socket` creates it."""

    def __init__(self, websocket: ClientConnection, on_event: Heard) -> None:
        self._websocket = websocket
        self._on_event = on_event
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._partial: packet.Packet | None = None
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()

    async def emit(self, event: str, payload: Any) -> None:
        """Send an event; bytes in its payload are sent as binary attachments.

        Raises:
            Disconnected: the connection is closed.
        """
        await self._send(packet.Packet(packet.EVENT, data=[event, payload]))

    async def ask(self, event: str, payload: Any) -> dict[str, Any]:
        """Send an event and return its acknowledgement.

        Raises:
            Refused: the acknowledgement is an error, with its message.
            Disconnected: the connection is closed, or no acknowledgement came in time.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self._send(packet.Packet(packet.EVENT, data=[event, payload], id=number))
            async with asyncio.timeout(ANSWER_S):
                found = await answer
        except TimeoutError:
            raise Disconnected(f"The service did not answer {event} within {ANSWER_S:g} s.") from None
        finally:
            del self._answers[number]
        result = found[0] if found and isinstance(found[0], dict) else {}
        if "error" in result:
            raise Refused(event, str(result["error"]))
        return result

    async def read(self) -> None:
        """Read until the connection is closed."""
        try:
            while True:
                await self._receive(await self._websocket.recv())
        except ConnectionClosed:
            pass
        finally:
            self.over.set()
            gone = Disconnected("The connection to the service is over.")
            for answer in (self._connected, *self._answers.values()):  # fail all pending requests
                if not answer.done():
                    answer.set_exception(gone)
                    answer.exception()

    async def say_who(self, token: str) -> None:
        """Connect as the user of the token.

        Raises:
            Refused: the service rejected the connection, with its message.
        """
        auth = {"token": f"Bearer {token}"} if token else {}
        await self._send(packet.Packet(packet.CONNECT, data=auth))
        async with asyncio.timeout(OPEN_S):
            await self._connected

    async def _receive(self, data: str | bytes) -> None:
        received = engine.Packet(encoded_packet=data)
        if received.packet_type == engine.PING:
            await self._websocket.send(engine.Packet(engine.PONG).encode())
        elif received.packet_type == engine.MESSAGE:
            self._take(received.data)

    def _take(self, data: str | bytes) -> None:
        if self._partial is not None:
            if not self._partial.add_attachment(data):
                return
            whole, self._partial = self._partial, None
        else:
            whole = packet.Packet(encoded_packet=data)
            if whole.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK):
                self._partial = whole
                return
        match whole.packet_type:
            case packet.CONNECT:
                self._connected.set_result(None)
            case packet.CONNECT_ERROR:
                said = whole.data.get("message") if isinstance(whole.data, dict) else whole.data
                self._connected.set_exception(Refused("refused", str(said or "The service refused the connection.")))
            case packet.EVENT | packet.BINARY_EVENT:
                self._on_event(str(whole.data[0]), whole.data[1] if len(whole.data) > 1 else None)
            case packet.ACK | packet.BINARY_ACK:
                answer = self._answers.get(whole.id)
                if answer is not None and not answer.done():
                    answer.set_result(whole.data)
            case _:
                pass

    async def _send(self, message: packet.Packet) -> None:
        encoded = message.encode()
        parts = encoded if isinstance(encoded, list) else [encoded]
        try:
            for part in parts:
                await self._websocket.send(engine.Packet(engine.MESSAGE, part).encode())
        except ConnectionClosed:
            raise Disconnected("The connection to the service is over.") from None


@asynccontextmanager
async def open_socket(url: str, token: str, on_event: Heard) -> AsyncIterator[SocketClient]:
    """Connect to a service for the duration of the block.

    Raises:
        Disconnected: the service is unreachable; Refused: it rejected the connection.
    """
    base = http_url(url)
    address = base.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
    proxy: Literal[True] | None = None if is_local(base) else True
    try:
        websocket = await connect(address, compression=None, max_size=1 << 22, close_timeout=2, proxy=proxy)
        opening = engine.Packet(encoded_packet=await websocket.recv())
    except (OSError, InvalidHandshake, InvalidURI, TimeoutError, ConnectionClosed) as error:
        reason = type(error).__name__
        raise Disconnected(f"No voice service answers at {base} ({reason}); start one with `glow serve`.") from None
    if opening.packet_type != engine.OPEN:
        raise Disconnected(f"{base} does not speak socket.io; is it a Glow service?")
    client = SocketClient(websocket, on_event)
    reading = asyncio.create_task(client.read(), name="socket.io reader")
    try:
        await client.say_who(token)
        yield client
    finally:
        await websocket.close()
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
