"""What carries packets between processes: PostgreSQL or Redis."""

from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.errors import PipelineError

EVERYBODY = "all"
"""The address at which every process listens, the sender included."""

Received = Callable[[bytes], None]
"""Takes a packet that has come; never waits."""


class TransportLost(PipelineError):
    """The server of the bus cannot be reached; the bus connects again by itself."""

    code = "bus_lost"
    http_status = 503


class BusLink(Protocol):
    """A connection to the server of the bus. Packets of one sender come in the order in which they were sent."""

    async def send(self, packets: Sequence[tuple[str, bytes]]) -> None:
        """Send packets, each to an address.

        Raises:
            TransportLost: the connection is lost.
        """
        ...

    async def lost(self) -> None:
        """Return when the connection is lost."""
        ...

    async def close(self) -> None:
        """Close the connection. Raises nothing."""
        ...


class Transport(Protocol):
    """A way to the other processes.

    Attributes:
        packet_bytes: the size of the largest packet.
        gather_s: how long packets are gathered, to be sent together.
        carries_audio: whether it is made for the audio of calls.
    """

    packet_bytes: int
    gather_s: float
    carries_audio: bool

    async def connect(self, address: str, received: Received) -> BusLink:
        """Connect, and listen at this address and at `EVERYBODY`.

        Raises:
            TransportLost: the server cannot be reached.
        """
        ...
