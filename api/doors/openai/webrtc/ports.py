"""The sockets of WebRTC calls: their ports, of the operator's range, and the addresses at which clients reach them."""

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioice import Candidate
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, server_reflexive_candidate
from aiortc import RTCIceGatherer

from api.settings import Settings
from pipeline.errors import PipelineError

LOOPBACK = "127.0.0.1"
"""The only address of a machine without a network."""

STUN_S = 5.0


class PortsTaken(PipelineError):
    """Every UDP port of WebRTC calls is in use."""

    code = "ports_taken"
    http_status = 503


@dataclass(frozen=True, slots=True)
class IceRules:
    """How connections are found.

    Attributes:
        ports: the UDP ports; None for any.
        address: what clients reach them at, beside the machine's own addresses; empty for those alone.
        servers: STUN and TURN, as the arguments of aiortc's `RTCIceServer`.
    """

    ports: range | None
    address: str
    servers: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, settings: Settings) -> "IceRules":
        """Read them from the settings."""
        servers: list[dict[str, Any]] = [{"urls": settings.webrtc_stun}] if settings.webrtc_stun else []
        if settings.webrtc_turn:
            password = settings.webrtc_turn_password
            secret = password.get_secret_value() if password is not None else ""
            turn = {"urls": settings.webrtc_turn, "username": settings.webrtc_turn_user, "credential": secret}
            servers.append(turn)
        return cls(settings.webrtc_port_range, settings.webrtc_address, tuple(servers))


def bind_in(rules: IceRules, gatherer: RTCIceGatherer) -> None:
    """Have a connection that has gathered nothing yet bind its sockets by the rules.

    aiortc asks its ICE connection for candidates on any port, and none on a machine that has only a loopback.
    """
    connection: Connection = gatherer._connection  # no public way leads to it
    gather = connection.get_component_candidates

    async def candidates(component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:  # noqa: ASYNC109
        addresses = addresses or [LOOPBACK]
        if rules.ports is None:
            return await gather(component, addresses, timeout)
        found = []
        for address in addresses:
            protocol = await _bound(connection, address, rules.ports)
            connection._protocols.append(protocol)
            found.append(protocol.local_candidate)
            if connection.stun_server is not None and ":" not in address:
                found += await _reflexive(protocol, connection.stun_server)
        return found + await gather(component, [], timeout)  # from a TURN server

    connection.get_component_candidates = candidates  # type: ignore[method-assign]


def answering(rules: IceRules, offer: str) -> str:
    """Return an offer without the addresses that it names, unless connections go through others' servers.

    A client reaches the service at an address of the answer, and shows by that where it is. To send to addresses that
    it names instead would let it have any host of the service's network asked.
    """
    if rules.servers:
        return offer
    lines = offer.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates")))


def named(rules: IceRules, sdp: str) -> str:
    """Return an answer that names the operator's address, too."""
    if not rules.address:
        return sdp
    lines = []
    for line in sdp.split("\r\n"):
        lines.append(line)
        if line.startswith("a=candidate:") and line.endswith("typ host") and ":" not in line.split(" ")[4]:
            parts = line.split(" ")
            parts[0] = f"a=candidate:{candidate_foundation('host', 'udp', rules.address)}"
            parts[4] = rules.address
            if (other := " ".join(parts)) not in lines:
                lines.append(other)
    return "\r\n".join(lines)


async def _bound(connection: Connection, address: str, ports: range) -> StunProtocol:
    loop = asyncio.get_running_loop()
    made: Callable[[], StunProtocol] = lambda: StunProtocol(connection)  # noqa: E731
    first = random.randrange(len(ports))
    for place in range(len(ports)):
        bound = _socket(address, ports[(first + place) % len(ports)])
        if bound is None:
            continue
        _, protocol = await loop.create_datagram_endpoint(made, sock=bound)
        host, port = bound.getsockname()[:2]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host"),
            host=host,
            port=port,
            type="host",
        )
        return protocol
    raise PortsTaken("Every UDP port of WebRTC calls is in use: try again in a moment, or widen GLOW_WEBRTC_PORTS.")


def _socket(address: str, port: int) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((address, port))
    except OSError:
        made.close()
        return None
    return made


async def _reflexive(protocol: StunProtocol, server: tuple[str, int]) -> list[Candidate]:
    try:
        async with asyncio.timeout(STUN_S):
            return [(await server_reflexive_candidate(protocol, server))[0]]
    except Exception:  # noqa: BLE001  # without an answer of the server there is no such candidate
        return []
