"""Keepalive and message size by path: pinged as often as its rules say, never where they say never."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from api.doors.socket_rules import SocketRules, protocol_by_path, rules_for
from tests.servers.in_thread import serving
from tests.service import WAIT_S, unhearing

OFTEN = 0.02
"""Seconds between pings where there are any."""


class Raw:
    """A websocket whose control frames are seen.

    Attributes:
        frames: everything that came.
        answers: whether pings are answered, as the protocol has it.
    """

    def __init__(self, protocol: ClientProtocol, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._protocol = protocol
        self._reader, self._writer = streams
        self.frames: list[Frame] = []
        self.answers = True

    def flush(self) -> None:
        """Send what the protocol has to say."""
        waiting = b"".join(self._protocol.data_to_send())
        if self.answers:
            self._writer.write(waiting)

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self.flush()

    async def until(self, opcode: Opcode, count: int = 1) -> Frame:
        """Read on until so many frames of a kind have come; the last of them."""
        async with asyncio.timeout(WAIT_S):
            while len(self.of(opcode)) < count:
                await self._read()
        return self.of(opcode)[count - 1]

    async def connected(self) -> None:
        """Read on until the handshake is over."""
        async with asyncio.timeout(WAIT_S):
            while self._protocol.state is State.CONNECTING:
                await self._read()

    async def _read(self) -> None:
        data = await self._reader.read(65_536)
        assert data, "the connection ended first"
        self._protocol.receive_data(data)
        self.frames += [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        self.flush()

    def of(self, opcode: Opcode) -> list[Frame]:
        """All frames of a kind so far."""
        return [frame for frame in self.frames if frame.opcode is opcode]


@asynccontextmanager
async def raw(url: str, path: str, **headers: str) -> AsyncIterator[Raw]:
    """A connected websocket."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
    protocol = ClientProtocol(parse_uri(url.replace("http://", "ws://") + path), max_size=None)
    request = protocol.connect()
    for name, value in headers.items():
        request.headers[name] = value
    protocol.send_request(request)
    streams = await asyncio.open_connection(host, port)
    socket = Raw(protocol, streams)
    socket.flush()
    try:
        await socket.connected()
        yield socket
    finally:
        streams[1].close()


@pytest.mark.slow
def test_a_silent_call_is_pinged_and_a_path_set_to_none_never(tmp_path: Path) -> None:
    rules = {"/": SocketRules(ping_every_s=OFTEN), "/socket.io": SocketRules(ping_every_s=None)}
    with unhearing(tmp_path, socket_rules=rules) as service:
        opening = json.dumps({"type": "chat_voice", "chat_id": service.chat()})

        async def story() -> None:
            async with (
                raw(service.url, "/socket.io/?EIO=4&transport=websocket") as unpinged,
                raw(service.url, "/attempt/chat_voice", **service.headers()) as call,
            ):
                await unpinged.until(Opcode.TEXT)
                call.send(opening)
                await call.until(Opcode.TEXT)
                await call.until(Opcode.PING, count=len(call.of(Opcode.PING)) + 10)
                unpinged.send("2probe" * 3)  # no packet: it is answered by the packet that closes
                await unpinged.until(Opcode.TEXT, count=2)
                assert not unpinged.of(Opcode.PING), "in all the time in which the other had ten"

        asyncio.run(story())


def test_a_call_whose_client_answers_no_ping_is_closed_and_can_be_resumed(tmp_path: Path) -> None:
    rules = {"/attempt/chat_voice": SocketRules(ping_every_s=OFTEN, pong_within_s=OFTEN)}
    with unhearing(tmp_path, socket_rules=rules) as service:
        chat = service.chat()

        async def story() -> None:
            async with raw(service.url, "/attempt/chat_voice", **service.headers()) as dead:
                dead.send(json.dumps({"type": "chat_voice", "chat_id": chat}))
                ready = json.loads(bytes((await dead.until(Opcode.TEXT)).data))
                dead.answers = False
                closed = await dead.until(Opcode.CLOSE)
                assert int.from_bytes(bytes(closed.data)[:2], "big") == 1011
            service.app.state.socket_rules.clear()  # whoever comes next may take their time
            async with service.call(chat, resume=ready["resume"]) as client:
                assert client.ready["conversation_id"] == ready["conversation_id"]
                await client.hang_up()

        asyncio.run(story())


# ------------------------------------------------------------- of any application


async def counting(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers each message with its size."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": str(len(message["bytes"]))})


@contextmanager
def bounded(rules: dict[str, SocketRules]) -> Iterator[str]:
    """The address of a server with these rules, whose own limit is 1000 bytes."""
    config = uvicorn.Config(
        counting, port=0, ws=protocol_by_path(rules), ws_max_size=1_000, lifespan="off", log_level="error"
    )
    with serving(config) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("path", "size", "taken"),
    [
        ("/wide", 5_000, True),
        ("/wide/below?query=1", 5_000, True),
        ("/wide", 5_001, False),
        ("/narrow", 10, True),
        ("/narrow", 11, False),
        ("/wider", 1_000, True),
        ("/wider", 1_001, False),
        ("/unlimited", 1_000, True),
        ("/unlimited", 1_001, False),
    ],
)
def test_how_large_a_message_may_be_is_for_its_path_to_say(url: str, path: str, size: int, taken: bool) -> None:
    async def story() -> None:
        async with raw(url, path) as socket:
            socket.send(bytes(size))
            if taken:
                assert bytes((await socket.until(Opcode.TEXT)).data) == str(size).encode()
            else:
                closed = await socket.until(Opcode.CLOSE)
                assert int.from_bytes(bytes(closed.data)[:2], "big") == 1009

    asyncio.run(story())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with two limits besides its own."""
    rules = {
        "/wide": SocketRules(max_bytes=5_000),
        "/narrow": SocketRules(max_bytes=10),
        "/unlimited": SocketRules(ping_every_s=None),
    }
    with bounded(rules) as address:
        yield address


@pytest.mark.parametrize(
    ("path", "found"),
    [("/a", "a"), ("/a/", "a"), ("/a/c", "a"), ("/a/b", "ab"), ("/a/b/c", "ab"), ("/ab", None), ("/", None)],
)
def test_the_longest_path_above_counts(path: str, found: str | None) -> None:
    rules = {"/a": SocketRules(max_bytes=1), "/a/b": SocketRules(max_bytes=2)}
    assert rules_for(rules, path) == {"a": rules["/a"], "ab": rules["/a/b"], None: None}[found]
