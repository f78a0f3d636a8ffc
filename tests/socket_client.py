"""python-socketio's own client, with everything that came over it.

async with socket_of(service) as socket:
    await socket.ask("attempt_join", chat_id=chat)      the acknowledgement
    event = await socket.until("attempt_joined")        the next event of that name
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import socketio
from numpy.typing import NDArray

from api.doors.glow.operation import Operation
from api.doors.glow.socketio.server_events import undocumented
from api.doors.glow.table import OPERATIONS
from tests.service import SILENCE_MS, TOKENS, WAIT_S, RunningService, quiet
from tests.voice.sound import recording
from voice.audio.resample import resample

FRAME_BYTES = 256
"""What a browser's worklet hands out: 128 samples of PCM16 at 24 kHz."""

POLLING_FIRST = ["polling", "websocket"]


class Socket:
    """One connection.

    Attributes:
        events: name and payload of everything that came, in order.
    """

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False, request_timeout=WAIT_S)
        self.events: list[tuple[str, Any]] = []
        self._news = asyncio.Condition()
        self._next = 0
        self.client.on("*", self._came)

    async def _came(self, name: str, payload: Any = None) -> None:
        async with self._news:
            self.events.append((name, payload))
            self._news.notify_all()

    async def ask(self, event: str, payload: Any = None, **fields: Any) -> dict[str, Any]:
        """Send an event; returns what it is acknowledged with."""
        answer: dict[str, Any] = await self.client.call(event, fields or payload, timeout=WAIT_S)
        return answer

    async def send(self, event: str, payload: Any = None, **fields: Any) -> None:
        """Send an event that nobody acknowledges."""
        await self.client.emit(event, fields or payload)

    async def until(self, name: str, **wanted: Any) -> dict[str, Any]:
        """The next event of a name with these fields; those before it are passed over (but kept in `events`)."""
        async with asyncio.timeout(WAIT_S), self._news:
            while True:
                while self._next < len(self.events):
                    told, payload = self.events[self._next]
                    self._next += 1
                    if told == name and all(payload.get(key) == value for key, value in wanted.items()):
                        return dict(payload)
                await self._news.wait()

    def of(self, name: str) -> list[dict[str, Any]]:
        """Payloads of all events of a name so far."""
        return [payload for told, payload in self.events if told == name]

    def names(self) -> list[str]:
        """The names of all events so far."""
        return [name for name, _ in self.events]

    async def hear(self, chat_id: str, samples: NDArray[np.int16], event: str = "attempt_audio_frame") -> None:
        """Send 16 kHz samples as a browser does: 256 bytes at a time, at 24 kHz; as fast as they go."""
        wire = resample(samples, 16_000, 24_000).astype("<i2").tobytes()
        for start in range(0, len(wire), FRAME_BYTES):
            await self.client.emit(event, {"chat_id": chat_id, "audio": wire[start : start + FRAME_BYTES]})

    async def say(self, chat_id: str, name: str, event: str = "attempt_audio_frame") -> None:
        """Send a packaged recording and the silence after it."""
        await self.hear(chat_id, np.concatenate([quiet(200), recording(name), quiet(SILENCE_MS)]), event)

    async def drop(self) -> None:
        """Lose the line without a word."""
        self.client.eio.ws._response.connection.transport.abort()


@asynccontextmanager
async def socket_of(
    service: RunningService,
    user: str = "ada",
    *,
    auth: Any = None,
    transports: list[str] | None = None,
    operations: Iterable[Operation] = OPERATIONS,
) -> AsyncIterator[Socket]:
    """A connected socket; without `auth` as the web client says who it is."""
    socket = Socket()
    said = {"token": f"Bearer {TOKENS[user]}"} if auth is None else auth
    await socket.client.connect(service.url, auth=said, transports=transports or ["websocket"], wait_timeout=WAIT_S)
    try:
        yield socket
    finally:
        await socket.client.shutdown()
    told = {problem for name, payload in socket.events for problem in undocumented(name, payload, operations)}
    assert not told, f"Write it down in api/doors/glow/socketio/server_events.py: {sorted(told)}"
