"""The real service on a real port, in a thread of this process, and a client made from docs/voice-websocket.md alone.

service.url                                the address; `service.headers("ada")` opens it
service.chat("ada")                        a fresh chat of a packaged practice
async with service.call(chat) as client:   an open call; `client.ready` is the first answer
    await client.say("slt/turns/01")       a recording and the silence after it, as fast as the service takes it
    message = await client.until("user.message")
"""

import asyncio
import base64
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.app import create_app
from api.doors.glow.operation import Operation
from api.doors.glow.table import OPERATIONS
from api.doors.socket_rules import SocketRules
from api.service import Service
from api.serving import Server, uvicorn_config
from api.settings import Settings
from tests.stores import lay_database
from tests.voice.sound import recording

TOKENS = {name: f"token-of-{name}-0123456789" for name in ("ada", "bob", "eve")}

SILENCE_MS = 1500
"""After what is said: longer than the most patient endpointing."""

WAIT_S = 100.0
"""Nothing that a test waits for takes this long, even on a machine that is far slower than ours."""

http = httpx.Client(timeout=WAIT_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
"""Asks any service, as patiently as everything here waits. Each request has a connection of its own."""

Int16 = NDArray[np.int16]


class Closed(Exception):
    """The service closed the connection.

    Attributes:
        code: the close code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


@dataclass
class Piece:
    """A block of the persona's audio with its announcement."""

    announced: dict[str, Any]
    data: bytes


@dataclass
class Client:
    """One connection, and everything that came over it.

    Attributes:
        events: JSON messages in order.
        pieces: audio in order, each with the message that announced it.
        ready: the service's `chat_voice`.
        hurries: says that it has played what it has just received, so that a long reply takes no time.
    """

    socket: ClientConnection
    hurries: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    ready: dict[str, Any] = field(default_factory=dict)
    _next: int = 0

    async def open(self, chat_id: str, **fields: Any) -> dict[str, Any]:
        """Send `chat_voice` and wait for the answer."""
        await self.send("chat_voice", chat_id=chat_id, **fields)
        self.ready = await self.until("chat_voice")
        return self.ready

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a JSON message."""
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def raw(self, message: str | bytes) -> None:
        """Send anything."""
        await self.socket.send(message)

    async def hear(self, samples: Int16) -> None:
        """Send 16 kHz samples as pcm16, in messages of a second, as fast as they go."""
        for start in range(0, len(samples), 16_000):
            await self.socket.send(samples[start : start + 16_000].astype("<i2").tobytes())

    async def say(self, name: str, silence_ms: int = SILENCE_MS) -> None:
        """Send a packaged recording and the silence after it."""
        await self.hear(np.concatenate([quiet(200), recording(name), quiet(silence_ms)]))

    async def speak_in_real_time(self, *parts: Int16) -> None:
        """Send 16 kHz samples in 20 ms messages at the pace of a microphone."""
        loop, frames = asyncio.get_running_loop(), np.concatenate(parts)
        begun = loop.time()
        for start in range(0, len(frames), 320):
            await asyncio.sleep(begun + start / 16_000 - loop.time())
            await self.socket.send(frames[start : start + 320].astype("<i2").tobytes())

    async def receive(self) -> dict[str, Any]:
        """The next JSON message; audio is kept in `pieces`.

        Raises:
            Closed: the service closed.
        """
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    message = await self.socket.recv()
                except ConnectionClosed as closed:
                    raise Closed(closed.rcvd.code if closed.rcvd else 1006) from None
                if isinstance(message, bytes):
                    announced = self.events[-1]
                    assert announced["type"] == "reply.audio", "audio follows its announcement at once"
                    self.pieces.append(Piece(announced, message))
                    if self.hurries:
                        end_ms = announced["at_ms"] + announced["duration_ms"]
                        await self.send("played", turn=announced["turn"], ms=end_ms)
                    continue
                event: dict[str, Any] = json.loads(message)
                assert event["type"] != "reply.audio" or not self._awaits_audio, "every announcement is kept"
                self.events.append(event)
                return event

    @property
    def _awaits_audio(self) -> bool:
        announced = self.events[-1:] if self.events and self.events[-1]["type"] == "reply.audio" else []
        return bool(announced) and (not self.pieces or self.pieces[-1].announced is not announced[0])

    async def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The next message of a type with these fields; those before it are passed over (but kept in `events`)."""
        while True:
            while self._next < len(self.events):
                event = self.events[self._next]
                self._next += 1
                if event["type"] == kind and all(event.get(name) == value for name, value in wanted.items()):
                    return event
            await self.receive()

    async def played_to(self, turn: int, milliseconds: float) -> None:
        """Wait until this much of a reply has been announced."""
        while True:
            event = await self.until("reply.audio", turn=turn)
            if event["at_ms"] + event["duration_ms"] >= milliseconds:
                return

    async def until_closed(self) -> int:
        """Read to the end; returns the close code."""
        try:
            while True:
                await self.receive()
        except Closed as closed:
            return closed.code

    async def hang_up(self) -> dict[str, Any]:
        """End the call and wait for the end."""
        await self.send("chat_silence")
        ended = await self.until("chat_silence")
        assert await self.until_closed() == 1000
        return ended

    def drop(self) -> None:
        """Lose the line without a word."""
        self.socket.transport.abort()

    def of(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        """All messages of a type so far."""
        return [
            event
            for event in self.events
            if event["type"] == kind and all(event.get(name) == value for name, value in wanted.items())
        ]

    def sound(self, turn: int | None = None) -> bytes:
        """The audio of a reply, or of all of them."""
        return b"".join(piece.data for piece in self.pieces if turn in (None, piece.announced["turn"]))


@dataclass
class RunningService:
    """A service on a free port."""

    app: FastAPI
    server: Server
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    url: str

    @property
    def inside(self) -> Service:
        """Its parts, to look at."""
        service: Service = self.app.state.service
        return service

    def ask(self, look: Callable[[Service], Any]) -> Any:
        """Look at something on the service's own loop."""

        async def asked() -> Any:
            return look(self.inside)

        return asyncio.run_coroutine_threadsafe(asked(), self.loop).result(WAIT_S)

    async def until(self, look: Callable[[Service], Any]) -> Any:
        """Wait until something is so, looking again as often as the service's loop gets to it."""

        def looked() -> Any:
            deadline = time.monotonic() + WAIT_S
            while not (found := self.ask(look)):
                assert time.monotonic() < deadline, "it never became so"
            return found

        return await asyncio.to_thread(looked)

    def narrow(self) -> None:
        """Let the next connections hold little of what their clients do not read."""
        descriptor = os.dup(self.server.servers[0].sockets[0].fileno())
        with socket.socket(fileno=descriptor) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)

    def headers(self, user: str = "ada") -> dict[str, str]:
        """What lets a user in."""
        return {"Authorization": f"Bearer {TOKENS[user]}"}

    def post(self, path: str, body: Any, user: str = "ada") -> httpx.Response:
        """One HTTP request of a user's."""
        return http.post(f"{self.url}{path}", json=body, headers=self.headers(user))

    def practice(self, name: str = "The worried parent") -> str:
        """The id of a packaged practice."""
        found = self.post("/practice/search", {}).json()["practices"]
        return next(str(practice["practice_id"]) for practice in found if practice["name"] == name)

    def chat(self, user: str = "ada", practice: str = "The worried parent") -> str:
        """A fresh chat."""
        answer = self.post("/attempt/start", {"practice_id": self.practice(practice)}, user)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["chat_id"])

    def history(self, chat_id: str, user: str = "ada") -> list[dict[str, Any]]:
        """The chat's messages as `chat_get` tells them."""
        answer = self.post("/attempt/chat_get", {"chat_entry_id": chat_id}, user)
        assert answer.status_code == 200, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    def lines(self, chat_id: str) -> list[tuple[str, str]]:
        """The chat's messages as (type, text)."""
        return [(message["type"], message["contents"][0]["content"]) for message in self.history(chat_id)]

    @asynccontextmanager
    async def connection(
        self, user: str | None = "ada", subprotocols: tuple[str, ...] = (), **options: Any
    ) -> AsyncIterator[Client]:
        """A connection that has said nothing yet."""
        address = self.url.replace("http://", "ws://") + "/attempt/chat_voice"
        async with connect(
            address,
            additional_headers=self.headers(user) if user else {},
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None,
            max_size=None,
            open_timeout=WAIT_S,
            ping_interval=None,
            close_timeout=1,
            proxy=None,
            **options,
        ) as socket:
            yield Client(socket)

    @asynccontextmanager
    async def call(
        self, chat_id: str, user: str = "ada", *, hurries: bool = False, **fields: Any
    ) -> AsyncIterator[Client]:
        """An open call."""
        async with self.connection(user) as client:
            client.hurries = hurries
            await client.open(chat_id, **fields)
            yield client


@contextmanager
def running(
    data_dir: Path,
    socket_rules: Mapping[str, SocketRules] | None = None,
    operations: Sequence[Operation] = OPERATIONS,
    **chosen: Any,
) -> Iterator[RunningService]:
    """A service with the embedded engines, unless `chosen` settings say otherwise."""
    tokens = ",".join(f"{name}:{token}" for name, token in TOKENS.items())
    embedded = {"stt": "pocketsphinx", "tts": "espeak", "llm": "scripted", "log_level": "warning", "stt_process": False}
    patient = {"stt_timeout_s": WAIT_S, "llm_first_token_s": WAIT_S, "llm_timeout_s": WAIT_S, "frames_gap_s": 4.0}
    settings = Settings(
        _env_file=None, **{**embedded, **patient, "data_dir": data_dir, "port": 0, "tokens": tokens, **chosen}
    )
    if "database_url" not in chosen:
        lay_database(data_dir / "glow.db")
    app = create_app(settings, operations)
    app.state.socket_rules.update(socket_rules or {})
    listening = threading.Event()
    found: dict[str, Any] = {}

    def announce(port: int) -> None:
        found.update(url=f"http://127.0.0.1:{port}", loop=asyncio.get_running_loop())
        listening.set()

    server = Server(uvicorn_config(app, settings), announce)
    thread = threading.Thread(target=server.run, name="service")
    thread.start()
    try:
        assert listening.wait(WAIT_S), "the service did not start"
        yield RunningService(app, server, found["loop"], thread, found["url"])
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        assert not thread.is_alive(), "the service did not stop"


def unhearing(data_dir: Path, **chosen: Any) -> AbstractContextManager[RunningService]:
    """A service for tests in which nobody speaks: it hears the same words in everything, and has nothing to load."""
    return running(data_dir, **{"stt": "fixed:0", **chosen})


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service with the embedded engines for all tests; each takes a chat of its own."""
    with running(tmp_path_factory.mktemp("service")) as started:
        asyncio.run_coroutine_threadsafe(started.inside.ready.wait(), started.loop).result(WAIT_S)
        yield started


def quiet(milliseconds: int) -> Int16:
    """Silence at 16 kHz."""
    return np.zeros(milliseconds * 16, np.int16)


def base64_of(data: bytes) -> str:
    """As JSON carries audio."""
    return base64.b64encode(data).decode()
