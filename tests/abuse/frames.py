"""Websocket frames as bytes, right and wrong, and a client that sends them as they are."""

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_MASK = b"\x9a\x3c\x71\xe5"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, declared: int | None = None) -> bytes:
    """A frame of a client, masked.

    Args:
        declared: the length that its head tells, if not the payload's.
    """
    length = len(payload) if declared is None else declared
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack(">H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", length)
    mask = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + _MASK + masked.to_bytes(len(payload), "big")


def message(opcode: int, payload: bytes, size: int) -> list[bytes]:
    """A message in fragments of this size."""
    parts = [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]
    last = len(parts) - 1
    return [frame(CONTINUATION if at else opcode, part, fin=at == last) for at, part in enumerate(parts)]


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


@dataclass(frozen=True)
class Received:
    """A frame of the service."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """The code of a closing frame."""
        return int.from_bytes(self.payload[:2], "big")


class RawSocket:
    """A websocket whose frames are ours to make.

    Attributes:
        answer: the head that answered the handshake.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: str) -> None:
        self._reader, self._writer = reader, writer
        self.answer = answer

    async def send(self, *pieces: bytes) -> None:
        """Send bytes; what the service no longer takes is lost."""
        for piece in pieces:
            self._writer.write(piece)
        with suppress(ConnectionError):
            await self._writer.drain()

    async def frames(self) -> AsyncIterator[Received]:
        """The frames of the service, until it closes the connection."""
        try:
            while True:
                first, length = await self._reader.readexactly(2)
                assert first & 0x70 == 0, "a reserved bit of a frame of the service is set"
                assert length < 0x80, "a frame of the service is masked"
                if length == 126:
                    length = int.from_bytes(await self._reader.readexactly(2), "big")
                elif length == 127:
                    length = int.from_bytes(await self._reader.readexactly(8), "big")
                yield Received(first & 0x0F, await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return


@asynccontextmanager
async def raw_socket(
    url: str, path: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
) -> AsyncIterator[RawSocket]:
    """A websocket after its handshake."""
    address = urlsplit(url)
    assert address.hostname
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        head = {
            "Host": address.netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **dict(headers),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield RawSocket(reader, writer, answer.decode())
    finally:
        writer.close()
