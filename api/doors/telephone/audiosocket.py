"""Asterisk's AudioSocket: PCM16 at 8 kHz over TCP, in frames of a type, a length and 20 ms.

Asterisk plays each frame when it comes and keeps none, so the line is paced here and what is not sent was not heard. A
frame that it does not expect, or none for two seconds, ends its call: nothing but audio and the hang-up is sent, and
silence from the moment it connects.

Source: res_audiosocket.c and app_audiosocket.c of Asterisk 22.
"""

import asyncio
import logging
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from api.doors.line import Close, HangUp, Hear, Heard, LineRefused, Message, Pace, Wire
from api.doors.telephone.asterisk import AsteriskCalls
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.keys import key_of
from api.doors.telephone.phone_line import PhoneLine
from voice.audio.formats import AudioFormat

log = logging.getLogger(__name__)

HANGUP, IDENTITY, KEY, AUDIO, FAILURE = 0x00, 0x01, 0x03, 0x10, 0xFF
RATES_HZ = {0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000, 0x15: 44_100, 0x16: 48_000}
"""By type; 96 and 192 kHz are not spoken here."""

FRAME_S = 0.02
SILENCE = bytes(320)
"""20 ms."""

_HEADER = struct.Struct("!BH")
_READ_AHEAD = 16_384
"""Bytes that are read before the line takes them: a second of audio."""


class AudioSocketWire:
    """Frames over one TCP connection; a message is a frame without its length.

    Use as an async context manager: silence is sent in it until the line sends something.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._feeding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "AudioSocketWire":
        self._feeding = asyncio.create_task(self._feed_silence(), name="audiosocket silence")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop_feeding()

    async def receive(self) -> Message | None:
        """Read a frame.

        Raises:
            EOFError, ConnectionError: the connection is lost.
        """
        kind, size = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
        return bytes((kind,)) + await self._reader.readexactly(size)

    async def send(self, message: Message, /) -> None:
        """Send a frame."""
        assert isinstance(message, bytes)
        await self._stop_feeding()
        await self._write(message[0], message[1:])

    async def close(self, reason: Close, /) -> None:
        """Hang up, and close the connection."""
        await self._stop_feeding()
        with suppress(ConnectionError):
            if reason is not Close.GONE:
                self._writer.write(_HEADER.pack(HANGUP, 0))
            self._writer.close()
            await self._writer.wait_closed()

    async def _feed_silence(self) -> None:
        """Send silence: some versions send nothing before they get something."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        with suppress(ConnectionError):
            while True:
                await self._write(AUDIO, SILENCE)
                due = max(due + FRAME_S, loop.time())
                await asyncio.sleep(due - loop.time())

    async def _stop_feeding(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
            self._feeding = None

    async def _write(self, kind: int, payload: bytes) -> None:
        """Write a frame at once: Asterisk gives up on a payload that is late."""
        self._writer.write(_HEADER.pack(kind, len(payload)) + payload)
        await self._writer.drain()


class AudioSocketDialect(PhoneDialect):
    """The dialect of one connection.

    Args:
        calls: knows who calls; the connection itself does not say.
    """

    line = "audiosocket"
    opens_with = "a frame with the call's UUID"
    input = output = AudioFormat("pcm16", 8_000)
    pace = Pace(lead_ms=60, continuous=True)

    def __init__(self, desk: Desk, calls: AsteriskCalls) -> None:
        super().__init__(desk)
        self._calls = calls
        self._call_id = ""

    async def start(self, wire: Wire) -> Incoming:
        """Wait for the UUID, and find the call that the dialplan has announced by it."""
        self._wire = wire
        while True:
            message = await wire.receive()
            if not isinstance(message, bytes) or message[0] == HANGUP:
                raise ConnectionError("Asterisk has gone.")
            if message[0] == IDENTITY:
                break
            if message[0] == AUDIO:
                self.keep_early(Hear(message[1:]))
        if len(message) != 17:
            raise LineRefused("refused", "The first frame has no UUID of 16 bytes.")
        self._call_id = str(uuid.UUID(bytes=message[1:]))
        return self._calls.incoming(self.line, self._call_id)

    def read(self, message: Message) -> Heard | None:
        """Read a frame; of an unknown type nothing, as later versions may send more."""
        assert isinstance(message, bytes)
        kind, payload = message[0], message[1:]
        match kind:
            case 0x10:
                return Hear(payload)
            case 0x03:
                return key_of(payload.decode("ascii", "replace"))
            case 0x00 | 0xFF:
                return HangUp()
            case _ if kind in RATES_HZ:
                raise LineRefused("unsupported_format", "Only audio at 8 kHz is spoken: leave out c(..) in Dial().")
            case _:
                return None

    def media(self, data: bytes) -> list[Message]:
        """Render 20 ms of audio."""
        return [bytes((AUDIO,)) + data]

    async def transfer(self, target: str) -> None:
        """Leave the connection, so that the dialplan goes on: it asks whom to call, and returns if nobody answers."""
        self._calls.go_on(self._call_id, target)
        await self._wire.close(Close.ENDED)


@asynccontextmanager
async def audiosocket(
    bind: tuple[str, int], desk: Desk, calls: AsteriskCalls, most: int
) -> AsyncIterator[tuple[str, int]]:
    """Take connections of AudioSocket for the length of the block; give the address, with the real port.

    Args:
        most: connections at once; further ones are closed.

    Raises:
        OSError: the address cannot be bound.
    """
    open_calls: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with AudioSocketWire(reader, writer) as wire:
                await PhoneLine(wire, AudioSocketDialect(desk, calls), desk).serve()
        finally:
            writer.close()

    def ended(task: asyncio.Task[None]) -> None:
        open_calls.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A call on AudioSocket broke.", exc_info=error)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(open_calls) >= most:
            log.warning("An AudioSocket connection is closed: there are %d already.", most)
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(carry(reader, writer), name="audiosocket")
        open_calls.add(task)
        task.add_done_callback(ended)

    server = await asyncio.start_server(connected, *bind, limit=_READ_AHEAD)
    host, port = server.sockets[0].getsockname()[:2]
    log.info("AudioSocket is answered on %s:%d.", host, port)
    try:
        yield host, port
    finally:
        server.close()
        for task in set(open_calls):
            task.cancel()
        await asyncio.gather(*open_calls, return_exceptions=True)
