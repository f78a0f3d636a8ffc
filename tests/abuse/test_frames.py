"""Frames of websockets, right and wrong, against the voice door; by the numbers of Autobahn|Testsuite's cases.

Its cases want a server that echoes. Here a text is answered by a typed error, since none of theirs is a message of
ours, and a binary message is audio: so a text counts as taken when its error has come, and a connection as open when
it still answers a ping.

Source of the cases: github.com/crossbario/autobahn-testsuite, sections 1 to 7, 9 and 10.
"""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.abuse.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawSocket,
    close,
    frame,
    message,
    raw_socket,
)
from tests.service import WAIT_S, RunningService

pytestmark = pytest.mark.slow

LIMIT = 128 * 1024
"""Most bytes of one message, by the settings of the service."""


@dataclass(frozen=True)
class Case:
    """What is sent, and what comes of it.

    Attributes:
        number: the case in Autobahn|Testsuite.
        sent: bytes, each written at once.
        pongs: the payloads of the pongs that answer.
        texts: the number of texts that arrive at the door.
        closed: the codes that the connection may be closed with; none: it stays open.
    """

    number: str
    sent: list[bytes]
    pongs: list[bytes] = field(default_factory=list)
    texts: int = 0
    closed: tuple[int, ...] = ()


PROTOCOL, NOT_UTF8, TOO_LARGE = (1002,), (1007,), (1009,)


def octets(data: bytes) -> list[bytes]:
    return [bytes([octet]) for octet in data]


def messages() -> Iterator[Case]:
    for at, size in enumerate((0, 125, 126, 127, 128, 65_535, 65_536), 1):
        yield Case(f"1.1.{at}", [frame(TEXT, b"*" * size)], texts=1)
        yield Case(f"1.2.{at}", [frame(BINARY, b"\xfe" * size)])
    whole = frame(TEXT, b"*" * 65_536)
    yield Case("1.1.8", [whole[at : at + 997] for at in range(0, len(whole), 997)], texts=1)
    whole = frame(BINARY, b"\xfe" * 65_536)
    yield Case("1.2.8", [whole[at : at + 997] for at in range(0, len(whole), 997)])


def pings() -> Iterator[Case]:
    payloads = [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125]
    for at, payload in enumerate(payloads, 1):
        yield Case(f"2.{at}", [frame(PING, payload)], pongs=[payload])
    yield Case("2.5", [frame(PING, b"\xfe" * 126)], closed=PROTOCOL)
    yield Case("2.6", octets(frame(PING, b"\xfe" * 125)), pongs=[b"\xfe" * 125])
    yield Case("2.7", [frame(PONG)])
    yield Case("2.8", [frame(PONG, b"unsolicited")])
    yield Case("2.9", [frame(PONG, b"unsolicited"), frame(PING, b"ping")], pongs=[b"ping"])
    ten = [b"payload-%d" % at for at in range(10)]
    yield Case("2.10", [frame(PING, payload) for payload in ten], pongs=ten)
    yield Case("2.11", octets(b"".join(frame(PING, payload) for payload in ten)), pongs=ten)


def reserved() -> Iterator[Case]:
    hello = frame(TEXT, b"Hello, world!")
    yield Case("3.1", [frame(TEXT, b"Hello, world!", rsv=1)], closed=PROTOCOL)
    for number, rsv, chopped in (("3.2", 2, False), ("3.3", 3, False), ("3.4", 4, True)):
        bad = hello + frame(TEXT, b"Hello, world!", rsv=rsv) + frame(PING)
        yield Case(number, octets(bad) if chopped else [bad], texts=1, closed=PROTOCOL)
    yield Case("3.5", [frame(BINARY, b"\x00\xff" * 4, rsv=5)], closed=PROTOCOL)
    yield Case("3.6", [frame(PING, b"Hello, world!", rsv=6)], closed=PROTOCOL)
    yield Case("3.7", [frame(CLOSE, rsv=7)], closed=PROTOCOL)
    for first, opcodes in (("4.1", range(3, 8)), ("4.2", range(11, 16))):
        for at, opcode in enumerate(opcodes, 1):
            payload = b"" if at in (1, 3) else b"reserved opcode"
            before = [hello] if at >= 3 else []
            yield Case(
                f"{first}.{at}", [*before, frame(opcode, payload), frame(PING)], texts=len(before), closed=PROTOCOL
            )


def fragments() -> Iterator[Case]:
    one, two = frame(TEXT, b"fragment1", fin=False), frame(CONTINUATION, b"fragment2")
    ping = frame(PING, b"ping")
    yield Case("5.1", message(PING, b"fragment1fragment2", 9), closed=PROTOCOL)
    yield Case("5.2", message(PONG, b"fragment1fragment2", 9), closed=PROTOCOL)
    yield Case("5.3", [one, two], texts=1)
    yield Case("5.4", [one + two], texts=1)
    yield Case("5.5", octets(one + two), texts=1)
    yield Case("5.6", [one, ping, two], pongs=[b"ping"], texts=1)
    yield Case("5.7", [one + ping + two], pongs=[b"ping"], texts=1)
    yield Case("5.8", octets(one + ping + two), pongs=[b"ping"], texts=1)
    alone, whole = frame(CONTINUATION, b"non-continuation payload"), frame(TEXT, b"Hello, world!")
    yield Case("5.9", [alone, whole], closed=PROTOCOL)
    yield Case("5.10", [alone + whole], closed=PROTOCOL)
    yield Case("5.11", octets(alone + whole), closed=PROTOCOL)
    begun = frame(CONTINUATION, b"non-continuation payload", fin=False)
    yield Case("5.12", [begun, whole], closed=PROTOCOL)
    yield Case("5.13", [begun + whole], closed=PROTOCOL)
    yield Case("5.14", octets(begun + whole), closed=PROTOCOL)
    yield Case("5.15", [one, two, begun, frame(TEXT, b"fragment4")], texts=1, closed=PROTOCOL)
    for number, fin in (("5.16", False), ("5.17", True)):
        yield Case(
            number, [frame(CONTINUATION, b"fragment1", fin=fin), frame(TEXT, b"x", fin=False), two] * 2, closed=PROTOCOL
        )
    yield Case("5.18", [one, frame(TEXT, b"fragment2")], closed=PROTOCOL)
    five = message(TEXT, b"fragment1fragment2fragment3fragment4fragment5", 9)
    mixed = [*five[:2], ping, *five[2:4], frame(PING, b"pong"), five[4]]
    yield Case("5.19", mixed, pongs=[b"ping", b"pong"], texts=1)
    yield Case("5.20", [b"".join(mixed)], pongs=[b"ping", b"pong"], texts=1)


GREEK = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
WHOLE = (2, 5, 7, 9, 11)
"""Bytes of it that are whole characters."""

VALID = {
    "6.5": "Hello-µ@ßöäüàá-UTF-8!!".encode(),
    "6.7.1": b"\x00",
    "6.7.2": b"\xc2\x80",
    "6.7.3": b"\xe0\xa0\x80",
    "6.7.4": b"\xf0\x90\x80\x80",
    "6.9.1": b"\x7f",
    "6.9.2": b"\xdf\xbf",
    "6.9.3": b"\xef\xbf\xbf",
    "6.9.4": b"\xf4\x8f\xbf\xbf",
    "6.11.1": b"\xed\x9f\xbf",
    "6.11.2": b"\xee\x80\x80",
    "6.11.3": b"\xef\xbf\xbd",
    "6.11.4": b"\xf4\x8f\xbf\xbf",
    "6.22.1": b"\xef\xbf\xbe",
    "6.22.2": b"\xef\xbf\xbf",
    "6.22.3": b"\xf0\x9f\xbf\xbe",
    "6.22.33": b"\xf4\x8f\xbf\xbe",
    "6.23.1": b"\xef\xbf\xbd",
}
INVALID = {
    "6.3.1": GREEK + b"\xed\xa0\x80edited",
    "6.8.1": b"\xf8\x88\x80\x80\x80",
    "6.8.2": b"\xfc\x84\x80\x80\x80\x80",
    "6.10.1": b"\xf7\xbf\xbf\xbf",
    "6.10.2": b"\xfb\xbf\xbf\xbf\xbf",
    "6.10.3": b"\xfd\xbf\xbf\xbf\xbf\xbf",
    "6.11.5": b"\xf4\x90\x80\x80",
    "6.12.1": b"\x80",
    "6.12.2": b"\xbf",
    "6.12.8": bytes(range(0x80, 0xC0)),
    "6.13.1": b"".join(bytes([octet]) + b" " for octet in range(0xC0, 0xE0)),
    "6.13.5": b"\xfc \xfd ",
    "6.14.1": b"\xc0",
    "6.14.2": b"\xe0\x80",
    "6.14.3": b"\xf0\x80\x80",
    "6.14.6": b"\xdf",
    "6.15.1": b"\xc0\xe0\x80\xf0\x80\x80",
    "6.16.1": b"\xfe",
    "6.16.2": b"\xff",
    "6.16.3": b"\xfe\xfe\xff\xff",
    "6.17.1": b"\xc0\xaf",
    "6.17.2": b"\xe0\x80\xaf",
    "6.17.3": b"\xf0\x80\x80\xaf",
    "6.18.1": b"\xc1\xbf",
    "6.18.2": b"\xe0\x9f\xbf",
    "6.18.3": b"\xf0\x8f\xbf\xbf",
    "6.19.1": b"\xc0\x80",
    "6.19.2": b"\xe0\x80\x80",
    "6.20.1": b"\xed\xa0\x80",
    "6.20.4": b"\xed\xaf\xbf",
    "6.20.7": b"\xed\xbf\xbf",
    "6.21.1": b"\xed\xa0\x80\xed\xb0\x80",
    "6.21.8": b"\xed\xaf\xbf\xed\xbf\xbf",
}


def texts() -> Iterator[Case]:
    yield Case("6.1.1", [frame(TEXT)], texts=1)
    yield Case("6.1.2", [frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)], texts=1)
    middle = [frame(TEXT, fin=False), frame(CONTINUATION, b"middle frame payload", fin=False), frame(CONTINUATION)]
    yield Case("6.1.3", middle, texts=1)
    yield Case("6.2.1", [frame(TEXT, VALID["6.5"])], texts=1)
    yield Case("6.2.2", message(TEXT, VALID["6.5"], 12), texts=1)
    yield Case("6.2.3", message(TEXT, VALID["6.5"], 1), texts=1)
    yield Case("6.2.4", message(TEXT, GREEK, 1), texts=1)
    yield Case("6.3.2", message(TEXT, INVALID["6.3.1"], 1), closed=NOT_UTF8)
    # Whether it fails at once or at the end of the message is the server's choice; that it fails is not.
    for number, cut in (("6.4.1", 11), ("6.4.2", 12)):
        yield Case(number, message(TEXT, GREEK + b"\xf4\x90\x80\x80edited", cut), closed=NOT_UTF8)
    for size in range(1, len(GREEK) + 1):
        whole = size in WHOLE
        yield Case(f"6.6.{size}", [frame(TEXT, GREEK[:size])], texts=int(whole), closed=() if whole else NOT_UTF8)
    for number, data in VALID.items():
        yield Case(number, [frame(TEXT, data)], texts=1)
    for number, data in INVALID.items():
        yield Case(number, [frame(TEXT, data)], closed=NOT_UTF8)


def closings() -> Iterator[Case]:
    hello, ping = frame(TEXT, b"Hello World!"), frame(PING)
    yield Case("7.1.1", [hello, close(1000)], texts=1, closed=(1000,))
    yield Case("7.1.2", [close(1000), close(1000)], closed=(1000,))
    yield Case("7.1.3", [close(1000), ping], closed=(1000,))
    yield Case("7.1.4", [close(1000), hello], closed=(1000,))
    yield Case(
        "7.1.5", [frame(TEXT, b"fragment1", fin=False), close(1000), frame(CONTINUATION, b"2")], closed=(1000, 1002)
    )
    yield Case("7.1.6", [frame(TEXT, b"*" * LIMIT), hello, close(1000), ping], texts=2, closed=(1000,))
    yield Case("7.3.1", [frame(CLOSE)], closed=(0, 1000, 1005))
    yield Case("7.3.2", [frame(CLOSE, b"a")], closed=PROTOCOL)
    yield Case("7.3.3", [close(1000)], closed=(1000,))
    yield Case("7.3.4", [close(1000, b"Hello World!")], closed=(1000,))
    yield Case("7.3.5", [close(1000, b"*" * 123)], closed=(1000,))
    yield Case("7.3.6", [close(1000, b"*" * 124)], closed=PROTOCOL)
    yield Case("7.5.1", [close(1000, INVALID["6.3.1"])], closed=NOT_UTF8)
    for at, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        yield Case(f"7.7.{at}", [close(code)], closed=(code, 1000))
    for at, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{at}", [close(code)], closed=PROTOCOL)
    yield Case("7.13.1", [close(5000)], closed=PROTOCOL)
    yield Case("7.13.2", [close(65_535)], closed=PROTOCOL)


def limits() -> Iterator[Case]:
    """Whatever is above the limit is refused by its head, before it has been sent."""
    for at, size in enumerate((1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 23, 1 << 24), 1):
        closed = TOO_LARGE if size > LIMIT else ()
        sent = min(size, 2 * LIMIT)
        yield Case(f"9.1.{at}", [frame(TEXT, b"*" * sent, declared=size)], texts=not closed, closed=closed)
        yield Case(f"9.2.{at}", [frame(BINARY, b"\0" * sent, declared=size)], closed=closed)
    for at, size in enumerate((64, 256, 1024, 4096, 16_384, 65_536, 1 << 18, 1 << 20, 1 << 22), 1):
        yield Case(f"9.3.{at}", message(TEXT, b"*" * (4 << 20), size), closed=TOO_LARGE)
    for at, size in enumerate((64, 256, 1024), 1):
        yield Case(f"9.5.{at}", [bytes(piece) for piece in pieces(frame(TEXT, b"*" * LIMIT), size)], texts=1)
    yield Case("9.7.1", [frame(TEXT)] * 1000, texts=1000)
    yield Case("9.8.4", [frame(BINARY, b"\0" * 256)] * 1000)
    yield Case("10.1.1", message(TEXT, b"*" * 65_536, 1300), texts=1)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


CASES = [case for section in (messages, pings, reserved, fragments, texts, closings, limits) for case in section()]


async def outcome(socket: RawSocket, case: Case) -> tuple[list[bytes], int, int | None]:
    """Send a case; return the pongs, the number of texts that arrived, and the code of the closing frame."""
    pongs: list[bytes] = []
    taken, code = 0, None
    sending = asyncio.create_task(socket.send(*case.sent, frame(PING, b"still there?")))
    async with asyncio.timeout(WAIT_S):
        async for received in socket.frames():
            if received.opcode == CLOSE:
                code = received.code
            elif received.opcode == PONG:
                if received.payload == b"still there?" and not case.closed:
                    break
                pongs.append(received.payload)
            elif received.opcode == TEXT and json.loads(received.payload)["type"] == "error":
                taken += 1
        if not case.closed:
            # Pongs are the protocol's and may overtake: the errors of the texts are the door's.
            async for received in socket.frames() if taken < case.texts else nothing():
                taken += received.opcode == TEXT and json.loads(received.payload)["type"] == "error"
                if taken == case.texts:
                    break
        await sending
    return pongs, taken, code


async def nothing():  # type: ignore[no-untyped-def]
    return
    yield


@pytest.fixture(scope="module")
def chat(service: RunningService) -> str:
    return service.chat()


@asynccontextmanager
async def opened(service: RunningService, chat: str) -> AsyncIterator[RawSocket]:
    """A websocket with an open call, once the connection of the case before is noticed to be gone."""
    opening = frame(TEXT, json.dumps({"type": "chat_voice", "chat_id": chat}).encode())
    async with asyncio.timeout(WAIT_S), AsyncExitStack() as stack:
        while True:
            socket = await stack.enter_async_context(
                raw_socket(service.url, "/attempt/chat_voice", service.headers("ada"))
            )
            await socket.send(opening)
            async for received in socket.frames():
                if received.opcode == TEXT:
                    answer = json.loads(received.payload)
                    break
            if answer["type"] == "chat_voice":
                break
            assert answer["code"] == "session_conflict", answer
        yield socket


@pytest.mark.parametrize("case", CASES, ids=[case.number for case in CASES])
def test_frames(service: RunningService, chat: str, case: Case) -> None:
    async def story() -> None:
        async with opened(service, chat) as socket:
            pongs, taken, code = await outcome(socket, case)
        if case.closed:
            assert code in case.closed
        else:
            assert (pongs, taken, code) == (case.pongs, case.texts, None)

    asyncio.run(story())


def test_nothing_is_compressed(service: RunningService) -> None:
    offered = {**service.headers("ada"), "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    bomb = zlib.compress(b"\0" * (64 << 20))

    async def story() -> None:
        async with raw_socket(service.url, "/attempt/chat_voice", offered) as socket:
            assert "permessage-deflate" not in socket.answer
            await socket.send(frame(TEXT, bomb, rsv=4))
            codes = [received.code async for received in socket.frames() if received.opcode == CLOSE]
        assert codes == [1002]

    asyncio.run(story())


def test_no_number_stands_twice() -> None:
    assert len({case.number for case in CASES}) == len(CASES)
