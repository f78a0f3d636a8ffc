"""What carries a caller's messages: a websocket, a TCP stream, a socket.io seat."""

from enum import Enum, auto
from typing import Protocol

Message = str | bytes
"""One message of a caller's protocol, either way. What it holds is for the dialect to say."""


class Close(Enum):
    """Why a wire is closed, for it to say in its own protocol's way."""

    ENDED = auto()
    """The call is over."""
    NOT_ALLOWED = auto()
    """The caller may not, or does not speak the protocol."""
    TOO_LARGE = auto()
    """A message was larger than the wire takes; the call can be resumed."""
    BROKEN = auto()
    """Something broke on our side."""
    RESTARTING = auto()
    """The connection ends and the call does not: connect again and resume it."""
    BUSY = auto()
    """As many calls as the service carries are open; come back in a moment."""
    GONE = auto()
    """The caller went first: there is nobody to tell."""


class Wire(Protocol):
    """One caller's connection: whole messages in and out, of a protocol that only the dialect understands."""

    async def receive(self) -> Message | None:
        """Wait for the next message; None once the caller has gone.

        Raises:
            Refused: the message is larger than this wire takes.
            ConnectionError, EOFError: the caller has gone without a word.
        """
        ...

    async def send(self, message: Message, /) -> None:
        """Send a message; returns when the next one may be sent.

        Raises:
            ConnectionError: the caller has gone.
        """
        ...

    async def close(self, reason: Close, /) -> None:
        """Close the connection; called once, and the last that is asked of a wire. After `GONE` nobody listens."""
        ...


class Refused(Exception):
    """The connection cannot go on: the error to tell, and why it is closed.

    Attributes:
        code: stable identifier.
        reason: what the wire is closed with.
    """

    def __init__(self, code: str, message: str, reason: Close = Close.NOT_ALLOWED) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
