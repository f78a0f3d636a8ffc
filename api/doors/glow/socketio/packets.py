"""What a socket's packets may be: JSON within its bounds, few attachments; and what was told to close is closed."""

import base64
import binascii
import json
from typing import Any

import engineio
from engineio.async_drivers import asgi

from api.doors.json_bounds import check_shape
from models.errors import ModelError

ATTACHMENTS_LIMIT = 8
"""Most binary parts of an event: an event of ours has one."""

_TYPES = frozenset("0123456b")
_CLOSE = "1"


class BoundedJson:
    """The JSON of both layers of packets, with the bounds of a request's body."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(document: str, **options: Any) -> Any:
        """Parse a document.

        Raises:
            ValueError: it is no JSON, nested too deeply or holds too many values.
        """
        try:
            check_shape(document.encode(errors="surrogatepass"))
        except ModelError as error:
            raise ValueError(str(error)) from None
        return json.loads(document, **options)


class ClosingWire(asgi.WebSocket):  # type: ignore[misc]
    """A websocket that is closed with its closing packet; the library's stays open until the client closes it."""

    _closed = False

    async def wait(self) -> str | bytes:
        """Receive a packet.

        Raises:
            OSError: the websocket is closed, or this is no packet.
        """
        if self._closed:
            raise OSError("The closing packet was the last one.")
        packet: str | bytes = await super().wait()
        if isinstance(packet, str):
            _check(packet)
            self._closed = packet == _CLOSE
        return packet

    async def send(self, message: str | bytes) -> None:
        """Send a packet.

        Raises:
            OSError: it was the closing one, so that its sender stops and closes the websocket.
        """
        await super().send(message)
        if message == _CLOSE:
            self._closed = True
            raise OSError("The closing packet was the last one.")


def closing(engine: engineio.AsyncServer) -> None:
    """Have an engine serve its websockets with `ClosingWire`."""
    engine._async = {**engine._async, "websocket": ClosingWire}


def _check(packet: str) -> None:
    if packet[:1] not in _TYPES:
        raise OSError("A packet begins with its type.")
    if packet[0] == "b":
        try:
            base64.b64decode(packet[1:])
        except (binascii.Error, ValueError):
            raise OSError("A binary packet in a text is base64.") from None
