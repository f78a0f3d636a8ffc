"""The connection to a satellite: frames both ways, and whether it is still there."""

import asyncio
import socket
from typing import Any, Protocol, Self

from api.doors.wyoming.frames import LINE_BYTES, Frame, read_frame
from api.doors.wyoming.peer import Peer
from pipeline.tasks.clock import Clock

PING_S = 2.0
SILENT_S = 5.0
"""A satellite that answers pings, or streams always, is gone when nothing came from it for this long."""

CONNECT_S = 5.0
INFO_S = 5.0

WAITING_FRAMES = 256
"""Frames of a satellite that wait to be heard; at the limit the connection is not read."""


class SatelliteEnd(Protocol):
    """A satellite, as its calls see it: see `SatelliteLink`."""

    @property
    def info(self) -> dict[str, Any]:
        """What the satellite says of itself."""
        ...

    @property
    def plays(self) -> bool:
        """Whether it has said at least once that it had played something."""
        ...

    async def send(self, *frames: Frame) -> None:
        """Send frames."""
        ...

    async def receive(self) -> Frame | None:
        """Wait for the next frame; None once the satellite has gone."""
        ...


class SatelliteLink:
    """An open connection to a satellite. `run` reads it until it ends.

    Args:
        reader, writer: of the connection.
        clock: the source of time.

    Attributes:
        info: what the satellite says of itself; empty before.
        plays: it has said at least once that it had played something.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock) -> None:
        self._reader = reader
        self._peer = Peer(writer)
        self._clock = clock
        self._coming: asyncio.Queue[Frame] = asyncio.Queue(WAITING_FRAMES)
        self._described = asyncio.Event()
        self._gone = asyncio.Event()
        self._came_at = clock.now()
        self._expected = False
        self.info: dict[str, Any] = {}
        self.plays = False

    @classmethod
    async def dial(cls, host: str, port: int, clock: Clock) -> Self:
        """Connect to a satellite.

        Raises:
            OSError, TimeoutError: nobody answers there.
        """
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES)
        _keep_alive(writer.get_extra_info("socket"))
        return cls(reader, writer, clock)

    async def send(self, *frames: Frame) -> None:
        """Send frames.

        Raises:
            ConnectionError: the satellite has gone.
        """
        await self._peer.send(*frames)

    async def receive(self) -> Frame | None:
        """Wait for the next frame of a conversation; None once the satellite has gone."""
        if not self._coming.empty():
            return self._coming.get_nowait()
        if self._gone.is_set():
            return None
        coming = asyncio.ensure_future(self._coming.get())
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            coming.cancel()
            gone.cancel()

    async def described(self) -> dict[str, Any]:
        """Ask the satellite what it is.

        Raises:
            TimeoutError: it does not say.
            ConnectionError: it has gone.
        """
        await self.send(Frame("describe"))
        async with asyncio.timeout(INFO_S):
            await self._described.wait()
        return self.info

    async def run(self) -> None:
        """Read and ping until the satellite has gone.

        Raises:
            ProtocolError: it sends what cannot be read.
            ConnectionError, TimeoutError: the connection is lost, or it does not answer.
        """
        both = {asyncio.create_task(self._read(), name="satellite reader"), asyncio.create_task(self._ping())}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gone.set()
            for task in both:
                task.cancel()
            outcomes = await asyncio.gather(*both, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def close(self) -> None:
        """Close the connection."""
        self._gone.set()
        await self._peer.close()

    async def _read(self) -> None:
        while (frame := await read_frame(self._reader)) is not None:
            self._came_at = self._clock.now()
            match frame.type:
                case "ping":
                    self._expected = True
                    await self.send(Frame("pong", {"text": frame.text()}))
                case "pong":
                    self._expected = True
                case "info":
                    self.info = dict(frame.data)
                    self._described.set()
                case _:
                    if frame.type == "played":
                        self.plays = True
                    if frame.type == "run-pipeline" and frame.data.get("start_stage") == "wake":
                        self._expected = True  # it streams for ever
                    await self._coming.put(frame)

    async def _ping(self) -> None:
        while True:
            await self._clock.sleep(PING_S)
            if self._expected and self._clock.now() - self._came_at > SILENT_S:
                raise TimeoutError("It has said nothing for a while.")
            await self.send(Frame("ping", {"text": "glow"}))


def _keep_alive(connection: socket.socket) -> None:
    """Have the kernel find out that a satellite was switched off, which old ones cannot be asked."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
