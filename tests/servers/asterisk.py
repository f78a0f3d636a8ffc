"""Asterisk's end of AudioSocket and of chan_websocket, as strict as its source: why it would drop a call is a fault.

    async with AudioSocketCall.connected(address, call_id) as asterisk:
        asterisk.say(pcm)                       the caller speaks: PCM16 at 8 kHz, 20 ms at a time, silence between
        await asterisk.until(lambda: ...)       what `asterisk.played` and `asterisk.over` say

Rules are those of res_audiosocket.c and chan_websocket.c of Asterisk 22, and not of the service.
"""

import asyncio
import json
import struct
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PATIENCE_S = 60.0
FRAME_S = 0.02
PCM_SILENCE, MULAW_SILENCE = bytes(320), b"\xff" * 160

NEITHER_SIDE_S = 2.0
"""Neither side active for so long is a hang-up."""


@dataclass
class AudioSocketCall:
    """One channel in `AudioSocket()`.

    Attributes:
        played: what the caller heard, and when: each frame goes to the channel when it comes.
        faults: what Asterisk would have dropped the call for.
        over: the far end has hung up, by a frame or by closing.
        talks: frames of the caller flow; without, as with DTX or on hold, only what is said.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    played: list[tuple[float, bytes]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: bool = False
    talks: bool = True
    _saying: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, address: tuple[str, int], call_id: uuid.UUID | None = None, *, talks: bool = True
    ) -> AsyncIterator["AudioSocketCall"]:
        """Connect, send the UUID, and carry the call; the connection is closed at the end."""
        call = cls(*await asyncio.open_connection(*address), talks=talks)
        if call_id is not None:
            call.frame(0x01, call_id.bytes)
        tasks = [asyncio.create_task(work) for work in (call._play(), call._speak())]
        try:
            yield call
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            call.writer.close()

    def frame(self, kind: int, payload: bytes = b"") -> None:
        """Send a frame."""
        if not self.writer.is_closing():
            self.writer.write(struct.pack("!BH", kind, len(payload)) + payload)

    def say(self, pcm: bytes) -> None:
        """Have the caller say this next."""
        self._saying.extend(pcm[start : start + 320].ljust(320, b"\0") for start in range(0, len(pcm), 320))

    def press(self, digit: str) -> None:
        """Have the caller press a key."""
        self.frame(0x03, digit.encode())

    @property
    def sound(self) -> bytes:
        """Everything that the caller heard."""
        return b"".join(pcm for _, pcm in self.played)

    def loud(self) -> int:
        """Frames that the caller heard something in."""
        return sum(any(pcm) for _, pcm in self.played)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                kind, size = struct.unpack("!BH", await self.reader.readexactly(3))
                if kind == 0x00:
                    self.hung_up = True
                    break
                payload = await self.reader.readexactly(size)
                if not 0x10 <= kind <= 0x18:
                    self.faults.append(f"a frame of type {kind:#x}")
                elif not size:
                    self.faults.append("an empty frame")
                self.played.append((loop.time(), payload))
                self._news.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self.over.set()
        self._news.set()

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.over.is_set():
            if self._saying:
                self.frame(0x10, self._saying.popleft())
            elif self.talks:
                self.frame(0x10, PCM_SILENCE)
            elif self.played and loop.time() - self.played[-1][0] > NEITHER_SIDE_S:
                self.faults.append("neither side was active")
                return
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))


@dataclass
class ChanWebSocketCall:
    """One channel of `Dial(WebSocket/...)` in mu-law, which keeps a queue and plays it in its own time.

    Attributes:
        played: what the caller heard, and when.
        commands: what it was told.
        faults: what it would have dropped, or ignored with a line in its log.
    """

    socket: ClientConnection
    as_json: bool
    played: list[tuple[float, bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    paused: bool = False
    _queue: deque[bytes | str] = field(default_factory=deque)
    _saying: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        url: str,
        password: str,
        *,
        as_json: bool = False,
        starts: bool = True,
        format_name: str = "ulaw",
        frame_size: int = 160,
    ) -> AsyncIterator["ChanWebSocketCall"]:
        """Connect as `websocket_client.conf` says, announce the media, and carry the call."""
        credentials = url.replace("ws://", f"ws://glow:{password}@")
        async with connect(
            credentials, subprotocols=[Subprotocol("media")], ping_interval=None, compression=None, proxy=None
        ) as socket:
            call = cls(socket, as_json)
            if starts:
                await call.event(
                    "MEDIA_START",
                    connection_id="c-1",
                    channel="WebSocket/glow/0x1",
                    format=format_name,
                    optimal_frame_size=frame_size,
                    ptime=20,
                )
            tasks = [asyncio.create_task(work) for work in (call._receive(), call._play(), call._speak())]
            try:
                yield call
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def event(self, name: str, **fields: Any) -> None:
        """Send an event, in the notation of this channel."""
        if self.as_json:
            await self.socket.send(json.dumps({"event": name, **fields}))
        else:
            await self.socket.send(" ".join([name, *(f"{key}:{value}" for key, value in fields.items())]))

    def say(self, mulaw: bytes) -> None:
        """Have the caller say this next."""
        self._saying.extend(mulaw[start : start + 160].ljust(160, b"\xff") for start in range(0, len(mulaw), 160))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def loud(self) -> int:
        """Frames that the caller heard something in."""
        return sum(frame.count(0xFF) + frame.count(0x7F) < len(frame) for _, frame in self.played)

    async def _receive(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self._queue_audio(message)
                elif len(message.encode()) > 128:
                    self.faults.append(f"a text of {len(message)} bytes is ignored")
                else:
                    await self._obey(message)
                self._news.set()
        except ConnectionClosed:
            pass
        self.over.set()
        self._news.set()

    def _queue_audio(self, audio: bytes) -> None:
        if len(audio) % 160:
            self.faults.append(f"{len(audio)} bytes are no whole frames")
        frames = [audio[start : start + 160] for start in range(0, len(audio), 160)]
        if len(self._queue) + len(frames) > 1000:
            self.faults.append("the queue is full")
        self._queue.extend(frames)

    async def _obey(self, message: str) -> None:
        if message.lstrip().startswith("{"):
            fields = json.loads(message)
            command, argument = fields.get("command", ""), fields.get("correlation_id", "")
            if not self.as_json:
                self.faults.append("JSON on a plain channel")
        else:
            command, _, argument = message.partition(" ")
            if self.as_json:
                self.faults.append("plain text on a JSON channel")
        self.commands.append(command)
        match command:
            case "FLUSH_MEDIA":
                self._queue.clear()
                self.paused = False
            case "PAUSE_MEDIA":
                self.paused = True
            case "CONTINUE_MEDIA":
                self.paused = False
            case "MARK_MEDIA":
                self._queue.append(argument)
            case "HANGUP":
                await self.socket.close()
            case "ANSWER":
                pass
            case _:
                self.faults.append(f"there is no command {command}")

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            frame: bytes | str = MULAW_SILENCE
            while self._queue and not self.paused:
                frame = self._queue.popleft()
                if isinstance(frame, bytes):
                    break
                await self.event("MEDIA_MARK_PROCESSED", correlation_id=frame)
                frame = MULAW_SILENCE
            assert isinstance(frame, bytes)
            self.played.append((loop.time(), frame))
            self._news.set()
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.over.is_set():
            try:
                await self.socket.send(self._saying.popleft() if self._saying else MULAW_SILENCE)
            except ConnectionClosed:
                return
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))
