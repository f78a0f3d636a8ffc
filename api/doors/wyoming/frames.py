"""Wyoming's framing: a line of JSON, then its data, then its payload of PCM.

The protocol's own library reads lengths of any size and takes a bad line for the end of the stream; this reader has
bounds, and says what is wrong.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.doors.json_bounds import check_shape
from api.doors.line import ProtocolError
from models.errors import ModelError

LINE_BYTES = 64 * 1024
"""Longest header line."""

DATA_BYTES = PAYLOAD_BYTES = 1024 * 1024
"""Longest data, and longest payload, of one frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the protocol.

    Attributes:
        type: such as "audio-chunk".
        payload: PCM, little-endian.
    """

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def text(self, name: str = "text") -> str:
        """Return a text of its data; empty if there is none.

        Raises:
            ProtocolError: it is no text.
        """
        value = self.data.get(name)
        if value is not None and not isinstance(value, str):
            raise ProtocolError("invalid", f"'{name}' of {self.type} must be a text.")
        return joined_surrogates(value or "")

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a mapping of its data; empty if there is none.

        Raises:
            ProtocolError: it is no object.
        """
        value = self.data.get(name)
        if value is not None and not isinstance(value, dict):
            raise ProtocolError("invalid", f"'{name}' of {self.type} must be an object.")
        return value or {}

    def number(self, name: str, default: int) -> int:
        """Return a whole number of its data.

        Raises:
            ProtocolError: it is none.
        """
        value = self.data.get(name, default)
        if type(value) is not int:
            raise ProtocolError("invalid", f"'{name}' of {self.type} must be a whole number.")
        return value


def error_frame(code: str, text: str) -> Frame:
    """Make the frame of an error."""
    return Frame("error", {"text": text, "code": code})


def encoded(frame: Frame) -> bytes:
    """Encode a frame, its data apart from the header."""
    header: dict[str, Any] = {"type": frame.type}
    data = json.dumps(frame.data).encode() if frame.data else b""
    if data:
        header["data_length"] = len(data)
    if frame.payload:
        header["payload_length"] = len(frame.payload)
    return json.dumps(header).encode() + b"\n" + data + frame.payload


def decoded(message: bytes) -> Frame:
    """Decode a frame that `encoded` made."""
    line, _, rest = message.partition(b"\n")
    header = json.loads(line)
    length = header.get("data_length", 0)
    data = json.loads(rest[:length]) if length else {}
    return Frame(header["type"], data, rest[length:])


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Read the next frame; None at the end of the stream, also in the middle of a frame.

    Args:
        reader: with a limit of `LINE_BYTES`.

    Raises:
        ProtocolError: it is no frame, or too large; what follows cannot be read.
        ConnectionError: the connection is lost.
    """
    try:
        line = await reader.readuntil(b"\n")
        header = _object(line, "The header line")
        kind = header.get("type")
        if not isinstance(kind, str) or not kind:
            raise ProtocolError("invalid", "The header line needs a 'type', a text.")
        data = header.get("data")
        if data is not None and not isinstance(data, dict):
            raise ProtocolError("invalid", "The header's 'data' must be an object.")
        data_length = _length(header, "data_length", DATA_BYTES)
        payload_length = _length(header, "payload_length", PAYLOAD_BYTES)
        more = _object(await reader.readexactly(data_length), "The data") if data_length else {}
        payload = await reader.readexactly(payload_length) if payload_length else b""
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise ProtocolError("too_large", f"A header line has at most {LINE_BYTES} bytes; send data apart.") from None
    return Frame(kind, {**(data or {}), **more}, payload)


def joined_surrogates(text: str) -> str:
    """Join the halves of characters that JSON has escaped apart; a half that has no other one stays."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _object(document: bytes, what: str) -> dict[str, Any]:
    try:
        check_shape(document)
        value = json.loads(document)
    except ModelError as error:
        raise ProtocolError("invalid", str(error)) from None
    except ValueError:
        raise ProtocolError("invalid", f"{what} is no JSON; send one object.") from None
    if not isinstance(value, dict):
        raise ProtocolError("invalid", f"{what} must be a JSON object.")
    return value


def _length(header: Mapping[str, Any], name: str, limit: int) -> int:
    value = header.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= limit:
        raise ProtocolError("too_large", f"'{name}' must be 0 to {limit}, not {str(value)[:40]}.")
    return value
