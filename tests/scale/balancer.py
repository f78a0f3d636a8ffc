"""A TCP balancer in front of gateways: to the ready one with the fewest connections; and all of them can be cut."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

READY_S = 1.0
"""How long a gateway may take to say that it is ready."""


class Balancer:
    """Spreads connections.

    Args:
        gateways: their URLs.

    Attributes:
        url: its own.
    """

    def __init__(self, gateways: Sequence[str]) -> None:
        self._open: dict[tuple[str, int], set[asyncio.StreamWriter]] = {
            (str(urlsplit(url).hostname), int(urlsplit(url).port or 80)): set() for url in gateways
        }
        self._carrying: set[asyncio.Task[None]] = set()
        self.url = ""

    def cut(self) -> int:
        """Cut all connections without a word; return how many there were."""
        writers = [writer for open_ones in self._open.values() for writer in open_ones]
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to a gateway, both ways, until either side closes it."""
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:  # by `close`
            writer.transport.abort()

    async def close(self) -> None:
        """Cut all connections, and wait until nothing is left of them."""
        self.cut()
        left = list(self._carrying)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for target in sorted(self._open, key=lambda one: len(self._open[one])):
            if await _ready(*target):
                with suppress(OSError):
                    there = await asyncio.open_connection(*target)
                    break
        else:
            writer.transport.abort()
            return
        both = {writer, there[1]}
        self._open[target] |= both
        ways = [asyncio.create_task(_pour(reader, there[1])), asyncio.create_task(_pour(there[0], writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._open[target] -= both
            for end in both:
                with suppress(OSError):
                    end.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


async def _ready(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(READY_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


@asynccontextmanager
async def balanced(gateways: Sequence[str]) -> AsyncIterator[Balancer]:
    """A running balancer."""
    balancer = Balancer(gateways)
    server = await asyncio.start_server(balancer.carry, "127.0.0.1", 0)
    balancer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield balancer
    finally:
        server.close()
        await balancer.close()
