"""SIP messages as RFC 3261 writes them, made by hand, and a socket that keeps what is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiosipua import SipMessage, SipRequest, SipResponse

from api.doors.telephone.sip_transport import Address, SipSocket
from pipeline.replay.virtual_time import run_virtually

PHONE = ("127.0.0.1", 5070)

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 21000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)


def request(
    method: str = "INVITE",
    *,
    branch: str = "z9hG4bK1",
    call_id: str = "call-1",
    sequence: int = 1,
    to_tag: str = "",
    body: str = "",
    headers: tuple[str, ...] = (),
    uri: str = "sip:100@127.0.0.1",
) -> bytes:
    """A request of a phone's."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5070;branch={branch};rport",
        "Max-Forwards: 70",
        "From: <sip:alice@127.0.0.1>;tag=alice",
        f"To: <sip:100@127.0.0.1>{';tag=' + to_tag if to_tag else ''}",
        f"Call-ID: {call_id}",
        f"CSeq: {sequence} {method}",
        "Contact: <sip:alice@127.0.0.1:5070>",
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def parsed(data: bytes) -> SipRequest:
    """The request in a datagram."""
    message = SipMessage.parse(data)
    assert isinstance(message, SipRequest)
    return message


class Datagrams(asyncio.DatagramTransport):
    """Keeps what is sent, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[float, SipRequest | SipResponse, Address]] = []

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((asyncio.get_running_loop().time(), SipMessage.parse(bytes(data)), addr))

    def close(self) -> None:
        pass


def with_socket(story: Callable[[SipSocket, Datagrams], Awaitable[None]]) -> None:
    """Tell a story in virtual time."""

    async def told() -> None:
        socket, datagrams = SipSocket(local_addr=("127.0.0.1", 5060)), Datagrams()
        socket._loop, socket._udp_transport = asyncio.get_running_loop(), datagrams
        await story(socket, datagrams)
        await socket.stop()

    run_virtually(told())
