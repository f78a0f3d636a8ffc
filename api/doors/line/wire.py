"""The transport of a line: a websocket, a TCP stream, a socket.io connection."""

from enum import Enum, auto
from typing import Protocol

Message = str | bytes
"""One message of a caller's protocol, in either direction; only the dialect reads it."""


class Close(Enum):
    """Why a wire is closed; each wire maps it to its protocol."""

    ENDED = auto()
    """The call is over."""
    NOT_ALLOWED = auto()
    """The caller has no access, or does not speak the protocol."""
    REVOKED = auto()
    """The caller's token was revoked or has expired, or its user was deleted."""
    TOO_LARGE = auto()
    """A message was larger than the wire's limit; the call can be resumed."""
    BROKEN = auto()
    """Something broke on our side."""
    RESTARTING = auto()
    """The connection ends and the call does not: connect again and resume it."""
    BUSY = auto()
    """As many calls as the service carries are open, or its database is away; come back in a moment."""
    GONE = auto()
    """The caller disconnected first."""


class Wire(Protocol):
    """One caller's connection: whole messages in and out."""

    async def receive(self) -> Message | None:
        """Wait for the next message; None once the caller has disconnected.

        Raises:
            Refused: the message is larger than the wire's limit.
            ConnectionError, EOFError: the connection is lost.
        """
        ...

    async def send(self, message: Message, /) -> None:
        """Send a message; returns when the next one may be sent.

        Raises:
            ConnectionError: the connection is lost.
        """
        ...

    async def close(self, reason: Close, /) -> None:
        """Close the connection; called once, after everything else. With `GONE` there is nobody to send a reason to."""
        ...


class LineRefused(Exception):
    """The line cannot go on: the error to send, and why the wire is closed.

    Attributes:
        code: stable identifier.
        reason: what the wire is closed with.
    """

    def __init__(self, code: str, message: str, reason: Close = Close.NOT_ALLOWED) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
