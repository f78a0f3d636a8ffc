"""SIP over UDP: aiosipua's transport with what RFC 3261 wants of one beside it.

The library parses, builds and dispatches messages and keeps dialogs. This class retransmits our requests until they are
answered (17.1), answers a retransmitted request with the same response as before (17.2), acknowledges the refusal of an
INVITE (17.1.1.3), and asks a gate before anything is kept of a new INVITE.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from aiosipua import SipMessage, SipRequest, SipResponse, UdpSipTransport
from aiosipua.transaction import T1, T2, TIMER_H
from aiosipua.transport import _response_destination, _stamp_via_received

log = logging.getLogger(__name__)

Address = tuple[str, int]
"""Host and port."""

Gate = Callable[[SipRequest, Address], SipResponse | None]
"""Returns the refusal of a new INVITE, None to let it in."""

KEPT_ANSWERS = 2_000
"""Responses kept for requests that are sent again: more than come in `TIMER_H` at the rate that the gate lets in."""

_Transaction = tuple[str, str]
"""The branch of a request's Via, and its method."""


@dataclass(slots=True)
class _Unanswered:
    """A request of ours that waits for a response."""

    request: SipRequest
    address: Address
    wait_s: float = T1
    waited_s: float = 0.0
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Answered:
    """A request that came, and the latest response to it."""

    at: float
    response: bytes | None = None
    address: Address | None = None


@dataclass
class SipSocket(UdpSipTransport):
    """One UDP socket for all calls.

    Attributes:
        gate: see the type.
        on_response: gets each response, with the request of ours that it answers.
        on_timeout: gets a request that nobody has answered for 32 s.
    """

    gate: Gate = lambda _request, _address: None
    on_response: Callable[[SipRequest, SipResponse], None] = lambda _request, _response: None
    on_timeout: Callable[[SipRequest], None] = lambda _request: None
    _unanswered: dict[_Transaction, _Unanswered] = field(default_factory=dict, init=False, repr=False)
    _answered: OrderedDict[_Transaction, _Answered] = field(default_factory=OrderedDict, init=False, repr=False)

    async def start(self) -> None:
        """Bind the socket; `local_addr` then has the real port.

        Raises:
            OSError: the address or port cannot be bound.
        """
        self._loop = asyncio.get_running_loop()
        transport, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=self.local_addr)
        self._udp_transport = transport
        self.local_addr = transport.get_extra_info("sockname")[:2]

    async def stop(self) -> None:
        """Stop retransmitting, and close the socket."""
        for one in self._unanswered.values():
            if one.timer is not None:
                one.timer.cancel()
        self._unanswered.clear()
        await super().stop()

    def send(self, message: SipRequest | SipResponse, addr: Address) -> None:
        """Send a message; a request is sent again until it is answered. Nothing is sent once the socket is closed."""
        if self._udp_transport is None:
            return
        super().send(message, addr)
        if isinstance(message, SipRequest) and message.method != "ACK":
            waiting = _Unanswered(message, addr)
            self._unanswered[_transaction(message)] = waiting
            waiting.timer = self._loop.call_later(T1, self._send_again, waiting)

    def send_reply(self, response: SipResponse) -> None:
        """Send a response where its request came from, and keep it in case the request comes again."""
        address = _response_destination(response)
        if address is None or self._udp_transport is None:
            return
        known = self._answered.get(_transaction(response))
        if known is not None:
            known.response, known.address = bytes(response), address
        self.send(response, address)

    def receive(self, data: bytes, address: Address) -> None:
        """Take a datagram; one that is no SIP message is dropped."""
        if not data.strip(b"\r\n\0"):
            return  # keeps a NAT's mapping
        try:
            message = SipMessage.parse(data)
            if isinstance(message, SipRequest):
                _stamp_via_received(message, address)
                self._take_request(message, address)
            elif isinstance(message, SipResponse):
                self._take_response(message, address)
        except Exception as error:  # noqa: BLE001  # the library's parsers raise many kinds for a stranger's headers
            log.debug("A SIP message from %s was dropped: %r", address[0], error)

    def _take_request(self, request: SipRequest, address: Address) -> None:
        assert self.on_message is not None
        if request.method == "ACK":
            self.on_message(request, address)
            return
        key = _transaction(request)
        known = self._answered.get(key)
        if known is not None:
            if known.response is not None and known.address is not None and self._udp_transport is not None:
                self._udp_transport.sendto(known.response, known.address)
            return
        if request.method == "INVITE" and _is_new(request) and (refusal := self.gate(request, address)) is not None:
            self.send_reply(refusal)
            return
        self._keep(key)
        self.on_message(request, address)

    def _take_response(self, response: SipResponse, address: Address) -> None:
        assert self.on_message is not None
        key = _transaction(response)
        waiting = self._unanswered.get(key)
        if waiting is not None:
            self._stop_sending(waiting)
            if response.status_code >= 200:
                del self._unanswered[key]
                if key[1] == "INVITE" and response.status_code >= 300:
                    super().send(_acknowledgement(waiting.request, response), waiting.address)
            self.on_response(waiting.request, response)
        self.on_message(response, address)

    def _send_again(self, waiting: _Unanswered) -> None:
        waiting.waited_s += waiting.wait_s
        if waiting.waited_s >= TIMER_H or self._udp_transport is None:
            self._unanswered.pop(_transaction(waiting.request), None)
            self.on_timeout(waiting.request)
            return
        self._udp_transport.sendto(bytes(waiting.request), waiting.address)
        waiting.wait_s = min(waiting.wait_s * 2, T2)
        waiting.timer = self._loop.call_later(waiting.wait_s, self._send_again, waiting)

    def _stop_sending(self, waiting: _Unanswered) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None

    def _keep(self, key: _Transaction) -> None:
        now = self._loop.time()
        self._answered[key] = _Answered(now)
        while self._answered:
            oldest = next(iter(self._answered.values()))
            if len(self._answered) <= KEPT_ANSWERS and now - oldest.at < TIMER_H:
                break
            self._answered.popitem(last=False)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, socket: SipSocket) -> None:
        self._socket = socket

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._socket.receive(data, (str(addr[0]), int(addr[1])))


def refusal_of(request: SipRequest, status: int, reason: str, headers: dict[str, str] | None = None) -> SipResponse:
    """Build the refusal of a request for which no dialog exists."""
    response = SipResponse(status_code=status, reason_phrase=reason)
    for via in request.headers.get("via"):
        response.headers.append("Via", via)
    for name in ("From", "Call-ID", "CSeq"):
        if (value := request.headers.get_first(name)) is not None:
            response.headers.set_single(name, value)
    if (to := request.headers.get_first("To")) is not None:
        response.headers.set_single("To", f"{to};tag=refused")
    for name, value in (headers or {}).items():
        response.headers.set_single(name, value)
    return response


def _acknowledgement(invite: SipRequest, response: SipResponse) -> SipRequest:
    """Build the ACK of a refused INVITE (RFC 3261, 17.1.1.3)."""
    ack = SipRequest(method="ACK", uri=invite.uri)
    ack.headers.append("Via", invite.headers.get("via")[0])
    for name in ("From", "Call-ID"):
        ack.headers.set_single(name, invite.headers.get_first(name) or "")
    ack.headers.set_single("To", response.headers.get_first("To") or invite.headers.get_first("To") or "")
    ack.headers.set_single("CSeq", f"{invite.cseq.seq if invite.cseq else 1} ACK")
    ack.headers.set_single("Max-Forwards", "70")
    return ack


def _is_new(request: SipRequest) -> bool:
    to = request.to_addr
    return to is None or not to.tag


def _transaction(message: SipRequest | SipResponse) -> _Transaction:
    """Return the key of a message's transaction.

    Raises:
        ValueError: it has no Via or CSeq.
    """
    vias, sequence = message.via, message.cseq
    if not vias or sequence is None:
        raise ValueError("no Via or CSeq")
    return f"{vias[0].host}:{vias[0].branch or ''}:{message.call_id}", sequence.method.upper()
