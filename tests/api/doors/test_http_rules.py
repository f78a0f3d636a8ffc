"""What a connection may cost before it has asked for something, over real TCP."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from api.doors.http_rules import Connections, HttpRules, bounded_protocol, release_lease
from api.doors.socket_rules import protocol_by_path
from tests.service import WAIT_S

QUICK = HttpRules(head_bytes=2_000, header_lines=20, stall_s=0.2, unread_bytes=100_000, per_address=3)


async def echoing(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request with the size of its body; /early answers before reading, /slow after a second of its own."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/call":
            release_lease(scope)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    size = 0
    while scope["path"] != "/early":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * QUICK.stall_s)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"%8d" % size})


@contextmanager
def serving(rules: HttpRules) -> Iterator[int]:
    """The port of a server with these rules."""
    config = uvicorn.Config(
        echoing, port=0, http=bounded_protocol(rules), ws=protocol_by_path({}), lifespan="off", log_level="critical"
    )
    server, listening = uvicorn.Server(config), threading.Event()
    startup = server.startup

    async def announced(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        listening.set()

    server.startup = announced  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listening.wait(WAIT_S)
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(WAIT_S)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(QUICK) as found:
        yield found


async def connect(port: int, address: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))


async def answered(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server closes."""
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


def said(port: int, *pieces: bytes) -> bytes:
    """What the server says to these bytes and nothing more, until it closes."""

    async def story() -> bytes:
        reader, writer = await connect(port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await answered(reader)
        except (ConnectionResetError, BrokenPipeError):
            return await answered(reader)
        finally:
            writer.close()

    return asyncio.run(story())


def test_a_request_passes(port: int) -> None:
    answer = said(port, b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"       5")


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"\r\n",),
        (b"GET / HT",),
        (b"GET / HTTP/1.1\r\nhost: x\r\nacc",),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhel",),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",),
        (b"GET /call HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: abc\r\n",),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nho",),
    ],
    ids=["silence", "an empty line", "a line", "a head", "a body", "chunks", "a handshake", "the next request"],
)
def test_what_stalls_is_closed(port: int, pieces: tuple[bytes, ...]) -> None:
    assert b"HTTP/1.1 408" in said(port, *pieces)


def test_a_head_that_trickles_is_closed(port: int) -> None:
    async def story() -> bytes:
        reader, writer = await connect(port)
        reading = asyncio.create_task(answered(reader))
        for letter in b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000:
            if reading.done():
                break
            writer.write(bytes([letter]))
            await asyncio.sleep(QUICK.stall_s / 10)
        writer.close()
        return await reading

    assert b"HTTP/1.1 408" in asyncio.run(story())


def test_a_body_that_keeps_coming_and_a_slow_answer_are_waited_for(port: int) -> None:
    async def story() -> bytes:
        reader, writer = await connect(port)
        writer.write(b"POST /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 20\r\n\r\n")
        for _ in range(20):
            writer.write(b"x")
            await asyncio.sleep(QUICK.stall_s / 8)
        found = await answered(reader)
        writer.close()
        return found

    assert asyncio.run(story()).endswith(b"      20")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 3_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 3_000,
        b"GET / HTTP/1.1\r\n" + b"y" * 3_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 21 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
    ],
    ids=["url", "value", "name", "lines", "many lines"],
)
def test_a_head_that_is_too_large_is_refused(port: int, head: bytes) -> None:
    answer = said(port, *(head[at : at + 500] for at in range(0, len(head), 500)))
    assert answer.startswith(b"HTTP/1.1 431")


def test_a_body_without_an_end_is_not_read_on_after_its_answer(port: int) -> None:
    async def story() -> int:
        reader, writer = await connect(port)
        writer.write(b"POST /early HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        assert (await reader.readuntil(b"       0")).startswith(b"HTTP/1.1 200")
        sent = 0
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                    await writer.drain()
                    sent += 4096
        except (ConnectionResetError, BrokenPipeError):
            return sent

    assert asyncio.run(story()) >= QUICK.unread_bytes


def test_connections_of_one_address_are_bounded_and_a_call_does_not_count(port: int) -> None:
    handshake = (
        b"GET /call HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"

    async def asked(address: str, what: bytes) -> tuple[bytes, asyncio.StreamWriter]:
        reader, writer = await connect(port, address)
        writer.write(what)
        async with asyncio.timeout(WAIT_S):
            return await reader.readline(), writer

    async def story() -> None:
        calls = [await asked("127.0.0.2", handshake) for _ in range(5)]
        assert all(b" 101 " in line for line, _ in calls), "none of them counts once it is a call"
        others = [await asked("127.0.0.2", request) for _ in range(QUICK.per_address)]
        assert all(b" 200 " in line for line, _ in others)
        reader, writer = await connect(port, "127.0.0.2")
        refused = await answered(reader)
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 5" in refused
        writer.close()
        line, another = await asked("127.0.0.3", request)
        assert b" 200 " in line, "another address has bounds of its own"
        for _, open_one in (*calls, *others, (b"", another)):
            open_one.close()
        await asyncio.sleep(0)

    asyncio.run(story())


def test_leases_are_counted_once() -> None:
    connections = Connections(1)
    lease = connections.enter("a")
    assert lease is not None
    assert connections.enter("a") is None
    lease.release()
    lease.release()
    assert connections.enter("a") is not None
    assert connections.enter("a") is None
    assert all(Connections(0).enter("a") is not None for _ in range(3))
