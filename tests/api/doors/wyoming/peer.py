"""Wyoming as its page describes it: a client, and a satellite, of their own framing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tests.service import WAIT_S


@dataclass(frozen=True)
class Event:
    """One event as it came."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""


def rendered(kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> bytes:
    """An event as it goes over the wire."""
    body = json.dumps(data).encode() if data else b""
    header = {"type": kind, "version": "1.10.2", "data_length": len(body), "payload_length": len(payload)}
    return json.dumps(header).encode() + b"\n" + body + payload


class Peer:
    """An open connection, from either side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def send(self, kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> None:
        await self.raw(rendered(kind, data, payload))

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> Event | None:
        """The next event; None where the connection ends."""
        async with asyncio.timeout(WAIT_S):
            line = await self.reader.readline()
            if not line:
                return None
            header = json.loads(line)
            assert b"\n" not in line[:-1]
            assert len(line) < 64 * 1024
            body = await self.reader.readexactly(header.get("data_length") or 0)
            payload = await self.reader.readexactly(header.get("payload_length") or 0)
        return Event(header["type"], {**header.get("data", {}), **(json.loads(body) if body else {})}, payload)

    async def until(self, kind: str) -> list[Event]:
        """All events up to one of this kind, which is the last."""
        events: list[Event] = []
        while not events or events[-1].type != kind:
            event = await self.receive()
            assert event is not None, f"closed before {kind}, after {[one.type for one in events]}"
            events.append(event)
        return events

    async def rest(self) -> list[Event]:
        """All events until the connection ends."""
        events: list[Event] = []
        while (event := await self.receive()) is not None:
            events.append(event)
        return events

    async def speak(
        self, audio: NDArray[np.int16], rate: int = 16_000, width: int = 2, channels: int = 1, *, start: bool = True
    ) -> None:
        """Send samples that are as wide as they say, in chunks of 1024."""
        shape = {"rate": rate, "width": width, "channels": channels}
        if start:
            await self.send("audio-start", shape | {"timestamp": 0})
        for at in range(0, len(audio), 1024 * channels):
            await self.send("audio-chunk", shape, audio[at : at + 1024 * channels].tobytes())
        await self.send("audio-stop", {"timestamp": len(audio) * 1000 // rate})

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    """A connection for the length of the block."""
    peer = await Peer.connect(port)
    try:
        yield peer
    finally:
        await peer.close()


class FakeSatellite:
    """A satellite: it is dialled, and has a microphone and a loudspeaker.

    Attributes:
        info: what it says of itself.
        answers_pings: as newer ones do.
        calls: who has dialled it, one after the other.
        pings: how many it got.
    """

    def __init__(self, info: dict[str, Any] | None = None, *, answers_pings: bool = False) -> None:
        self.info = {"satellite": {"name": "kitchen", "installed": True}} | (info or {})
        self.answers_pings = answers_pings
        self.calls: asyncio.Queue[Peer] = asyncio.Queue()
        self.pings = 0
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        known: list[Peer] = []

        async def dialled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            known.append(Peer(reader, writer))
            await self.calls.put(known[-1])

        server = await asyncio.start_server(dialled, "127.0.0.1", self.port, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for peer in known:
                await peer.close()

    async def dialled(self) -> Peer:
        """Whoever dials next, once it has let the satellite run."""
        async with asyncio.timeout(WAIT_S):
            peer = await self.calls.get()
        assert (await peer.until("describe"))[-1].type == "describe"
        await peer.send("info", self.info)
        await self.until(peer, "run-satellite")
        return peer

    async def until(self, peer: Peer, kind: str) -> list[Event]:
        """All events but pings up to one of this kind."""
        events: list[Event] = []
        while not events or events[-1].type != kind:
            event = await peer.receive()
            assert event is not None, f"closed before {kind}, after {[one.type for one in events]}"
            if event.type == "ping":
                self.pings += 1
                if self.answers_pings:
                    await peer.send("pong", event.data)
            else:
                events.append(event)
        return events

    async def stream(self, peer: Peer, audio: NDArray[np.int16]) -> None:
        """Send what its microphone hears, at its pace."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at in range(0, len(audio), 1024):
            await asyncio.sleep(max(0.0, began + at / 16_000 - loop.time()))
            shape = {"rate": 16_000, "width": 2, "channels": 1}
            await peer.send("audio-chunk", shape, audio[at : at + 1024].astype("<i2").tobytes())
