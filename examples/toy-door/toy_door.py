"""A door for a protocol of your own, in a few lines: calls over a raw TCP stream.

A message is its length in four bytes, big-endian, and PCM16 of that length: 16 kHz from the caller, 24 kHz to it. An
empty message from the caller hangs up; an empty one to the caller says: drop what you have not played.

    python toy_door.py 9000
"""

import asyncio
import sys
from contextlib import suppress

from api.doors import line
from api.service import Service, running_service
from api.settings import Settings
from pipeline.conversation.events import ReplyCleared

LONGEST = 64_000


class TcpWire:
    """Messages over one TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def receive(self) -> line.Message | None:
        """Read the next message; None if it is none of this protocol."""
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        return await self.reader.readexactly(size) if size <= LONGEST else None

    async def send(self, message: line.Message) -> None:
        """Send a message."""
        data = message if isinstance(message, bytes) else message.encode()
        self.writer.write(len(data).to_bytes(4, "big") + data)
        await self.writer.drain()

    async def close(self, _: line.Close) -> None:
        """Close the stream; this protocol has no reasons."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class ToyDialect:
    """Reads messages, renders events."""

    opens_with = "audio"

    def __init__(self, caller: str, practice_id: str) -> None:
        self.caller, self.practice_id = caller, practice_id

    async def opening(self, _: line.Wire) -> line.Opening:
        """Open a new attempt for whoever connects; the persona speaks first."""
        return line.Opening(line.Outsider("toy", self.caller), line.FreshAttempt(self.practice_id), greet=True)

    def heard(self, message: line.Message) -> line.Heard:
        """Read audio, or the end."""
        return line.Hear(message) if isinstance(message, bytes) and message else line.HangUp()

    def render(self, event: line.LineEvent) -> list[line.Message]:
        """Render an interruption; no other event has a message."""
        return [b""] if isinstance(event, ReplyCleared) else []

    def audio(self, packet: line.Packet) -> list[line.Message]:
        """Render the persona's audio."""
        return [packet.data]


async def open_door(service: Service, port: int) -> asyncio.Server:
    """Listen for callers on this machine."""
    practices = await service.store.practices()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialect = ToyDialect(str(writer.get_extra_info("peername")[0]), practices[0].id)
        await line.Line(TcpWire(reader, writer), dialect, service).serve()

    return await asyncio.start_server(answer, "127.0.0.1", port)


async def main(port: int) -> None:
    """Run a service with this door alone, until it is stopped."""
    async with running_service(Settings()) as service, await open_door(service, port) as door:
        sys.stdout.write(f"listening on {door.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await door.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
