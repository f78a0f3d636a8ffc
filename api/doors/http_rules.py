"""What a connection may cost before it has asked for something: uvicorn's HTTP protocol, with bounds.

uvicorn takes headers of any size, waits for them and for bodies without end, and counts nothing by address. This
subclass bounds the size and the lines of a request's head, closes what stalls, and bounds the connections of an
address; one that carries a call does not count.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LEASE = "lease"
"""The key of a connection's lease in the state of its ASGI scopes."""

RETRY_S = 5

LINGER_S = 1.0
"""How long a refused connection is read from, and nothing done with it."""


@dataclass(frozen=True, slots=True)
class HttpRules:
    """The bounds of every connection.

    Attributes:
        head_bytes: bytes of a request's line and headers together; beyond, 431.
        header_lines: number of headers; beyond, 431.
        stall_s: seconds within which a request's head has come, and the most between two parts of its body; then 408.
        unread_bytes: what is read and dropped of a body after its answer, before the connection is closed.
        per_address: connections without a call from one address; a further one gets 503. 0 for no bound.
    """

    head_bytes: int = 64 * 1024
    header_lines: int = 100
    stall_s: float = 10.0
    unread_bytes: int = 24 * 1024 * 1024
    per_address: int = 200


class Connections:
    """Counts the connections of each address.

    Args:
        per_address: the bound; 0 for none.
    """

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._open = Counter[str]()

    def enter(self, address: str) -> "Lease | None":
        """Count a connection; None where the address has as many as it may."""
        if 0 < self._per_address <= self._open[address]:
            return None
        self._open[address] += 1
        return Lease(self._open, address)


class Lease:
    """One connection's place in the count of its address."""

    def __init__(self, counts: "Counter[str]", address: str) -> None:
        self._counts = counts
        self._address = address
        self._released = False

    def release(self) -> None:
        """Count the connection no more: it is closed, or carries a call. Releasing twice is harmless."""
        if not self._released:
            self._released = True
            self._counts[self._address] -= 1
            if not self._counts[self._address]:
                del self._counts[self._address]


def bounded_protocol(rules: HttpRules) -> type[HttpToolsProtocol]:
    """Make uvicorn's HTTP protocol with these bounds; all its connections are counted together."""
    connections = Connections(rules.per_address)

    class Bounded(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._refused = False
            self._head, self._unread = 0, 0
            self._heard_at = self._head_began = self.loop.time()
            self._in_head, self._head_too_large = True, False
            self._deadline = self.loop.call_later(rules.stall_s, self._check)
            host = self.client[0] if self.client else ""
            self._lease = None
            if not _is_trusted(host, self.config.forwarded_allow_ips):
                self._lease = connections.enter(host)
                if self._lease is None:
                    self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
                    return
                self.app_state = {**self.app_state, LEASE: self._lease}

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._deadline.cancel()
            if self._lease is not None:
                self._lease.release()

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            self._heard_at = self.loop.time()
            if self._in_head:
                self._head += len(data)
            elif self.cycle is not None and self.cycle.response_complete:
                self._unread += len(data)
            super().data_received(data)
            if self._in_head and self._head > rules.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif self._unread > rules.unread_bytes:
                self.transport.close()

        def handle_websocket_upgrade(self) -> None:
            self._deadline.cancel()
            self._in_head = False
            super().handle_websocket_upgrade()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if not self._in_head:
                self._in_head, self._head, self._head_began = True, 0, self.loop.time()

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            if len(self.headers) > rules.header_lines:
                self._check_head()

        def on_headers_complete(self) -> None:
            self._check_head()
            self._in_head = False
            self._unread = 0
            super().on_headers_complete()

        def on_response_complete(self) -> None:
            self._heard_at = self.loop.time()
            super().on_response_complete()

        def send_400_response(self, msg: str) -> None:
            if self._head_too_large:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            else:
                super().send_400_response(msg)

        def _check_head(self) -> None:
            """Stop the parser, which answers by `send_400_response`, at a head that is too large."""
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            self._head_too_large = len(self.headers) > rules.header_lines or size > rules.head_bytes
            if self._head_too_large:
                raise ValueError

        def _check(self) -> None:
            """Close a connection that stalls; look again when it may have."""
            now = self.loop.time()
            answering = self.cycle is not None and not self.cycle.response_complete
            if (answering and not self.cycle.more_body) or self.flow.read_paused:
                due = now + rules.stall_s  # we are the slower ones
            else:
                due = (self._head_began if self._in_head else self._heard_at) + rules.stall_s
            if due > now:
                self._deadline = self.loop.call_at(due, self._check)
            elif answering and self.cycle.response_started:
                self.transport.close()
            else:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)

        def _refuse(self, status: HTTPStatus) -> None:
            """Answer, then drop what still comes for a moment: to close at once could take the answer with it."""
            if self._refused:
                return
            self._refused = True
            self._deadline.cancel()
            if not self.transport.is_closing():
                self.transport.write(_refusal(status))
                if self.transport.can_write_eof():
                    self.transport.write_eof()
                    self._deadline = self.loop.call_later(LINGER_S, self.transport.close)
                else:
                    self.transport.close()

    return Bounded


_SENTENCES = {
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time; send it whole, and at once.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too long or too many; send fewer.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many connections from this address; close some, or try again in a moment.",
}


def _refusal(status: HTTPStatus) -> bytes:
    body = f'{{"detail":"{_SENTENCES[status]}"}}'.encode()
    retry = f"retry-after: {RETRY_S}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n{retry}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def _is_trusted(host: str, trusted: "list[str] | str") -> bool:
    """Return whether the address is a proxy's, which speaks for many, or none at all (a Unix socket)."""
    names = [name.strip() for name in trusted.split(",")] if isinstance(trusted, str) else trusted
    if not host or "*" in names or host in names:
        return True
    for name in names:
        try:
            if ip_address(host) in ip_network(name):
                return True
        except ValueError:
            continue
    return False


def release_lease(scope: Any) -> None:
    """Count the connection of an ASGI scope no more: it carries a call now."""
    lease = scope.get("state", {}).get(LEASE)
    if isinstance(lease, Lease):
        lease.release()
