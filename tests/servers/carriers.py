"""The sides of Telnyx and of Vonage: their REST interfaces, their signatures, and their ends of the stream.

    carriers = RestRecorder(); with serving(carriers.config()) as port: ...
    carriers.requests                   what the service asked for: (method, path, body, Authorization)
    carriers.status = 500               what it is answered from now on
    async with TelnyxStream.connected(url, ticket, call_id) as stream: ...
    async with VonageStream.connected(url, ticket) as stream: ...

Written from the vendors' documentation as the wire page has it: a message that they do not know is a fault.
"""

import asyncio
import base64
import hashlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 60.0
FRAME_S = 0.02
MULAW_SILENCE = b"\xff" * 160


class RestRecorder:
    """A REST interface that notes what it is asked for."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, Any], str]] = []
        self.status = 200
        self.body: dict[str, Any] = {}

    def config(self) -> uvicorn.Config:
        """For `tests.servers.in_thread.serving`."""
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["POST", "PUT"])
        async def take(path: str, request: Request) -> JSONResponse:
            body = json.loads(await request.body() or b"{}")
            self.requests.append((request.method, f"/{path}", body, request.headers.get("authorization", "")))
            return JSONResponse(self.body, self.status)

        return uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")

    def of(self, ending: str) -> list[dict[str, Any]]:
        """The bodies of requests whose path ends so."""
        return [body for _, path, body, _ in self.requests if path.endswith(ending)]


class TelnyxAccount:
    """An account's key: it signs webhooks."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public_key = base64.b64encode(raw).decode()

    def signed(self, body: bytes, *, at: int | None = None) -> dict[str, str]:
        """The headers of a webhook."""
        timestamp = str(int(time.time()) if at is None else at)
        signature = self._key.sign(timestamp.encode() + b"|" + body)
        return {
            "telnyx-timestamp": timestamp,
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "content-type": "application/json",
        }


def vonage_token(secret: str, body: bytes, **claims: Any) -> str:
    """The token of a signed webhook."""
    made = {
        "iat": int(time.time()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "abc",
        **claims,
    }
    return jwt.encode({name: value for name, value in made.items() if value is not None}, secret, algorithm="HS256")


@dataclass
class _Stream:
    """What both streams share: a queue that is played in its own time.

    Attributes:
        played: what the caller heard, 20 ms each.
        faults: what the carrier would have refused.
    """

    socket: ClientConnection
    played: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    cleared: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _queue: deque[Any] = field(default_factory=deque)
    _saying: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    silence = b"\0" * 640

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def loud(self) -> int:
        """Frames that the caller heard something in."""
        return sum(frame != self.silence[: len(frame)] for frame in self.played)

    async def _take(self, message: str | bytes) -> None:
        raise NotImplementedError

    async def _returned(self, mark: Any) -> None:
        raise NotImplementedError

    async def _say(self, frame: bytes) -> None:
        raise NotImplementedError

    async def _receive(self) -> None:
        try:
            async for message in self.socket:
                await self._take(message)
                self._news.set()
        except ConnectionClosed:
            pass
        self.over.set()
        self._news.set()

    async def _clear(self) -> None:
        """Drop the audio; every mark that waits comes back at once."""
        self.cleared += 1
        marks = [one for one in self._queue if not isinstance(one, bytes)]
        self._queue.clear()
        for mark in marks:
            await self._returned(mark)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.over.is_set():
            frame = self.silence
            while self._queue:
                one = self._queue.popleft()
                if isinstance(one, bytes):
                    frame = one
                    break
                await self._returned(one)
            self.played.append(frame)
            self._news.set()
            try:
                await self._say(self._saying.popleft() if self._saying else b"")
            except ConnectionClosed:
                return
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    @asynccontextmanager
    async def _carried(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class TelnyxStream(_Stream):
    """Telnyx's end: JSON both ways; what goes down is mu-law."""

    silence = MULAW_SILENCE
    chunk = 0

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, url: str, ticket: str, call_id: str, *, encoding: str = "PCMU", rate: int = 8_000, starts: bool = True
    ) -> AsyncIterator["TelnyxStream"]:
        """Dial the service, and start."""
        headers = {"x-telnyx-streaming-auth-token": ticket} if ticket else {}
        async with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
            stream = cls(socket)
            await stream.send({"event": "connected", "version": "1.0.0"})
            if starts:
                media = {"encoding": encoding, "sample_rate": rate, "channels": 1}
                start = {
                    "call_control_id": call_id,
                    "from": "+15559990000",
                    "to": "+15551230000",
                    "media_format": media,
                }
                await stream.send({"event": "start", "sequence_number": "1", "stream_id": "32DE", "start": start})
            async with stream._carried():
                yield stream

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def _say(self, frame: bytes) -> None:
        await self.media(frame or MULAW_SILENCE)

    async def media(self, payload: bytes, chunk: int | None = None) -> None:
        """Send audio; numbers are texts."""
        self.chunk = self.chunk + 1 if chunk is None else chunk
        fields = {
            "track": "inbound",
            "chunk": str(self.chunk),
            "timestamp": str(self.chunk * 20),
            "payload": base64.b64encode(payload).decode(),
        }
        await self.send({"event": "media", "sequence_number": "4", "stream_id": "32DE", "media": fields})

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.faults.append("a binary message")
            return
        fields = json.loads(message)
        if "stream_id" in fields or "streamSid" in fields:
            self.faults.append("a stream id")
        match fields.get("event"):
            case "media":
                payload = base64.b64decode(fields["media"]["payload"], validate=True)
                if len(payload) < 160:
                    self.faults.append(f"a chunk of {len(payload)} bytes")
                self._queue.extend(payload[start : start + 160] for start in range(0, len(payload), 160))
            case "mark":
                self._queue.append(fields["mark"]["name"])
            case "clear":
                await self._clear()
            case other:
                self.faults.append(f"an event {other}")

    async def _returned(self, mark: Any) -> None:
        await self.send({"event": "mark", "mark": {"name": mark}})


class VonageStream(_Stream):
    """Vonage's end: PCM16 of exactly 20 ms, at most 1024 messages ahead."""

    rate = 16_000

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, url: str, ticket: str, *, content_type: str = "audio/l16;rate=16000", starts: bool = True
    ) -> AsyncIterator["VonageStream"]:
        """Dial the service, and say what comes."""
        headers = {"Authorization": f"Bearer {ticket}"} if ticket else {}
        async with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
            stream = cls(socket)
            stream.rate = int(content_type.rpartition("=")[2]) if "=" in content_type else 16_000
            stream.silence = b"\0" * (stream.rate // 25)
            if starts:
                await stream.send({"event": "websocket:connected", "content-type": content_type})
            async with stream._carried():
                yield stream

    async def send(self, message: dict[str, Any]) -> None:
        """Send a text."""
        await self.socket.send(json.dumps(message))

    async def _say(self, frame: bytes) -> None:
        await self.socket.send(frame or self.silence)

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            if len(message) != len(self.silence):
                self.faults.append(f"a message of {len(message)} bytes")
            if len(self._queue) >= 1024:
                self.faults.append("the buffer is full")
            self._queue.append(message)
            return
        fields = json.loads(message)
        match fields.get("action"):
            case "clear":
                await self._clear()
                await self.send({"event": "websocket:cleared"})
            case "notify":
                self._queue.append(fields["payload"])
            case other:
                self.faults.append(f"an action {other}")

    async def _returned(self, mark: Any) -> None:
        await self.send({"event": "websocket:notify", "payload": mark})
