"""What a connection may cost before it has asked for something, over real TCP."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import uvicorn

from api.doors.http_rules import Connections, HttpRules, bounded_protocol, release_lease
from api.doors.socket_rules import protocol_by_path
from tests.servers.in_thread import WAIT_S, serving

QUICK = HttpRules(head_bytes=2_000, header_lines=20, stall_s=30.0, unread_bytes=100_000, per_address=3)


SLOW_S = 2.0
"""How long a body and an answer that are waited for take, and more."""


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
        await asyncio.sleep(1.5 * SLOW_S)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"%8d" % size})


def config(rules: HttpRules) -> uvicorn.Config:
    protocol = bounded_protocol(rules)
    return uvicorn.Config(echoing, port=0, http=protocol, ws=protocol_by_path({}), lifespan="off", log_level="critical")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that waits as long as a busy machine may need."""
    with serving(config(QUICK)) as found:
        yield found


@pytest.fixture(scope="module")
def hasty() -> Iterator[int]:
    """A server that closes what stalls at once."""
    with serving(config(replace(QUICK, stall_s=0.2))) as found:
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
def test_what_stalls_is_closed(hasty: int, pieces: tuple[bytes, ...]) -> None:
    assert b"HTTP/1.1 408" in said(hasty, *pieces)


def test_a_head_that_trickles_is_closed(hasty: int) -> None:
    async def story() -> bytes:
        reader, writer = await connect(hasty)
        reading = asyncio.create_task(answered(reader))
        for letter in b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000:
            if reading.done():
                break
            writer.write(bytes([letter]))
            await asyncio.sleep(0.02)
        writer.close()
        return await reading

    assert b"HTTP/1.1 408" in asyncio.run(story())


@pytest.mark.slow
def test_a_body_that_keeps_coming_and_a_slow_answer_are_waited_for() -> None:
    async def story() -> bytes:
        reader, writer = await connect(port)
        writer.write(b"POST /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 20\r\n\r\n")
        for _ in range(20):
            writer.write(b"x")
            await asyncio.sleep(SLOW_S / 10)
        found = await answered(reader)
        writer.close()
        return found

    with serving(config(replace(QUICK, stall_s=SLOW_S))) as port:
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
