"""A client of the Realtime interface made from its events alone, and everything that came over it.

async with realtime(service, model="persona:ID") as client:
    await client.send("session.update", session={"type": "realtime"})
    event = await client.until("session.updated")
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.service import TOKENS, WAIT_S, Closed, Int16, RunningService, quiet
from tests.voice.sound import recording
from voice.audio.resample import resample

GA_EVENT: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)

PART = 24_000 * 2 // 5
"""Bytes of 200 ms."""


@dataclass
class RealtimeClient:
    """One connection.

    Attributes:
        events: server events in order.
        strict: an error that no test waits for fails it.
        ga: events are those of the GA dialect, as OpenAI's own types have them.
    """

    socket: ClientConnection
    strict: bool = True
    ga: bool = True
    events: list[dict[str, Any]] = field(default_factory=list)
    _next: int = 0

    async def send(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def raw(self, message: str | bytes) -> None:
        """Send anything."""
        await self.socket.send(message)

    async def hear(self, samples: Int16) -> None:
        """Append 16 kHz samples, as fast as they are taken."""
        data = resample(samples, 16_000, 24_000).astype("<i2").tobytes()
        for start in range(0, len(data), PART):
            await self.append(data[start : start + PART])

    async def append(self, data: bytes) -> None:
        """Append audio in the session's format."""
        await self.send("input_audio_buffer.append", audio=base64.b64encode(data).decode())

    async def say(self, name: str, silence_ms: int = 1_500) -> None:
        """Append a packaged recording, and the silence after it."""
        await self.hear(np.concatenate([quiet(200), recording(name), quiet(silence_ms)]))

    async def say_in_real_time(self, name: str, silence_ms: int = 1_000) -> None:
        """Append a recording at the pace of a microphone."""
        loop, frames = asyncio.get_running_loop(), np.concatenate([recording(name), quiet(silence_ms)])
        begun = loop.time()
        for start in range(0, len(frames), 1_600):
            await asyncio.sleep(begun + start / 16_000 - loop.time())
            await self.hear(frames[start : start + 1_600])

    async def type(self, text: str, **fields: Any) -> None:
        """Create a typed message."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}
        await self.send("conversation.item.create", item=item)

    async def receive(self) -> dict[str, Any]:
        """The next server event.

        Raises:
            Closed: the service closed.
        """
        async with asyncio.timeout(WAIT_S):
            try:
                event: dict[str, Any] = json.loads(await self.socket.recv())
            except ConnectionClosed as closed:
                raise Closed(closed.rcvd.code if closed.rcvd else 1006) from None
        if self.ga:
            GA_EVENT.validate_python(event)
        self.events.append(event)
        return event

    async def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The next event of a type with these fields; those before it are passed over (but kept in `events`)."""
        while True:
            while self._next < len(self.events):
                event = self.events[self._next]
                self._next += 1
                if event["type"] == kind and all(event.get(name) == value for name, value in wanted.items()):
                    return event
                assert not (self.strict and event["type"] == "error"), event["error"]
            await self.receive()

    async def refused(self, code: str) -> dict[str, Any]:
        """The next error, which has this code."""
        strict, self.strict = self.strict, False
        error: dict[str, Any] = (await self.until("error"))["error"]
        self.strict = strict
        assert error["code"] == code, error
        return error

    async def until_closed(self) -> int:
        """Read to the end; returns the close code."""
        try:
            while True:
                await self.receive()
        except Closed as closed:
            return closed.code

    def of(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        """All events of a type so far."""
        return [
            event
            for event in self.events
            if event["type"] == kind and all(event.get(name) == value for name, value in wanted.items())
        ]

    def kinds(self) -> list[str]:
        """The types of all events so far, each run of deltas once."""
        kinds: list[str] = []
        for event in self.events:
            if not (kinds and kinds[-1] == event["type"]):
                kinds.append(event["type"])
        return kinds

    def sound(self, response_id: str) -> bytes:
        """The audio of a response."""
        deltas = self.of("response.output_audio.delta", response_id=response_id)
        return b"".join(base64.b64decode(event["delta"]) for event in deltas)


@asynccontextmanager
async def realtime(
    service: RunningService,
    user: str | None = "ada",
    *,
    key: str | None = None,
    headers: dict[str, str] | None = None,
    subprotocols: tuple[str, ...] = (),
    **query: str,
) -> AsyncIterator[RealtimeClient]:
    """A connection, of a user, or by any other key."""
    secret = key or (TOKENS[user] if user else None)
    given = {"Authorization": f"Bearer {secret}"} if secret else {}
    address = service.url.replace("http://", "ws://") + "/v1/realtime"
    async with connect(
        address + (f"?{urlencode(query)}" if query else ""),
        additional_headers={**given, **(headers or {})},
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        compression=None,
        max_size=None,
        open_timeout=WAIT_S,
        ping_interval=None,
        close_timeout=1,
        proxy=None,
    ) as socket:
        beta = "OpenAI-Beta" in (headers or {}) or "openai-beta.realtime-v1" in subprotocols
        yield RealtimeClient(socket, ga=not beta)
