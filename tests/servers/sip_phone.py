"""A telephone for SIP, written from RFC 3261, 3264, 3550 and 4733 by hand, which does what each test tells it to.

async with SipPhone.at(server) as phone:
    answer = await phone.invite()          sends INVITE and waits for a final answer, which it acknowledges
    phone.speak(mulaw)                     RTP in packets of 20 ms, at once
    await phone.until(lambda: ...)         what `phone.heard` and `phone.requests` say
    await phone.bye()
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

PATIENCE_S = 60.0
_NUMBERS = count(1)


@dataclass
class SipText:
    """A message: its first line, its headers in lower case (the first of each), and its body."""

    first: str
    headers: dict[str, str]
    body: str
    vias: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> "SipText":
        """Read a datagram."""
        head, _, body = data.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers: dict[str, str] = {}
        vias = []
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
            if name.strip().lower() == "via":
                vias.append(value.strip())
        return cls(first, headers, body, vias)

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Of a request; of a response that of its request."""
        return self.headers["cseq"].split()[1]


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, came: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.came = came

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came(data, addr)


@dataclass
class SipPhone:
    """One phone, with one call at a time.

    Attributes:
        server: where its requests go.
        responses, requests: what came, in order.
        heard: the payloads of RTP that came.
        answers: what it answers the service's requests with; 0 for nothing.
        challenge: headers of its answers, as for a 401.
    """

    server: tuple[str, int]
    host: str
    sip: asyncio.DatagramTransport
    rtp: asyncio.DatagramTransport
    responses: list[SipText] = field(default_factory=list)
    requests: list[SipText] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    answers: int = 200
    challenge: tuple[str, ...] = ()
    call_id: str = ""
    to_tag: str = ""
    media: tuple[str, int] = ("", 0)
    _sequence: int = 0
    _packets: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def at(cls, server: tuple[str, int], host: str = "127.0.0.1") -> AsyncIterator["SipPhone"]:
        """A phone with sockets of its own."""
        loop = asyncio.get_running_loop()
        phone: SipPhone | None = None

        def sip_came(data: bytes, _: tuple[str, int]) -> None:
            assert phone is not None
            phone._signalled(data)

        def rtp_came(data: bytes, _: tuple[str, int]) -> None:
            assert phone is not None
            phone.heard.append(data[12:])
            phone._news.set()

        sip, _ = await loop.create_datagram_endpoint(lambda: _Socket(sip_came), local_addr=(host, 0))
        rtp, _ = await loop.create_datagram_endpoint(lambda: _Socket(rtp_came), local_addr=(host, 0))
        phone = cls(server, host, sip, rtp, call_id=f"call-{next(_NUMBERS)}@{host}")
        try:
            yield phone
        finally:
            sip.close()
            rtp.close()

    # -------------------------------------------------------------- signalling

    def offer(self, direction: str = "sendrecv", formats: str = "0 8 101", proto: str = "RTP/AVP") -> str:
        """A session description with mu-law, A-law and keys."""
        port = self.rtp.get_extra_info("sockname")[1]
        return (
            f"v=0\r\no=- 1 {self._sequence + 1} IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {port} {proto} {formats}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
            f"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n"
        )

    def request(
        self,
        method: str,
        body: str = "",
        *,
        kind: str = "application/sdp",
        called: str = "100",
        headers: tuple[str, ...] = (),
        branch: str = "",
        sequence: int = 0,
    ) -> bytes:
        """Write a request of this call."""
        if not sequence:
            self._sequence += 1
            sequence = self._sequence
        port = self.sip.get_extra_info("sockname")[1]
        lines = [
            f"{method} sip:{called}@{self.server[0]}:{self.server[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{port};branch={branch or f'z9hG4bK{next(_NUMBERS)}'};rport",
            "Max-Forwards: 70",
            f"From: <sip:+15559990000@{self.host}>;tag=phone",
            f"To: <sip:{called}@{self.server[0]}>{f';tag={self.to_tag}' if self.to_tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:+15559990000@{self.host}:{port}>",
            "Allow: INVITE, ACK, BYE, CANCEL, INFO, UPDATE, REFER, NOTIFY",
            *headers,
            *([f"Content-Type: {kind}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def send(self, data: bytes) -> None:
        """Send to the service."""
        self.sip.sendto(data, self.server)

    async def invite(self, body: str | None = None, **options: object) -> SipText:
        """Call, or change the call; acknowledge the final answer, and return it."""
        self.send(self.request("INVITE", self.offer() if body is None else body, **options))  # type: ignore[arg-type]
        sequence = self._sequence
        answer = await self.final("INVITE", sequence)
        if (tag := re.search(r";tag=([^;>\s]+)", answer.headers["to"])) is not None and answer.status < 300:
            self.to_tag = tag[1]
        if answer.body:
            self._find_media(answer.body)
        branch = answer.vias[0].partition("branch=")[2].partition(";")[0]
        if answer.status < 300:
            branch = ""
        self.send(self.request("ACK", sequence=sequence, branch=branch))
        return answer

    async def final(self, method: str, sequence: int) -> SipText:
        """Wait for the final response to a request."""

        def found() -> SipText | None:
            wanted = f"{sequence} {method}"
            return next((one for one in self.responses if one.status >= 200 and one.headers["cseq"] == wanted), None)

        await self.until(lambda: found() is not None)
        answer = found()
        assert answer is not None
        return answer

    async def bye(self) -> SipText:
        """Hang up."""
        self.send(self.request("BYE"))
        return await self.final("BYE", self._sequence)

    def notify(self, status: str) -> None:
        """Report the progress of a REFER."""
        ended = not status.startswith("1")
        state = "terminated;reason=noresource" if ended else "active;expires=60"
        headers = ("Event: refer", f"Subscription-State: {state}")
        self.send(self.request("NOTIFY", f"SIP/2.0 {status}\r\n", kind="message/sipfrag", headers=headers))

    def of(self, method: str) -> list[SipText]:
        """The service's requests of a method."""
        return [one for one in self.requests if one.method == method]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def _find_media(self, body: str) -> None:
        connection, port = re.search(r"c=IN IP4 (\S+)", body), re.search(r"m=audio (\d+)", body)
        assert connection is not None
        assert port is not None
        self.media = connection[1], int(port[1])

    def _signalled(self, data: bytes) -> None:
        message = SipText.of(data)
        if message.status:
            self.responses.append(message)
        else:
            self.requests.append(message)
            if self.answers and message.method != "ACK":
                self._answer(message)
        self._news.set()

    def _answer(self, message: SipText) -> None:
        status = 202 if message.method == "REFER" and self.answers == 200 else self.answers
        body, headers = "", {name: message.headers[name] for name in ("from", "to", "call-id", "cseq")}
        if message.method == "INVITE" and status == 200:
            self.call_id, self.to_tag = message.headers["call-id"], message.headers["from"].partition("tag=")[2]
            headers["to"] = f"{headers['to']};tag=phone" if "tag=" not in headers["to"] else headers["to"]
            port = self.sip.get_extra_info("sockname")[1]
            headers |= {"contact": f"<sip:phone@{self.host}:{port}>", "content-type": "application/sdp"}
            body = self.offer(formats="0 101")
            self._find_media(message.body)
        lines = [
            f"SIP/2.0 {status} whatever",
            *(f"Via: {via}" for via in message.vias),
            *(f"{name.title()}: {value}" for name, value in headers.items()),
            *self.challenge,
            f"Content-Length: {len(body)}",
        ]
        self.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    # -------------------------------------------------------------------- media

    def speak(self, payloads: list[bytes], *, kind: int = 0) -> None:
        """Send packets of audio."""
        for payload in payloads:
            self._packets += 1
            self._rtp(payload, kind, self._packets * 160)

    def press(self, key: int) -> None:
        """Send a key as RFC 4733 wants it: its beginning, and its end three times."""
        at = (self._packets + 1) * 160
        for end in (0, 0, 0x80, 0x80, 0x80):
            self._packets += 1
            self._rtp(struct.pack("!BBH", key, end | 10, 800), 101, at)

    def loud(self) -> int:
        """Packets in which something was heard."""
        return sum(payload.count(0xFF) + payload.count(0x7F) < len(payload) for payload in self.heard)

    def _rtp(self, payload: bytes, kind: int, stamp: int) -> None:
        header = struct.pack("!BBHII", 0x80, kind, self._packets & 0xFFFF, stamp & 0xFFFFFFFF, 0x1234)
        self.rtp.sendto(header + payload, self.media)
