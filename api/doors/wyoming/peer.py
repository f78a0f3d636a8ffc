"""The other end of a Wyoming connection: frames out, each within a timeout."""

import asyncio
from contextlib import suppress

from api.doors.wyoming.frames import Frame, encoded

SEND_S = 10.0
"""Timeout of a frame that the other end does not read."""


class Peer:
    """Sends frames; several tasks may.

    Args:
        writer: of the connection.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, *frames: Frame) -> None:
        """Send frames, nothing between them.

        Raises:
            ConnectionError: the other end has gone, or does not read.
        """
        if self._writer.is_closing():
            raise ConnectionError("The connection is closed.")
        self._writer.write(b"".join(map(encoded, frames)))
        try:
            async with asyncio.timeout(SEND_S):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise ConnectionError("The other end does not read.") from None

    async def close(self) -> None:
        """Close the connection; what was sent still goes out if the other end reads it."""
        self._writer.close()
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(SEND_S):
                await self._writer.wait_closed()
        self._writer.transport.abort()
